//! A timeline holds the growth steps of the placement map, in a file that trace viewers read.

use serde_json::Value;
use spillway_controller::timeline;
use spillway_placement::{Fingerprint, ObjectKey, PlacementMap};
use tracing_subscriber::layer::SubscriberExt;

#[test]
fn growth_steps_are_on_the_timeline() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let (layer, end) = timeline::layer(file.path()).expect("a layer");
    let map = PlacementMap::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info_span!(target: "hyper", "not ours").in_scope(|| {});
        map.join("sz").expect("room");
        for number in 0..1000 {
            let key = ObjectKey::new("Ingress", "ns", &number.to_string());
            let desired = Some(Fingerprint::new(1));
            map.upsert(&key, "sz", |row| row.desired = desired).expect("room");
        }
    });
    drop(end);
    let text = std::fs::read_to_string(file.path()).expect("a timeline");
    let events: Vec<Value> = serde_json::from_str(&text).expect("Chrome's trace format: an array of events");
    let named = |name: &str, phase: &str| {
        events.iter().filter(|event| event["name"] == name && event["ph"] == phase).collect::<Vec<_>>()
    };
    let begun = named("placement_growth", "B");
    assert!(!begun.is_empty(), "{text}");
    assert_eq!(begun.len(), named("placement_growth", "E").len());
    for field in ["step", "moved", "bytes"] {
        assert!(!begun[0]["args"][field].is_null(), "no {field}: {}", begun[0]);
    }
    let steps = map.growth().steps;
    assert_eq!(begun.len() as u64, steps, "as many as the map counts");
    assert!(named("not ours", "B").is_empty());
}

#[test]
fn a_file_that_cannot_be_written_is_told() {
    assert!(timeline::layer::<tracing_subscriber::Registry>("/nowhere/timeline.json".as_ref()).is_err());
}
