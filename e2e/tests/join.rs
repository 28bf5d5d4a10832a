//! `kubectl spillway join` and `unjoin`, on real control planes: a member that is joined works, twice is as good as once,
//! and what was made can be taken back, also when the member is gone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may fail loudly")]

use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};
use kube::Api;
use kube::api::DeleteParams;
use spillway_crds::MemberCluster;
use spillway_e2e::world::{HUB, Options, Process, World, wait_until};

const MEMBER: &str = "shenzhen";
const PATIENCE: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_joined_works_and_is_taken_back() -> Result<()> {
    let options = Options { declare_members: false, ..Options::members(&[MEMBER]) };
    let world = World::raise(options).await?;
    let (door, ports) = (world.front_door(MEMBER)?.to_string(), *world.ports());
    let (http, spill) = (ports.http.to_string(), ports.spill.to_string());
    let member = world.kubeconfig(MEMBER).display().to_string();
    let join = [
        "join",
        MEMBER,
        "--region",
        MEMBER,
        "--front-door",
        &door,
        "--http-port",
        &http,
        "--spill-port",
        &spill,
    ];
    let join = [&join[..], &["--member-kubeconfig", &member]].concat();

    let printed = said(&kubectl(&world, &[&join[..], &["--dry-run"]].concat())?)?;
    for kind in [
        "ServiceAccount",
        "ClusterRole",
        "RoleBinding",
        "MemberCluster",
        "spillway-hub-token",
        "kubeconfig: ",
    ] {
        ensure!(printed.contains(kind), "--dry-run says nothing of {kind}: {printed}");
    }
    ensure!(accounts(&world)?.get_opt("spillway-hub").await?.is_none(), "--dry-run made the account");

    make_room(&world).await?;
    for _ in 0..2 {
        said(&kubectl(&world, &join)?)?;
    }
    wait_until(PATIENCE, "the member to be reached and its gateway to be known", || is_well(&world)).await?;

    for log in ["controller-0", "gateway-shenzhen"] {
        let log = world.log(log)?.to_lowercase();
        let denied = log.lines().find(|line| line.contains("forbidden"));
        ensure!(denied.is_none(), "something was denied that is needed: {denied:?}");
    }

    refused(&world)?;
    let unjoin = ["unjoin", MEMBER, "--member-kubeconfig", &member];
    let told = said(&kubectl(&world, &[&unjoin[..], &["--delete-copies"]].concat())?)?;
    ensure!(told.contains("MemberCluster shenzhen: deleted"), "{told}");
    ensure!(accounts(&world)?.get_opt("spillway-hub").await?.is_none(), "the account stays");
    let roles: Api<ClusterRole> = Api::all(world.cluster(MEMBER)?.clone());
    ensure!(roles.get_opt("spillway-hub-access").await?.is_none(), "the role stays");
    let kubeconfigs: Api<Secret> = Api::namespaced(world.hub().clone(), "spillway-system");
    ensure!(kubeconfigs.get_opt("shenzhen-kubeconfig").await?.is_none(), "the kubeconfig stays");
    said(&kubectl(&world, &unjoin)?)?;

    said(&kubectl(&world, &join)?)?;
    world.kill(&Process::ControlPlane(MEMBER.to_owned())).await?;
    let output = kubectl(&world, &unjoin)?;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success() && error.contains("--member-gone"), "{error}");
    said(&kubectl(&world, &["unjoin", MEMBER, "--member-gone"])?)?;
    let members: Api<MemberCluster> = Api::all(world.hub().clone());
    wait_until(PATIENCE, "the MemberCluster to go", async || {
        ensure!(members.get_opt(MEMBER).await?.is_none(), "it is there");
        Ok(())
    })
    .await
}

/// The world binds the same roles to its own users: `join` rightly refuses to take those bindings over.
async fn make_room(world: &World) -> Result<()> {
    let (name, member) = ("spillway-hub-access", world.cluster(MEMBER)?);
    Api::<ClusterRoleBinding>::all(member.clone()).delete(name, &DeleteParams::default()).await?;
    let bindings: Api<RoleBinding> = Api::namespaced(member.clone(), "spillway-system");
    bindings.delete(name, &DeleteParams::default()).await?;
    Ok(())
}

async fn is_well(world: &World) -> Result<()> {
    let members: Api<MemberCluster> = Api::all(world.hub().clone());
    let status = members.get(MEMBER).await?.status.context("no status")?;
    let well = |kind: &str| status.conditions.iter().any(|c| c.type_ == kind && c.status == "True");
    ensure!(well("Reachable") && well("GatewayReady"), "{:?}", status.conditions);
    Ok(())
}

/// Bad input names the flag and says what is allowed.
fn refused(world: &World) -> Result<()> {
    let member = world.kubeconfig(MEMBER).display().to_string();
    for (arguments, says) in [
        (vec!["join", "Sz_1", "--region", "r", "--front-door", "10.0.0.1"], "a-z, 0-9 and '-'"),
        (vec!["join", "sz", "--region", "r"], "--front-door"),
        (vec!["join", "sz", "--region", "r", "--front-door", "gateway.example"], "--front-door"),
        (vec!["join", "sz", "--region", "r", "--front-door", "10.0.0.1"], "--member-kubeconfig"),
        (
            vec!["join", "sz", "--region", "r", "--front-door", "10.0.0.1", "--member-server", "http://a"],
            "https://",
        ),
        (
            vec![
                "join",
                MEMBER,
                "--region",
                "another",
                "--front-door",
                "10.0.0.1",
                "--member-kubeconfig",
                &member,
            ],
            "region cannot be changed",
        ),
        (
            vec!["join", "sz", "--region", "r", "--front-door", "10.0.0.1", "--member-kubeconfig", "/none"],
            "/none",
        ),
        (
            vec![
                "join",
                "sz",
                "--region",
                "r",
                "--front-door",
                "10.0.0.1",
                "--member-kubeconfig",
                &member,
                "-n",
                "other",
            ],
            "install the chart",
        ),
        (vec!["unjoin", "sz"], "--member-gone"),
    ] {
        let output = kubectl(world, &arguments)?;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(
            !output.status.success() && error.contains(says),
            "{arguments:?}: expected {says:?}, got {error}"
        );
    }
    Ok(())
}

fn accounts(world: &World) -> Result<Api<ServiceAccount>> {
    Ok(Api::namespaced(world.cluster(MEMBER)?.clone(), "spillway-system"))
}

fn kubectl(world: &World, arguments: &[&str]) -> Result<Output> {
    let near = std::env::current_exe()?;
    let near = near.ancestors().nth(2).context("a target directory")?.join("kubectl-spillway");
    let mut command = Command::new(near);
    command.arg("--kubeconfig").arg(world.kubeconfig(HUB)).args(arguments);
    command.output().context("run kubectl-spillway: build it first (cargo build)")
}

fn said(output: &Output) -> Result<String> {
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{error}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
