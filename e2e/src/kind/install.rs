//! The chart by Helm, members by `kubectl spillway join`, the demo app.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::edition::Edition;
use super::images::APP;
use super::tool::run;
use crate::backend::{Behaviour, Named};
use crate::chart::helm::Helm;
use crate::requests;

/// Ports of every node, from the range that Kubernetes deals out: people's, the peers', the resolvers', the gateway's admin
/// port and the demo app's switches.
pub(super) const HTTP: u16 = 30080;
pub(super) const SPILL: u16 = 30443;
pub(super) const DNS: u16 = 30053;
pub(super) const ADMIN: u16 = 30901;
pub(super) const SWITCHES: u16 = 30474;

/// The member whose gateways are a `DaemonSet` on ports of the node. The others are a Deployment behind Services.
pub(super) const ON_HOST_PORTS: &str = "chengdu";
/// The hub's values. A federation with a name of its own outlives the cluster of its hub.
const HUB: &str = "hub.enabled=true,hub.replicas=1,hub.federation=kind.story.test";

/// `helm upgrade --install` with the values of this cluster's role, and these. Whether all is well is asked later, of the hub.
pub(super) fn chart(helm: &Helm, cluster: &Cluster, edition: &Edition, more: &str) -> Result<()> {
    let role = if cluster.role == "hub" { HUB.to_owned() } else { member(&cluster.role) };
    let values = format!("{},{role}{}{more}", edition.values, if more.is_empty() { "" } else { "," });
    let chart = edition.chart()?;
    in_release(
        helm,
        cluster,
        &["upgrade", "--install", "spillway", chart, "--create-namespace", "--set", &values],
    )
}

/// `helm upgrade` to another edition, as docs/operations.md has it: what was set stays set.
pub(super) fn upgrade(helm: &Helm, cluster: &Cluster, edition: &Edition) -> Result<()> {
    let words =
        ["upgrade", "spillway", edition.chart()?, "--reset-then-reuse-values", "--set", &edition.values];
    in_release(helm, cluster, &words)
}

/// Helm, where the chart's release is.
pub(super) fn in_release(helm: &Helm, cluster: &Cluster, words: &[&str]) -> Result<()> {
    let kubeconfig = cluster.kubeconfig.to_str().context("the kubeconfig's path")?;
    helm.succeed(&[words, &["--kubeconfig", kubeconfig, "-n", "spillway-system"]].concat()).map(drop)
}

/// The values of a member that is not the hub.
fn member(region: &str) -> String {
    format!("{},{},member.hubPolicy.enabled=true", gateway(region, region), door(region))
}

/// The values of a hub that is a member, too, beside those of a hub.
pub(super) fn in_place_values(region: &str) -> String {
    format!("hub.inPlace=true,{},{}", gateway("hub", region), door("hub"))
}

fn gateway(name: &str, region: &str) -> String {
    format!("member.enabled=true,member.name={name},member.region={region}")
}

/// How a member's gateways are run and reached: both ways that need no load balancer. Its ports are the same.
fn door(name: &str) -> String {
    if name == ON_HOST_PORTS {
        // One gateway on each node, which holds ports of it: the next one comes when it has gone.
        return format!(
            "member.kind=DaemonSet,member.exposure=HostPort,member.hostPorts.http={HTTP},member.hostPorts.spill={SPILL},\
             member.dns.exposure=HostPort,member.hostPorts.dns={DNS}"
        );
    }
    // One gateway behind ports of the node, so that an upgrade can start the next one beside it.
    format!(
        "member.replicas=1,member.exposure=NodePort,member.service.nodePorts.http={HTTP},\
         member.service.nodePorts.spill={SPILL},member.dns.exposure=NodePort,member.dns.nodePort={DNS}"
    )
}

/// What runs the product on a cluster, as kubectl names it.
pub(super) fn workload(role: &str) -> &'static str {
    match role {
        "hub" => "deployment/spillway-controller",
        ON_HOST_PORTS => "daemonset/spillway-gateway",
        _ => "deployment/spillway-gateway",
    }
}

/// `kubectl spillway` with an administrator's kubeconfig of the hub.
pub(super) async fn spillway(programs: &Path, hub: &Cluster, words: &[&str]) -> Result<String> {
    let kubeconfig = hub.kubeconfig.to_str().context("the kubeconfig's path")?;
    run(programs.join("kubectl-spillway"), &[&["--kubeconfig", kubeconfig], words].concat()).await
}

/// `kubectl spillway join`.
pub(super) async fn join(programs: &Path, hub: &Cluster, member: &Cluster) -> Result<()> {
    let (address, server) = (member.address.to_string(), format!("https://{}:6443", member.address));
    let kubeconfig = member.kubeconfig.to_str().context("the kubeconfig's path")?;
    let (http, spill) = (HTTP.to_string(), SPILL.to_string());
    let way = ["--member-kubeconfig", kubeconfig, "--member-server", &server];
    let door = ["--front-door", &address, "--http-port", &http, "--spill-port", &spill];
    let who = ["join", &member.role, "--region", &member.role];
    spillway(programs, hub, &[&who[..], &door, &way].concat()).await.map(drop)
}

/// The demo app in a pod, its Service, and its switches and the gateway's admin port on the node.
pub(super) async fn app(cluster: &Cluster) -> Result<()> {
    let labels = json!({"app": "api-gateway"});
    let arguments = json!([
        "backend",
        "--region",
        cluster.role,
        "--control",
        "0.0.0.0:9474",
        "--state",
        "/tmp/backends.json"
    ]);
    let container = json!({"name": "app", "image": APP, "imagePullPolicy": "Never", "args": arguments,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api-gateway"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
            "spec": {"containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}]}}}});
    let gateway = json!({"app.kubernetes.io/component": "gateway"});
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
        deployment,
        service("api-gateway", "default", &labels, &json!({"name": "http", "port": 8080, "targetPort": 8081}), false),
        service("switches", "default", &labels, &json!({"port": 9474, "nodePort": SWITCHES}), true),
        service("gateway-admin", "spillway-system", &gateway, &json!({"port": 9901, "nodePort": ADMIN}), true),
    ]});
    cluster.kubectl(&["apply", "-f", "-"], &objects.to_string()).await?;
    cluster.kubectl(&["rollout", "status", "deployment/api-gateway", "--timeout=120s"], "").await?;
    let app = Named {
        name: "api-gateway".into(),
        listen: "0.0.0.0:8081".parse()?,
        behaviour: Behaviour::default(),
        requests: 0,
    };
    let switches = std::net::SocketAddrV4::new(cluster.address, SWITCHES);
    crate::wait::wait_until(std::time::Duration::from_secs(30), "the app's switches", async || {
        requests::put(switches, "/backends", &app).await
    })
    .await
}

fn service(name: &str, namespace: &str, selector: &Value, port: &Value, on_nodes: bool) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": if on_nodes { "NodePort" } else { "ClusterIP" }, "selector": selector, "ports": [port.clone()]}})
}
