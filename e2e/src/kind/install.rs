//! Images into nodes, the chart by Helm, members by `kubectl spillway join`, the demo app.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::tool::run;
use crate::backend::{Behaviour, Named};
use crate::chart::{directory, helm::Helm, root};
use crate::requests;

/// The tag of what is under test.
pub(super) const TAG: &str = "e2e";
/// The switches of the demo app, on every node.
pub(super) const SWITCHES: u16 = 30474;
/// The gateway's admin port, on every node.
pub(super) const ADMIN: u16 = 30901;

/// Makes the archives of the images.
pub(super) async fn archives(programs: &Path, dir: &Path) -> Result<[PathBuf; 3]> {
    let script = root().join("image/archive.sh");
    let mut made = Vec::new();
    for program in ["spillway-controller", "region-gateway", "world"] {
        let (from, to) = (programs.join(program), dir.join(format!("{program}.tar")));
        let name = format!("{program}:{TAG}");
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        run(&script, &[from.as_os_str(), name.as_ref(), architecture.as_ref(), to.as_os_str()]).await?;
        made.push(to);
    }
    <[PathBuf; 3]>::try_from(made).ok().context("three archives")
}

/// `helm upgrade --install` with these values. Whether all is well is asked later, of the hub.
pub(super) fn chart(helm: &Helm, cluster: &Cluster, values: &str) -> Result<()> {
    let chart = directory();
    let (chart, kubeconfig) = (chart.to_str().context("path")?, cluster.kubeconfig.to_str().context("path")?);
    let values = format!("image.tag={TAG},image.pullPolicy=Never,{values}");
    let common = ["--kubeconfig", kubeconfig, "-n", "spillway-system", "--create-namespace"];
    let install = ["upgrade", "--install", "spillway", chart, "--set", &values];
    helm.succeed(&[&install[..], &common].concat()).map(drop)
}

/// The values of a member: one gateway on the ports of the node.
pub(super) fn member_values(region: &str) -> String {
    format!(
        "member.enabled=true,member.name={region},member.region={region},member.replicas=1,\
         member.exposure=HostPort,member.dns.exposure=HostPort,member.lameDuckSeconds=3,member.hubPolicy.enabled=true"
    )
}

/// `kubectl spillway join`.
pub(super) async fn join(programs: &Path, hub: &Cluster, member: &Cluster) -> Result<()> {
    let (address, server) = (member.address.to_string(), format!("https://{}:6443", member.address));
    let path = |cluster: &Cluster| cluster.kubeconfig.display().to_string();
    let words = [
        "--kubeconfig",
        &path(hub),
        "join",
        &member.role,
        "--region",
        &member.role,
        "--front-door",
        &address,
        "--member-kubeconfig",
        &path(member),
        "--member-server",
        &server,
    ];
    run(programs.join("kubectl-spillway"), &words).await.map(drop)
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
    let container = json!({"name": "app", "image": format!("world:{TAG}"), "imagePullPolicy": "Never", "args": arguments,
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
