//! What each part must not do, tried on real API servers with exactly the chart's RBAC, and denied.
//!
//! Authorisation comes before a request's body is read, so an empty body is enough to try a write.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may fail loudly")]

use anyhow::{Context, Result, ensure};
use http::{Method, Request};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use spillway_e2e::world::{HUB, Options, World};

const OWN: &str = "/api/v1/namespaces/spillway-system/secrets";
const IDENTITY: &str = "/api/v1/namespaces/spillway-system/secrets/spillway-gateway-identity";
const INGRESS: &str = "/apis/networking.k8s.io/v1/namespaces/default/ingresses";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const OURS: &str = "/apis/kube-federation.io/v1alpha1";

/// Who, and what is denied.
fn denied() -> Vec<(&'static str, &'static str, Method, String)> {
    let everybody =
        [(HUB, "controller"), ("shenzhen", "controller"), ("shenzhen", "gateway"), (HUB, "gateway")];
    let mut tries = Vec::new();
    for (cluster, who) in everybody {
        for (method, path) in [
            (Method::GET, "/api/v1/secrets".to_owned()),
            (Method::GET, "/api/v1/namespaces/default/secrets".to_owned()),
            (Method::GET, "/api/v1/namespaces/kube-system/secrets/any".to_owned()),
            (Method::POST, "/api/v1/namespaces/default/secrets".to_owned()),
            (Method::POST, "/api/v1/namespaces/default/pods".to_owned()),
            (Method::GET, "/api/v1/namespaces/default/configmaps".to_owned()),
            (Method::POST, "/api/v1/namespaces/default/services".to_owned()),
            (Method::DELETE, "/api/v1/namespaces/default".to_owned()),
            (Method::PATCH, "/api/v1/namespaces/default".to_owned()),
            (Method::POST, "/api/v1/namespaces/spillway-system/serviceaccounts/default/token".to_owned()),
            (Method::POST, format!("{RBAC}/clusterrolebindings")),
            (Method::PATCH, format!("{RBAC}/clusterroles/spillway-gateway")),
            (
                Method::DELETE,
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/regionpriorities.kube-federation.io"
                    .to_owned(),
            ),
            (Method::POST, "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies".to_owned()),
        ] {
            tries.push((cluster, who, method, path));
        }
    }
    tries.extend([
        (HUB, "controller", Method::PATCH, format!("{INGRESS}/source")),
        (HUB, "controller", Method::DELETE, format!("{INGRESS}/source")),
        (HUB, "controller", Method::POST, "/api/v1/namespaces".to_owned()),
        (HUB, "controller", Method::GET, "/api/v1/namespaces/default".to_owned()),
        (HUB, "controller", Method::DELETE, format!("{OWN}/shenzhen-kubeconfig")),
        (HUB, "controller", Method::PATCH, format!("{OWN}/spillway-ca")),
        (HUB, "controller", Method::DELETE, format!("{OURS}/memberclusters/shenzhen")),
        (HUB, "controller", Method::POST, format!("{OURS}/memberclusters")),
        ("shenzhen", "controller", Method::GET, OWN.to_owned()),
        ("shenzhen", "controller", Method::GET, format!("{OWN}/another")),
        ("shenzhen", "controller", Method::PATCH, format!("{OWN}/another")),
        ("shenzhen", "controller", Method::GET, format!("{OURS}/memberclusters")),
        ("shenzhen", "controller", Method::GET, "/api/v1/services".to_owned()),
        ("shenzhen", "gateway", Method::GET, OWN.to_owned()),
        ("shenzhen", "gateway", Method::PATCH, IDENTITY.to_owned()),
        ("shenzhen", "gateway", Method::POST, INGRESS.to_owned()),
        ("shenzhen", "gateway", Method::PATCH, format!("{OURS}/regionpriorities/any")),
        ("shenzhen", "gateway", Method::POST, "/apis/events.k8s.io/v1/namespaces/default/events".to_owned()),
    ]);
    tries
}

/// Who, and what is not denied: that a request is refused for another reason is well.
fn allowed() -> Vec<(&'static str, &'static str, Method, String)> {
    let own = format!("{OWN}?fieldSelector=metadata.name%3Dspillway-gateway-identity");
    vec![
        (HUB, "controller", Method::GET, OWN.to_owned()),
        (HUB, "controller", Method::GET, "/apis/networking.k8s.io/v1/ingresses".to_owned()),
        (HUB, "controller", Method::GET, "/api/v1/namespaces/kube-system".to_owned()),
        ("shenzhen", "controller", Method::GET, own.clone()),
        ("shenzhen", "controller", Method::GET, format!("{OURS}/gatewaypeers")),
        ("shenzhen", "gateway", Method::GET, own),
        ("shenzhen", "gateway", Method::GET, "/api/v1/services".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_is_denied_what_it_must_not_do() -> Result<()> {
    let world = World::raise(Options::without_programs(&["shenzhen"])).await?;
    for (cluster, who, method, path) in denied() {
        let code = try_it(&user(&world, cluster, who).await?, &method, &path).await?;
        ensure!(code == 403, "{who} of {cluster}: {method} {path} was answered {code}, not 403");
    }
    for (cluster, who, method, path) in allowed() {
        let code = try_it(&user(&world, cluster, who).await?, &method, &path).await?;
        ensure!(code != 403 && code != 401, "{who} of {cluster}: {method} {path} was denied");
    }
    Ok(())
}

async fn try_it(client: &Client, method: &Method, path: &str) -> Result<u16> {
    let content = if *method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let request = Request::builder().method(method).uri(path).header("content-type", content);
    match client.request::<serde_json::Value>(request.body(b"{}".to_vec())?).await {
        Ok(_) => Ok(200),
        Err(kube::Error::Api(status)) => Ok(status.code),
        Err(error) => Err(error).with_context(|| format!("{method} {path}")),
    }
}

async fn user(world: &World, cluster: &str, who: &str) -> Result<Client> {
    let file = world.dir().join(cluster).join(format!("{who}.kubeconfig"));
    let kubeconfig = Kubeconfig::read_from(file)?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}
