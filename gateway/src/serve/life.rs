//! How long connections live: until their listener ends, and at the front door until they are old.
//!
//! Nobody is cut off in the middle. HTTP/1.1 clients are told with their next answer (`Connection: close`),
//! HTTP/2 clients by GOAWAY, which lets every stream finish; tunnels and streams end by themselves.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue};
use http::{Response, StatusCode, Version};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

/// What a listener is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It serves.
    #[default]
    Serving,
    /// It serves on, but clients had better go elsewhere.
    Draining,
    /// It takes nobody in, and finishes what it has.
    Ending,
}

/// The life of a listener, which its connections share.
#[derive(Clone)]
pub(crate) struct Life {
    phase: watch::Receiver<Phase>,
    age: Option<Duration>,
    /// What is in flight at the end gets so long.
    pub(super) deadline: Duration,
    /// Connections that are open, and tunnels that began as such.
    pub(super) open: TaskTracker,
}

/// The life of one connection.
#[derive(Clone)]
pub(crate) struct Span {
    life: Life,
    old: Option<Instant>,
    /// What the listener did when this one came.
    from: Phase,
}

impl Life {
    pub(crate) fn new(phase: watch::Receiver<Phase>, age: Option<Duration>, deadline: Duration) -> Self {
        Self { phase, age, deadline, open: TaskTracker::new() }
    }

    /// Begins the life of a connection. Ages differ by up to a tenth, so that clients that came together do not
    /// leave together.
    pub(super) fn begin(&self) -> Span {
        let old = self.age.map(|age| Instant::now() + age.mul_f64(rand::random_range(0.9..1.1)));
        Span { life: self.clone(), old, from: *self.phase.borrow() }
    }

    /// When the listener is at least there. Its writer's end is the end.
    pub(crate) async fn reached(&self, phase: Phase) {
        let mut watched = self.phase.clone();
        let _ = watched.wait_for(|now| *now >= phase).await;
    }
}

impl Span {
    /// For what outlives its connection.
    pub(super) fn tracker(&self) -> &TaskTracker {
        &self.life.open
    }

    /// When the listener ends.
    pub(super) async fn ended(&self) {
        self.life.reached(Phase::Ending).await;
    }

    /// When an HTTP/2 connection should be left. One that came while its listener was draining found nothing
    /// better, and stays to the end.
    pub(super) async fn to_be_left(&self) {
        let draining = async {
            match self.from {
                Phase::Serving => self.life.reached(Phase::Draining).await,
                _ => self.ended().await,
            }
        };
        let old = async {
            match self.old {
                Some(old) => sleep_until(old).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = draining => {}
            () = old => {}
        }
    }

    /// Tells an HTTP/1.1 client with this answer that it is the last one here, if it is.
    pub(super) fn tell<B>(&self, response: &mut Response<B>) {
        let over =
            self.old.is_some_and(|old| Instant::now() >= old) || *self.life.phase.borrow() >= Phase::Draining;
        if over && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            debug_assert!(response.version() < Version::HTTP_2, "connections of HTTP/2 have no such field");
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Sets the phase of everything that shares it.
#[derive(Clone, Default)]
pub(crate) struct Phases {
    sender: Arc<watch::Sender<Phase>>,
}

impl Phases {
    /// For a new listener.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Phase> {
        self.sender.subscribe()
    }

    /// Goes on to `phase`, never back.
    pub(crate) fn reach(&self, phase: Phase) {
        self.sender.send_if_modified(|now| {
            let on = *now < phase;
            *now = phase.max(*now);
            on
        });
    }
}
