//! The chart: linted, rendered for many values, and every object taken by a real API server (a server-side dry run).
//! Its `ValidatingAdmissionPolicy` holds the hub to what it owns.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may fail loudly")]

use anyhow::{Context, Result, ensure};
use http::{Method, Request};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use spillway_e2e::chart::{directory, helm::Helm};
use spillway_e2e::world::{Options, World, wait_until};

const MEMBER: &str = "member.enabled=true,member.name=sz-1,member.region=shenzhen";

/// Values that must be taken.
const GOOD: [&str; 9] = [
    "hub.enabled=true",
    "hub.enabled=true,hub.replicas=1,hub.federation=gov.example,hub.profiling=true,hub.extraArgs={--trace-timeline=/tmp/t}",
    "member.enabled=true,member.name=sz-1,member.region=shenzhen",
    "member.enabled=true,member.name=sz-1,member.region=shenzhen,member.kind=DaemonSet,member.exposure=HostPort,member.dns.exposure=HostPort",
    "member.enabled=true,member.name=sz-1,member.region=shenzhen,member.exposure=NodePort,member.service.nodePorts.http=30080,member.service.nodePorts.spill=30443,member.dns.exposure=NodePort,member.dns.nodePort=30053",
    "member.enabled=true,member.name=sz-1,member.region=shenzhen,member.dns.exposure=None,member.replicas=1,crds.install=false,ingressClass.create=false,member.listenAddress=0.0.0.0,member.lameDuckSeconds=0",
    "member.enabled=true,member.name=sz-1,member.region=shenzhen,member.hubAccess.create=true,member.hubPolicy.enabled=true,member.https=true,member.tlsSecretNamespaces={default},member.defaultCertificate=default/web,image.registry=registry.example.com/spillway/,image.tag=v9,image.pullSecrets={pull},member.service.loadBalancerClass=example.com/lb,member.podLabels.team=edge,member.podAnnotations.note=yes",
    "hub.enabled=true,hub.inPlace=true,member.enabled=true,member.name=sz-1,member.region=shenzhen,monitoring.serviceMonitor=true,monitoring.prometheusRule=true,monitoring.dashboard=true,monitoring.labels.release=prometheus,crds.keep=false",
    "hub.enabled=true,hub.inPlace=true,hub.egress.limited=true,hub.egress.apiServers={192.0.2.0/24,2001:db8::/48},hub.egress.peers={198.51.100.7/32},member.enabled=true,member.name=sz-1,member.region=shenzhen,member.egress.limited=true,member.egress.apiServers={192.0.2.1/32},member.egress.apiServerPorts={8443},member.egress.peers={198.51.100.0/24},member.egress.extra[0].ports[0].port=4318",
];

/// Values that must be refused, and what the message names.
const BAD: [(&str, &str); 16] = [
    ("member.enabled=true,member.name=a,member.region=b,member.https=true", "member.tlsSecretNamespaces"),
    ("hub.enabled=false", "nothing to install"),
    ("member.enabled=true", "/member/name"),
    ("member.enabled=true,member.name=sz-1", "/member/region"),
    ("member.enabled=true,member.name=Sz_1,member.region=r", "/member/name"),
    ("hub.enabled=true,hub.replicas=0", "/hub/replicas"),
    ("hub.enabled=true,hub.leaseDurationSeconds=1", "/hub/leaseDurationSeconds"),
    ("hub.enabled=true,hub.replica=2", "replica"),
    ("member.enabled=true,member.name=a,member.region=b,member.exposure=Ingress", "/member/exposure"),
    ("member.enabled=true,member.name=a,member.region=b,member.dns.nodePort=53", "/member/dns/nodePort"),
    (
        "member.enabled=true,member.name=a,member.region=b,member.tlsSecretNamespaces={*}",
        "/member/tlsSecretNamespaces",
    ),
    ("member.enabled=true,member.name=a,member.region=b,hub.inPlace=true", "hub.inPlace"),
    ("hub.enabled=true,hub.egress.limited=true", "hub.egress.apiServers"),
    ("hub.enabled=true,hub.egress.limited=true,hub.networkPolicy=false", "hub.networkPolicy"),
    ("hub.enabled=true,hub.egress.apiServers={192.0.2.1}", "/hub/egress/apiServers"),
    (
        "hub.enabled=true,member.enabled=true,member.name=a,member.region=b,member.hubPolicy.enabled=true",
        "member.hubPolicy.enabled",
    ),
];

/// Kinds of the Prometheus operator, which the world does not have.
const FOREIGN: [&str; 2] = ["ServiceMonitor", "PrometheusRule"];

fn helm() -> Result<Option<Helm>> {
    let helm = Helm::find_or_build(&mut |progress| eprintln!("chart: {progress}"))?;
    if helm.is_none() {
        eprintln!("chart: SKIPPED: there is neither Go nor a Helm that HELM names");
    }
    Ok(helm)
}

#[test]
fn values_that_are_wrong_are_refused_by_name() -> Result<()> {
    let Some(helm) = helm()? else { return Ok(()) };
    let chart = directory();
    for values in GOOD {
        helm.succeed(&["lint", "--strict", chart.to_str().unwrap(), "--set", values])?;
    }
    for (values, names) in BAD {
        let output = helm.run(&["template", "x", chart.to_str().unwrap(), "--set", values])?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            !output.status.success() && said.contains(names),
            "{values}: expected {names:?}, Helm says: {said}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_takes_every_object() -> Result<()> {
    let Some(helm) = helm()? else { return Ok(()) };
    let world = World::raise(Options::single_plane()).await?;
    for values in GOOD {
        for object in objects(&helm, values)? {
            apply(world.hub(), &object, true).await.with_context(|| values.to_owned())?;
        }
    }
    the_policy_holds_the_hub(&world, &helm).await
}

fn objects(helm: &Helm, values: &str) -> Result<Vec<DynamicObject>> {
    let documents = serde_saphyr::from_multiple::<Value>(&helm.render(values)?)?;
    let objects = documents.into_iter().filter(|document| !document.is_null());
    let objects: Vec<DynamicObject> = objects.map(serde_json::from_value).collect::<Result<_, _>>()?;
    ensure!(objects.len() >= 5, "{values} renders only {} objects", objects.len());
    let foreign =
        |object: &DynamicObject| FOREIGN.contains(&object.types.as_ref().map_or("", |t| t.kind.as_str()));
    Ok(objects.into_iter().filter(|object| !foreign(object)).collect())
}

async fn apply(client: &Client, object: &DynamicObject, dry: bool) -> Result<()> {
    let types = object.types.as_ref().context("an object without a kind")?;
    let what = format!("{} {}", types.kind, object.name_any());
    let (resource, capabilities) =
        pinned_kind(client, &GroupVersionKind::try_from(types)?).await.with_context(|| what.clone())?;
    let api: Api<DynamicObject> = match (capabilities.scope, object.namespace()) {
        (Scope::Namespaced, Some(namespace)) => Api::namespaced_with(client.clone(), &namespace, &resource),
        (Scope::Namespaced, None) => anyhow::bail!("{what} names no namespace"),
        (Scope::Cluster, _) => Api::all_with(client.clone(), &resource),
    };
    let mut params = PatchParams::apply("helm").force();
    params.dry_run = dry;
    params.field_validation = Some(kube::api::ValidationDirective::Strict);
    api.patch(&object.name_any(), &params, &Patch::Apply(object)).await.with_context(|| what)?;
    Ok(())
}

/// As the hub's account, with the chart's own RBAC: what it owns is written, all else is refused.
async fn the_policy_holds_the_hub(world: &World, helm: &Helm) -> Result<()> {
    let values = format!("{MEMBER},member.hubAccess.create=true,member.hubPolicy.enabled=true");
    for object in objects(helm, &values)? {
        let kind = object.types.as_ref().map_or("", |types| types.kind.as_str());
        let wanted = ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"].contains(&kind)
            || kind.starts_with("ValidatingAdmission");
        if wanted {
            apply(world.hub(), &object, false).await?;
        }
    }
    make(
        world.hub(),
        "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
        &ingress("theirs", "nginx", &json!({})),
    )
    .await?;
    wait_until(std::time::Duration::from_secs(30), "the policy to be in force", async || {
        let said = try_as_hub(
            world,
            &Method::POST,
            "/api/v1/namespaces",
            &json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"generateName": "dry-", "labels": {"a": "b"}}}),
            true,
        )
        .await?;
        ensure!(said.contains("gives them no labels"), "{said}");
        Ok(())
    })
    .await?;
    for (what, method, path, body, says) in tries() {
        let said = try_as_hub(world, &method, path, &body, false).await?;
        ensure!(said.contains(says), "{what}: expected {says:?}, got {said:?}");
    }
    Ok(())
}

type Try = (&'static str, Method, &'static str, Value, &'static str);

fn tries() -> Vec<Try> {
    let ours = json!({"app.kubernetes.io/managed-by": "spillway", "kube-federation.io/hub-uid": "u"});
    let ingresses = "/apis/networking.k8s.io/v1/namespaces/default/ingresses";
    let theirs = "/apis/networking.k8s.io/v1/namespaces/default/ingresses/theirs";
    let copy = "/apis/networking.k8s.io/v1/namespaces/default/ingresses/copy";
    let secret = |name: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": ours.clone()}});
    let secrets = "/api/v1/namespaces/spillway-system/secrets";
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let unlabelled = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": null, "kube-federation.io/hub-uid": null}}});
    let label = json!({"metadata": {"labels": ours.clone()}});
    vec![
        (
            "an Ingress without our labels",
            Method::POST,
            ingresses,
            ingress("copy", "spillway", &json!({})),
            "its own labels",
        ),
        (
            "an Ingress of another class",
            Method::POST,
            ingresses,
            ingress("copy", "nginx", &ours),
            "of the class spillway",
        ),
        ("a copy", Method::POST, ingresses, ingress("copy", "spillway", &ours), "ok"),
        ("a foreign Ingress made ours", Method::PATCH, theirs, label, "its own labels"),
        ("a foreign Ingress deleted", Method::DELETE, theirs, json!({}), "its own labels"),
        ("another Secret", Method::POST, secrets, secret("mine"), "spillway-gateway-identity"),
        ("the identity", Method::POST, secrets, secret("spillway-gateway-identity"), "ok"),
        ("a namespace", Method::POST, "/api/v1/namespaces", namespace, "ok"),
        ("a copy that is released", Method::PATCH, copy, unlabelled, "ok"),
        ("a copy that was released", Method::DELETE, copy, json!({}), "its own labels"),
    ]
}

fn ingress(name: &str, class: &str, labels: &Value) -> Value {
    let backend = json!({"service": {"name": name, "port": {"number": 80}}});
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name, "labels": labels},
        "spec": {"ingressClassName": class, "defaultBackend": backend}})
}

async fn make(client: &Client, path: &str, body: &Value) -> Result<()> {
    let request =
        Request::post(path).header("content-type", "application/json").body(serde_json::to_vec(body)?)?;
    client.request::<Value>(request).await?;
    Ok(())
}

/// `ok`, or what the API server says.
async fn try_as_hub(world: &World, method: &Method, path: &str, body: &Value, dry: bool) -> Result<String> {
    let path = if dry { format!("{path}?dryRun=All") } else { path.to_owned() };
    let content = if *method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", content)
        .header("impersonate-user", "system:serviceaccount:spillway-system:spillway-hub")
        .body(serde_json::to_vec(body)?)?;
    match world.hub().request::<Value>(request).await {
        Ok(_) => Ok("ok".to_owned()),
        Err(kube::Error::Api(status)) => Ok(status.message.clone()),
        Err(error) => Err(error.into()),
    }
}
