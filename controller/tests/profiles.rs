//! The program itself, asked over HTTP for profiles. No hub is needed: whoever waits for the lease can be profiled.

#![expect(clippy::expect_used, reason = "a test fails loudly, in its helpers too")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use flate2::read::GzDecoder;
use pprof::protos::{Message, Profile};

const PATIENCE: Duration = Duration::from_mins(1);

/// A controller whose hub is not there.
struct Controller {
    process: Child,
    address: String,
}

impl Controller {
    fn start(flags: &[&str]) -> Self {
        let kubeconfig = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/no-hub.yaml");
        let mut process = Command::new(env!("CARGO_BIN_EXE_spillway-controller"))
            .args(["--kubeconfig", kubeconfig, "--listen", "127.0.0.1:0", "--log-format", "json"])
            .args(flags)
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the controller starts");
        let mut lines = BufReader::new(process.stderr.take().expect("its log")).lines();
        let address = lines.by_ref().find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line.ok()?).ok()?;
            Some(line["fields"]["address"].as_str()?.to_owned())
        });
        thread::spawn(move || lines.for_each(drop)); // a full pipe would stop it
        Self { process, address: address.expect("it says where it listens") }
    }

    /// Status and body.
    fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        write!(stream, "GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", self.address).expect("asked");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, answer.split_off(end + 4))
    }

    fn text(&self, path: &str) -> (u16, String) {
        let (status, body) = self.get(path);
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn decode(body: &[u8]) -> Profile {
    let mut bytes = Vec::new();
    GzDecoder::new(body).read_to_end(&mut bytes).expect("gzip");
    Profile::decode(bytes.as_slice()).expect("a profile")
}

fn names_ours(profile: &Profile) -> bool {
    profile.string_table.iter().any(|name| name.contains("spillway_controller"))
}

#[test]
fn profiles_are_off_unless_enabled() {
    let controller = Controller::start(&[]);
    for path in ["/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile?seconds=1"] {
        let (status, text) = controller.text(path);
        assert!(status == 404 && text.contains("--enable-profiling"), "{path}: {status} {text}");
    }
}

#[test]
fn the_heap_is_sampled_from_the_start() {
    let controller = Controller::start(&["--enable-profiling"]);
    let mut seen = Vec::new();
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let (status, body) = controller.get("/debug/pprof/heap");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let profile = decode(&body);
        let bytes: i64 = profile.sample.iter().flat_map(|sample| &sample.value).sum();
        if bytes > 0 && names_ours(&profile) {
            return;
        }
        seen.push((profile.sample.len(), bytes));
        controller.get("/metrics"); // allocates
    }
    panic!("no samples of ours in {} profiles (samples, bytes): {seen:?}", seen.len());
}

#[test]
fn cpu_time_is_sampled_while_somebody_asks() {
    let controller = Controller::start(&["--enable-profiling"]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                controller.get("/metrics");
            }
        });
        let mut seen = Vec::new();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && !done.load(Ordering::Relaxed) {
            let (status, body) = controller.get("/debug/pprof/profile?seconds=2");
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
            let profile = decode(&body);
            done.store(!profile.sample.is_empty() && names_ours(&profile), Ordering::Relaxed);
            seen.push(profile.sample.len());
        }
        let found = done.swap(true, Ordering::Relaxed);
        assert!(found, "no samples of ours; samples: {seen:?}");
    });
}

#[test]
fn one_cpu_profile_at_a_time() {
    let controller = Controller::start(&["--enable-profiling"]);
    thread::scope(|scope| {
        let asked: Vec<_> =
            (0..2).map(|_| scope.spawn(|| controller.text("/debug/pprof/profile?seconds=3"))).collect();
        let mut answers: Vec<_> = asked.into_iter().map(|asked| asked.join().expect("an answer")).collect();
        answers.sort_by_key(|(status, _)| *status);
        assert_eq!(answers[0].0, 200);
        assert!(answers[1].0 == 429 && answers[1].1.contains("another profile"), "{:?}", answers[1]);
    });
}

#[test]
fn bad_questions_are_told_what_is_allowed() {
    let controller = Controller::start(&["--enable-profiling"]);
    for (path, says, status) in [
        ("/debug/pprof/profile?seconds=0", "seconds: \"0\" is not allowed", 400),
        ("/debug/pprof/profile?seconds=61", "1 to 60", 400),
        ("/debug/pprof/profile?seconds=1&seconds=2", "duplicate field `seconds`", 400),
        ("/debug/pprof/heap?seconds=5", "seconds: a heap profile is of now", 400),
        ("/debug/pprof/goroutine", "/debug/pprof/heap", 404),
        ("/debug/pprof/", "/debug/pprof/heap", 200),
    ] {
        let (got, text) = controller.text(path);
        assert!(got == status && text.contains(says), "{path}: {got} {text}");
    }
}
