//! Game days over real sockets: a region plays ill, its traffic leaves and comes home; nobody can begin one where it is not
//! allowed, and it rests when somebody is really ill.

use http::StatusCode;
use serde_json::{Value, json};
use spillway_decide::Verdict;
use spillway_decide::report::PriorityView;

use crate::commands::{OPERATOR, report, say};
use crate::support::client::{get, http1};
use crate::support::eventually;
use crate::support::program::PATIENCE;
use crate::traffic::{Federation, REGIONS, answered, clients};

fn order(fault: &Value, seconds: u64) -> Value {
    json!({"command": "Gameday", "region": "first", "forSeconds": seconds, "fault": fault, "reason": "practice"})
}

async fn begin(federation: &Federation, fault: &Value, seconds: u64) {
    federation.worlds["first"].gateway.traffic().allow_gameday();
    let (status, text) = say(federation, "first", OPERATOR, &order(fault, seconds)).await;
    assert_eq!(status, StatusCode::OK, "{text}");
}

fn is_home(view: &PriorityView) -> bool {
    answered(view).0 == "first" && view.shares.get("first") == Some(&100)
}

async fn plays(federation: &Federation) -> String {
    report(federation, "first", OPERATOR).await.about.unwrap_or_default().gameday
}

#[tokio::test]
async fn a_region_that_plays_slow_is_left_and_taken_back_when_it_stops() {
    let federation = Federation::start().await;
    let clients = clients(federation.worlds["first"].http());
    begin(&federation, &json!({"latencyMilliseconds": 900}), 60).await;
    for region in REGIONS {
        let view = federation
            .until(region, "to answer and forward to the second", |view| {
                answered(view).0 == "second" && view.shares.get("second") == Some(&100)
            })
            .await;
        let words = &view.regions["first"].command;
        assert!(
            words.starts_with("on a game day, it adds 900 ms to 100 % of its arrivals, by alice"),
            "{words}"
        );
    }
    assert_eq!(plays(&federation).await, "adds 900 ms to 100 % of its arrivals");
    let end = json!({"command": "EndGameday", "region": "first", "reason": "seen"});
    let (status, text) = say(&federation, "third", OPERATOR, &end).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    for region in REGIONS {
        federation.until(region, "to come home", is_home).await;
    }
    assert_eq!(plays(&federation).await, "");
    drop(clients);
}

#[tokio::test]
async fn a_region_that_plays_dead_is_given_up_and_serves_everybody_who_still_comes() {
    let federation = Federation::start().await;
    begin(&federation, &json!({"dead": true}), 8).await;
    for region in ["second", "third"] {
        federation.until(region, "to answer the second", |view| answered(view).0 == "second").await;
    }
    let door = federation.worlds["first"].http();
    assert_eq!(http1(door, get("/api/x")).await.status(), StatusCode::OK);
    assert_eq!(http1(door, get("/.well-known/spillway/healthz")).await.status(), StatusCode::OK);
    for region in REGIONS {
        federation.until(region, "to come home when it has ended by itself", is_home).await;
    }
}

#[tokio::test]
async fn it_rests_when_another_region_is_really_ill() {
    let mut federation = Federation::start().await;
    begin(&federation, &json!({"errorPercent": 10}), 60).await;
    let second = federation.worlds.remove("second").unwrap();
    let words = || plays(&federation);
    eventually("the first to play", PATIENCE, words, |words| words == "fails 10 % of its arrivals").await;
    second.gateway.stop().await;
    eventually("the first to rest", PATIENCE, words, String::is_empty).await;
}

#[tokio::test]
async fn what_is_not_allowed_or_not_safe_is_refused() {
    let federation = Federation::start().await;
    let slow = json!({"latencyMilliseconds": 900});
    let refused = async |region: &str, order: Value, status: StatusCode, words: &str| {
        let (answer, text) = say(&federation, region, OPERATOR, &order).await;
        assert!(answer == status && text.contains(words), "{answer} {text} is not {words:?}");
    };
    refused("first", order(&slow, 60), StatusCode::CONFLICT, "--allow-gameday").await;
    for region in REGIONS {
        federation.worlds[region].gateway.traffic().allow_gameday();
    }
    refused("second", order(&slow, 60), StatusCode::BAD_REQUEST, "at a gateway of that region").await;
    refused("first", order(&slow, 3601), StatusCode::BAD_REQUEST, "forSeconds: 1 to 3600").await;
    refused("first", order(&json!({}), 60), StatusCode::BAD_REQUEST, "fault: ").await;
    let pin = json!({"command": "Pin", "region": "first", "forSeconds": 60, "reason": "x"});
    assert_eq!(say(&federation, "first", OPERATOR, &pin).await.0, StatusCode::OK);
    refused("first", order(&slow, 60), StatusCode::CONFLICT, "first is Pinned").await;
    let unpin = json!({"command": "Unpin", "region": "first", "reason": "x"});
    assert_eq!(say(&federation, "first", OPERATOR, &unpin).await.0, StatusCode::OK);
    let (status, text) = say(&federation, "first", OPERATOR, &order(&slow, 60)).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    refused("first", order(&slow, 60), StatusCode::CONFLICT, "a game day is under way").await;
}

#[tokio::test]
async fn what_is_held_is_let_go_when_it_rests_and_it_does_not_begin_again() {
    let federation = Federation::start().await;
    begin(&federation, &json!({"latencyMilliseconds": 60_000}), 3600).await;
    let words = || plays(&federation);
    let playing = |words: &String| words == "adds 60000 ms to 100 % of its arrivals";
    eventually("the first to play", PATIENCE, words, playing).await;
    let door = federation.worlds["first"].http();
    let held = tokio::spawn(async move { http1(door, get("/api/x")).await.status() });
    let left = |view: &PriorityView| view.regions["first"].verdict == Verdict::Degraded;
    federation.until("first", "to hold itself to be Degraded", left).await;
    assert!(!held.is_finished(), "it is to be held");
    let pin = json!({"command": "Pin", "region": "first", "forSeconds": 60, "reason": "x"});
    assert_eq!(say(&federation, "first", OPERATOR, &pin).await.0, StatusCode::OK);
    let status = tokio::time::timeout(PATIENCE, held).await.expect("it is let go").unwrap();
    assert_eq!(status, StatusCode::OK);
    let unpin = json!({"command": "Unpin", "region": "first", "reason": "x"});
    assert_eq!(say(&federation, "first", OPERATOR, &unpin).await.0, StatusCode::OK);
    let well = |view: &PriorityView| is_home(view) && view.regions["first"].verdict == Verdict::Healthy;
    federation.until("first", "to be well for good", well).await;
    assert_eq!(plays(&federation).await, "");
}
