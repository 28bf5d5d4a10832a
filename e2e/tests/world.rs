//! Worlds without the product's programs: do they stand, do they break as told, do they leave nothing behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may fail loudly")]

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::networking::v1::Ingress;
use kube::Api;
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use spillway_e2e::world::{Disturbance, HUB, Link, Options, Process, World, wait_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_single_plane_stands_and_is_gone_afterwards() -> Result<()> {
    let world = World::raise(Options::single_plane()).await?;
    let version = world.hub().apiserver_version().await?;
    assert_eq!(version.major, "1");
    let dir = world.dir().to_owned();
    let pids = pids(&world).await?;
    assert!(pids.len() >= 3, "{pids:?}");
    drop(world);
    assert!(!dir.exists(), "{} is still there", dir.display());
    assert_eq!(alive(&pids), Vec::<i32>::new());
    Ok(())
}

/// One world for all of these, because raising takes the time: each part leaves it as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_hub_and_a_member_stand_and_break_as_told() -> Result<()> {
    let started = std::time::Instant::now();
    let world = World::raise(Options::without_programs(&["shenzhen"])).await?;
    println!("a hub and a member raised in {:?}", started.elapsed());
    users_may_do_what_their_roles_say(&world).await.context("roles")?;
    owners_are_followed_by_the_garbage_collector(&world).await.context("garbage collector")?;
    backends_switch(&world).await.context("backends")?;
    links_to_an_api_server_fail_and_heal(&world).await.context("links")?;
    processes_fail_and_heal(&world).await.context("processes")?;
    another_hand_on_the_same_world(&world).await.context("attach")
}

async fn users_may_do_what_their_roles_say(world: &World) -> Result<()> {
    let gateway = user(world, "shenzhen", "gateway").await?;
    Api::<Ingress>::all(gateway.clone()).list(&ListParams::default()).await?;
    let refused = Api::<Ingress>::default_namespaced(gateway.clone())
        .create(&PostParams::default(), &Ingress { metadata: named("mine"), ..Default::default() })
        .await;
    ensure!(is_forbidden(&refused), "a gateway may write: {refused:?}");
    let refused = Api::<Secret>::namespaced(gateway, "default").list(&ListParams::default()).await;
    ensure!(is_forbidden(&refused), "a gateway reads all secrets: {refused:?}");

    let controller = user(world, HUB, "controller").await?;
    let kubeconfig =
        Api::<Secret>::namespaced(controller, "spillway-system").get("shenzhen-kubeconfig").await?;
    ensure!(
        kubeconfig.data.is_some_and(|data| data.contains_key("kubeconfig")),
        "no kubeconfig in the Secret"
    );
    Ok(())
}

async fn owners_are_followed_by_the_garbage_collector(world: &World) -> Result<()> {
    let api: Api<ConfigMap> = Api::default_namespaced(world.hub().clone());
    let owner = api.create(&PostParams::default(), &config_map("owner", None)).await?;
    let reference = kube::Resource::controller_owner_ref(&owner, &());
    api.create(&PostParams::default(), &config_map("owned", reference)).await?;
    api.delete("owner", &DeleteParams::default()).await?;
    wait_until(PATIENCE, "the owned object to go", async || match api.get_opt("owned").await? {
        None => Ok(()),
        Some(_) => bail!("it is there"),
    })
    .await
}

async fn backends_switch(world: &World) -> Result<()> {
    world.add_service("story", "portal", 2).await?;
    let second = world.backend("shenzhen", "portal-2").await?.listen;
    let answer = get(second, Ipv4Addr::LOCALHOST).await?;
    ensure!(answer.contains(r#""region":"shenzhen""#) && answer.contains("portal-2"), "{answer}");
    world.change_backend("shenzhen", "portal-2", |b| b.error_rate = 1.0).await?;
    let answer = get(second, Ipv4Addr::LOCALHOST).await?;
    ensure!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    world.restart(&Process::Backend("shenzhen".into())).await?;
    world.wait_ready(&Process::Backend("shenzhen".into()), PATIENCE).await?;
    let answer = get(second, Ipv4Addr::LOCALHOST).await?;
    ensure!(answer.starts_with("HTTP/1.1 500"), "a restarted backend forgot its switches: {answer}");
    world.heal_all().await?;
    let answer = get(second, Ipv4Addr::LOCALHOST).await?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(())
}

async fn links_to_an_api_server_fail_and_heal(world: &World) -> Result<()> {
    let link = Link::ControllerToApi("shenzhen".into());
    let controller = user(world, "shenzhen", "controller").await?;
    controller.apiserver_version().await?;
    world.disturb(&link, Disturbance::Cut).await?;
    ensure!(controller.apiserver_version().await.is_err(), "a cut link carries");
    world.cluster("shenzhen")?.apiserver_version().await.context("the administrator's own way")?;
    world.disturb(&link, Disturbance::Drop).await?;
    let silent = tokio::time::timeout(Duration::from_millis(500), controller.apiserver_version()).await;
    ensure!(silent.is_err(), "a black hole answers: {silent:?}");
    world.heal(&link).await?;
    wait_until(PATIENCE, "the healed link", async || Ok(controller.apiserver_version().await?)).await?;
    Ok(())
}

async fn processes_fail_and_heal(world: &World) -> Result<()> {
    let (plane, api) = (Process::ControlPlane("shenzhen".into()), Process::ApiServer("shenzhen".into()));
    world.freeze(&api).await?;
    let ask = world.cluster("shenzhen")?.apiserver_version();
    ensure!(
        tokio::time::timeout(Duration::from_millis(500), ask).await.is_err(),
        "a frozen API server answers"
    );
    world.thaw(&api).await?;
    world.cluster("shenzhen")?.apiserver_version().await?;
    world.kill(&plane).await?;
    ensure!(world.cluster("shenzhen")?.apiserver_version().await.is_err(), "a killed API server answers");
    world.heal_all().await?;
    let services: Api<k8s_openapi::api::core::v1::Service> =
        Api::namespaced(world.cluster("shenzhen")?.clone(), "story");
    services.get("portal").await.context("etcd's data after a restart")?;
    Ok(())
}

async fn another_hand_on_the_same_world(world: &World) -> Result<()> {
    let other = World::attach(world.number()).await?;
    other.kill(&Process::Backend("shenzhen".into())).await?;
    let listen = SocketAddrV4::new(world.addresses("shenzhen")?.backend(0), world.ports().backend);
    ensure!(get(listen, Ipv4Addr::LOCALHOST).await.is_err(), "a killed backend answers");
    drop(other);
    world.heal_all().await?;
    get(listen, Ipv4Addr::LOCALHOST).await.map(drop)
}

/// The owner of a world is killed with SIGKILL: nothing may be left. The owner is `world hold`, a program that
/// raises a world and waits.
#[tokio::test]
async fn a_killed_owner_leaves_nothing_behind() -> Result<()> {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_world"))
        .args(["hold", "--members", ""])
        .stdout(Stdio::piped())
        .spawn()?;
    let number = first_line(owner.stdout.take().context("no stdout")?)?.parse()?;
    let world = World::attach(number).await?;
    let pids = pids(&world).await?;
    assert_eq!(alive(&pids), pids);
    owner.kill()?;
    assert_eq!(owner.wait()?.signal(), Some(9));
    wait_until(PATIENCE, "every process to be gone", async || {
        let left = alive(&pids);
        ensure!(left.is_empty() && !world.dir().exists(), "left: {left:?}, {}", world.dir().display());
        Ok(())
    })
    .await
}

async fn user(world: &World, region: &str, who: &str) -> Result<kube::Client> {
    spillway_e2e::controlplane::plane::client(&world.dir().join(region).join(format!("{who}.kubeconfig")))
        .await
}

fn is_forbidden<T>(result: &kube::Result<T>) -> bool {
    matches!(result, Err(kube::Error::Api(status)) if status.code == 403)
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

fn config_map(
    name: &str,
    owner: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference>,
) -> ConfigMap {
    let metadata = ObjectMeta { owner_references: owner.map(|owner| vec![owner]), ..named(name) };
    ConfigMap { metadata, ..ConfigMap::default() }
}

async fn pids(world: &World) -> Result<Vec<i32>> {
    Ok(world.processes().await?.iter().filter_map(|status| status.pid).collect())
}

fn alive(pids: &[i32]) -> Vec<i32> {
    pids.iter().copied().filter(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists()).collect()
}

fn first_line(out: std::process::ChildStdout) -> Result<String> {
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line)?;
    Ok(line.trim().to_owned())
}

/// The whole answer to a GET of `/api/`, as text, from a source address.
async fn get(server: SocketAddrV4, source: Ipv4Addr) -> Result<String> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(source.into(), 0))?;
    let mut stream: TcpStream = socket.connect(server.into()).await?;
    stream.write_all(b"GET /api/ HTTP/1.1\r\nhost: portal\r\nconnection: close\r\n\r\n").await?;
    let mut text = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await??;
    ensure!(!text.is_empty(), "an empty answer");
    Ok(text)
}
