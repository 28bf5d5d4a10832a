//! People's commands over real sockets: who may give them, and that every gateway follows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use region_gateway::body;
use region_gateway::config::snapshot::SnapshotDir;
use region_gateway::config::{self, Config};
use region_gateway::mtls::PeerClient;
use serde_json::{Value, json};
use spillway_decide::report::{Contact, Report};
use tokio_util::sync::CancellationToken;

use crate::spill::peer;
use crate::support::client::{get, http1};
use crate::support::program::{PATIENCE, Program};
use crate::support::{PRIORITY, api_server, backend, eventually};
use crate::traffic::{Federation, REGIONS, answered};

pub(crate) const OPERATOR: &str = "spiffe://fed/operator/alice";

/// Says something to the gateway of `region` as whom the certificate names.
pub(crate) async fn say(
    federation: &Federation,
    region: &str,
    identity: &str,
    order: &Value,
) -> (StatusCode, String) {
    let mut config = Config::empty("-", "-");
    config.credentials = Some(Arc::new(federation.authority.issue(identity)));
    let client = PeerClient::new(config::channel(config).1, None);
    let world = &federation.worlds[region];
    let request = Request::post("https://gateway/.well-known/spillway/commands")
        .body(body::full(serde_json::to_vec(order).unwrap()))
        .unwrap();
    let response = client.send(&peer(region, world.http(), world.spill()), request).await.unwrap();
    let status = response.status();
    let text = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(text.to_vec()).unwrap())
}

fn drain(seconds: u64) -> Value {
    json!({"command": "Drain", "region": "first", "forSeconds": seconds, "reason": "maintenance"})
}

#[tokio::test]
async fn a_drain_at_one_gateway_moves_all_and_its_end_brings_them_home() {
    let federation = Federation::start().await;
    let (status, text) = say(&federation, "third", OPERATOR, &drain(6)).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (told["member"].as_str(), told["commands"][0]["by"].as_str()),
        (Some("third-1"), Some("alice"))
    );
    for region in REGIONS {
        let view = federation
            .until(region, "to answer and forward to the second", |view| {
                answered(view).0 == "second" && view.shares.get("second") == Some(&100)
            })
            .await;
        let first = &view.regions["first"];
        assert!(first.reason.starts_with("drained by alice until "), "{}", first.reason);
        assert!(first.command.ends_with(": maintenance"), "{}", first.command);
    }
    let metrics = http1(federation.worlds["second"].admin(), get("/metrics")).await.into_body();
    let series =
        "command_expires_timestamp_seconds{kind=\"Drain\",region=\"first\",priority=\"\",by=\"alice\"}";
    assert!(metrics.contains(series), "{metrics}");
    for region in REGIONS {
        let view = federation
            .until(region, "to come home", |view| {
                answered(view) == ("first", 30) && view.shares.get("first") == Some(&100)
            })
            .await;
        assert_eq!(view.regions["first"].command, "");
    }
}

#[tokio::test]
async fn only_operators_command_and_a_refusal_changes_nothing() {
    let federation = Federation::start().await;
    for (who, order, refused, words) in [
        ("spiffe://fed/hub", drain(60), StatusCode::FORBIDDEN, "no operator"),
        ("spiffe://fed/region/second/member/second-1", drain(60), StatusCode::FORBIDDEN, "no operator"),
        ("spiffe://fed/region/gone/member/gone-1", drain(60), StatusCode::FORBIDDEN, "no member"),
        (OPERATOR, drain(0), StatusCode::BAD_REQUEST, "forSeconds: 1 to 86400"),
        (
            OPERATOR,
            json!({"command": "Drain", "region": "first", "reason": "x", "til": 3}),
            StatusCode::BAD_REQUEST,
            "unknown field `til`",
        ),
        (
            OPERATOR,
            json!({"command": "Drian", "region": "first", "reason": "x"}),
            StatusCode::BAD_REQUEST,
            "`Drian`",
        ),
    ] {
        let (status, text) = say(&federation, "second", who, &order).await;
        assert_eq!(status, refused, "{who}: {text}");
        assert!(text.contains(words), "{who}: {text}");
    }
    for region in REGIONS {
        assert_eq!(federation.worlds[region].gateway.traffic().commands(), []);
    }
    let operator_is_no_peer = "spiffe://fed/operator/alice/x";
    let mut config = Config::empty("-", "-");
    config.credentials = Some(Arc::new(federation.authority.issue(operator_is_no_peer)));
    let client = PeerClient::new(config::channel(config).1, None);
    let world = &federation.worlds["second"];
    let request = Request::get("https://gateway/.well-known/spillway/commands").body(body::empty()).unwrap();
    assert!(client.send(&peer("second", world.http(), world.spill()), request).await.is_err());
}

#[tokio::test]
async fn an_operator_is_no_peer() {
    let federation = Federation::start().await;
    let mut config = Config::empty("-", "-");
    config.credentials = Some(Arc::new(federation.authority.issue(OPERATOR)));
    let client = PeerClient::new(config::channel(config).1, None);
    let world = &federation.worlds["second"];
    let second = peer("second", world.http(), world.spill());
    for (method, path, expected) in [
        ("GET", "/api/x", StatusCode::FORBIDDEN),
        ("POST", "/.well-known/spillway/exchange", StatusCode::FORBIDDEN),
        ("DELETE", "/.well-known/spillway/commands", StatusCode::METHOD_NOT_ALLOWED),
        ("GET", "/.well-known/spillway/commands", StatusCode::OK),
    ] {
        let request = Request::builder().method(method).uri(format!("https://gateway{path}"));
        let response = client.send(&second, request.body(body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn a_restart_alone_keeps_what_was_commanded() {
    let federation = Federation::start().await;
    let directory = tempfile::tempdir().unwrap();
    let first = &federation.worlds["first"];
    let kept = SnapshotDir::open(directory.path()).unwrap();
    kept.save(&first.config.borrow().clone()).unwrap();
    let stop = CancellationToken::new();
    let keeper = tokio::spawn(kept.clone().keep_commands(first.gateway.traffic().clone(), stop.clone()));
    say(&federation, "second", OPERATOR, &drain(600)).await;
    let commands = || async { kept.load_commands().unwrap() };
    let commands = eventually("commands on disk", PATIENCE, commands, |kept| kept.len() == 1).await;
    stop.cancel();
    keeper.await.unwrap();
    drop(federation);

    let program = Program::with_kubeconfig(directory.path(), &api_server::kubeconfig(backend::refusing()));
    program.has_readiness(StatusCode::OK).await;
    let state = || async {
        serde_json::from_str::<Value>(http1(program.admin, get("/debug/state")).await.body()).unwrap()
    };
    let state = eventually("state", Duration::from_secs(10), state, |state| {
        state["priorities"][PRIORITY]["regions"]["first"]["command"].is_string()
    })
    .await;
    assert_eq!(state["commands"][0]["id"].as_str(), Some(commands[0].id.as_str()), "{state}");
}

/// What an operator reads at the gateway of `region`.
pub(crate) async fn report(federation: &Federation, region: &str, identity: &str) -> Report {
    let mut config = Config::empty("-", "-");
    config.credentials = Some(Arc::new(federation.authority.issue(identity)));
    let client = PeerClient::new(config::channel(config).1, None);
    let world = &federation.worlds[region];
    let request = Request::get("https://gateway/.well-known/spillway/report").body(body::empty()).unwrap();
    let response = client.send(&peer(region, world.http(), world.spill()), request).await.unwrap();
    let text = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&text).unwrap()
}

#[tokio::test]
async fn an_operator_reads_a_gateways_build_clock_and_links_in_both_directions() {
    let federation = Federation::start().await;
    let links = || async { report(&federation, "second", OPERATOR).await.about.unwrap_or_default().links };
    let spoken = |links: &BTreeMap<String, Contact>| {
        let recent = |age: Option<u64>| age.is_some_and(|age| age < 5000);
        links.len() == 2
            && links
                .values()
                .all(|link| recent(link.answered_milliseconds) && recent(link.asked_milliseconds))
    };
    eventually("the second to have spoken with both, both ways", PATIENCE, links, spoken).await;
    let about = report(&federation, "second", OPERATOR).await.about.unwrap();
    assert_eq!(about.software, env!("CARGO_PKG_VERSION"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    assert!(u128::from(about.now.0).abs_diff(now) < 60_000, "{} is not {now}", about.now.0);
    assert!(federation.worlds["second"].gateway.traffic().report().about.is_none(), "peers need not know");
}
