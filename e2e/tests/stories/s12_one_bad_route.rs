//! Story 12: one bad route of three moves alone; the other two stay at home, and so does DNS. It comes back.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::Api;
use spillway_crds::FederatedIngress;
use spillway_decide::report::RouteView;
use spillway_decide::verdict::Verdict;
use spillway_e2e::backend::Behaviour;
use spillway_e2e::load::{Load, Record, Records};
use spillway_e2e::story::{Scene, apply, federated_ingress, visit};
use spillway_e2e::world::wait_until;
use tokio::time::Instant;

use crate::recovery::brisk;
use crate::slow_region::failing;
use crate::worlds::with_hub;

const RATE: f64 = 40.0;
const PATIENCE: Duration = Duration::from_secs(40);
/// The Services and paths beside the scene's own, which is `/api/`.
const OTHERS: [(&str, &str); 2] = [("route-b", "/b/"), ("route-c", "/c/")];

#[test]
fn s12_one_bad_route_moves_alone_and_comes_back() {
    with_hub(async |stage| one_bad_route(&stage.scene("route-a", brisk).await?).await);
}

async fn one_bad_route(scene: &Scene) -> Result<()> {
    for (service, path) in OTHERS {
        add_route(scene, service, path).await?;
    }
    let bad = scene.load(RATE).await?;
    let well = [load(scene, OTHERS[0].1)?, load(scene, OTHERS[1].1)?];
    // A full window of every route, so that it is known whose trouble it is.
    for load in &well {
        more(load, 200).await?;
    }

    let begun = scene.change("shenzhen", failing).await?.onset;
    let away = until_route(scene, "away", |route| {
        route.is_some_and(|route| {
            route.verdict == Verdict::Degraded && route.shares.get("chengdu") == Some(&100)
        })
    })
    .await?;
    more(&bad, 100).await?;
    let healed = scene.change("shenzhen", |behaviour| *behaviour = Behaviour::default()).await?.onset;
    let home = until_route(scene, "home again", |route| route.is_none()).await?;
    more(&bad, 100).await?;

    stayed(scene, begun)?;
    for load in well {
        let records = load.stop().await;
        let elsewhere = records.requests.iter().find(|record| !served_by(record, "shenzhen"));
        ensure!(elsewhere.is_none(), "a route that is well left home: {elsewhere:?}\n{}", scene.tell(begun));
    }
    let started = bad.started();
    let records = bad.stop().await;
    let since = |at: Instant| at.duration_since(Instant::from_std(started));
    all_served(scene, &records, begun, since(away)..since(healed), "chengdu")?;
    all_served(scene, &records, begun, since(home)..Duration::MAX, "shenzhen")
}

/// A route more of the scene's host and priority, behind a Service of its own.
async fn add_route(scene: &Scene, service: &str, path: &str) -> Result<()> {
    let world = scene.world();
    world.add_service("default", service, 1).await?;
    let ingress = federated_ingress(service, &scene.host(), path, scene.name())?;
    apply(&Api::<FederatedIngress>::namespaced(world.hub().clone(), "default"), service, &ingress).await?;
    wait_until(PATIENCE, &format!("every gateway to serve {path}"), || async {
        for gateway in world.regions() {
            let visit = visit(world, gateway, &scene.host(), path).await?;
            ensure!(visit.status == 200, "{gateway}'s front door answers {visit:?}");
        }
        Ok(())
    })
    .await
}

fn load(scene: &Scene, path: &str) -> Result<Load> {
    let mut options = scene.load_options(RATE)?.path(path);
    options.redirect = None;
    Ok(Load::start(options))
}

/// Waits until so many more requests are done.
async fn more(load: &Load, requests: u64) -> Result<()> {
    let enough = load.snapshot().totals.done + requests;
    wait_until(PATIENCE, "more requests", || async {
        let done = load.snapshot().totals.done;
        ensure!(done >= enough, "{done} of {enough} are done");
        Ok(())
    })
    .await
}

/// Waits until Shenzhen's gateway shows the scene's own route as `matches` says, none where it is as its region is.
async fn until_route(
    scene: &Scene,
    what: &str,
    matches: impl Fn(Option<&RouteView>) -> bool,
) -> Result<Instant> {
    let own = format!("default/{}:", scene.name());
    wait_until(PATIENCE, &format!("the route to be {what}"), || async {
        let state = serde_json::to_value(scene.world().gateway_state("shenzhen").await?)?;
        let state: spillway_decide::report::State = serde_json::from_value(state)?;
        let view = state.priorities.get(scene.name()).context("no such priority")?;
        ensure!(matches(view.routes.iter().find(|route| route.route.starts_with(&own))), "{:?}", view.routes);
        Ok(Instant::now())
    })
    .await
}

/// The region itself was never given up, and everybody's DNS went on answering with it.
fn stayed(scene: &Scene, begun: Instant) -> Result<()> {
    for entry in scene.chronicle().entries(scene.name(), begun) {
        let stays = entry.verdict("shenzhen") < Verdict::Recovering && entry.share("shenzhen") == 100;
        ensure!(stays, "{} gave the whole region up\n{}", entry.gateway, scene.tell(begun));
    }
    for entry in scene.chronicle().answers(scene.name(), begun) {
        let stays = matches!(&entry.answer, Ok((region, _)) if region == "shenzhen");
        ensure!(stays, "{} answered {:?}\n{}", entry.gateway, entry.answer, scene.tell(begun));
    }
    Ok(())
}

/// All requests that were sent in this time were served, and by this region.
fn all_served(
    scene: &Scene,
    records: &Records,
    begun: Instant,
    sent: std::ops::Range<Duration>,
    region: &str,
) -> Result<()> {
    let of_then = || records.sent_between(sent.start, sent.end);
    let ill = of_then().find(|record| !served_by(record, region));
    ensure!(ill.is_none(), "not served by {region}: {ill:?}\n{}", scene.tell(begun));
    ensure!(of_then().count() > 0, "no request was sent in {sent:?}");
    Ok(())
}

fn served_by(record: &Record, region: &str) -> bool {
    record.outcome == spillway_e2e::load::Outcome::Ok && record.served.as_deref() == Some(region)
}
