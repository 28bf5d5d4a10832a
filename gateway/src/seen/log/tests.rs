use super::*;
use crate::config::Identity;
use crate::seen::{Observability, Record, Seen};
use http::Request;

fn seen() -> Seen {
    let identity = Identity { region: "here".into(), ..Identity::default() };
    let directory = tempfile::tempdir().unwrap();
    let settings =
        Observability { access_log: Some(directory.path().join("log")), ..Observability::default() };
    Seen::open(settings, identity, Metrics::new()).unwrap()
}

fn shared(metrics: &Metrics) -> Shared {
    Shared {
        buffers: Default::default(),
        next: AtomicUsize::new(0),
        reopen: AtomicBool::new(false),
        ended: Mutex::new(true),
        wake: Condvar::new(),
        metrics: metrics.clone(),
    }
}

fn record(seen: &Seen, user_agent: &[u8]) -> Record {
    let mut request =
        Request::get("http://a/p\"q?secret=1").header("user-agent", user_agent).body(()).unwrap();
    seen.received(&mut request, [192, 0, 2, 1].into(), None)
}

fn lost(metrics: &Metrics) -> bool {
    metrics.encode().contains("spillway_gateway_access_log_lost_lines_total 1\n")
}

#[test]
fn a_line_is_one_line_whatever_the_client_says() {
    let (metrics, seen) = (Metrics::new(), seen());
    let shared = shared(&metrics);
    for agent in [&b"a \"quoted\" \\ agent"[..], b"\xff\xfe\t", &[b'a'; 4000]] {
        let record = record(&seen, agent);
        shared.keep(&Line::new(&record, record.details.as_ref().unwrap(), false));
    }
    let text: Vec<u8> = shared.buffers.iter().flat_map(|buffer| buffer.lock().bytes.clone()).collect();
    let lines: Vec<serde_json::Value> = text
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["userAgent"], "a \"quoted\" \\ agent");
    assert_eq!(lines[1]["userAgent"], "\u{fffd}\u{fffd}\t");
    assert_eq!(lines[2]["userAgent"].as_str().unwrap().len(), 256);
    assert_eq!(lines[0]["path"], "/p\"q");
    assert!(lines[0].get("query").is_none());
    assert_eq!(lines[0]["status"], 499, "nobody answered");
}

#[test]
fn full_buffers_lose_lines_and_say_so() {
    let (metrics, seen) = (Metrics::new(), seen());
    let shared = shared(&metrics);
    for buffer in &shared.buffers {
        buffer.lock().bytes = vec![b' '; FULL];
    }
    let record = record(&seen, b"");
    shared.keep(&Line::new(&record, record.details.as_ref().unwrap(), false));
    assert!(lost(&metrics), "{}", metrics.encode());
}

#[test]
fn what_cannot_be_written_is_lost_and_counted() {
    let (metrics, seen) = (Metrics::new(), seen());
    let shared = shared(&metrics);
    let record = record(&seen, b"");
    shared.keep(&Line::new(&record, record.details.as_ref().unwrap(), false));
    shared.write_until_the_end(Output::open(Path::new("/dev/full")).unwrap());
    assert!(lost(&metrics), "{}", metrics.encode());
}
