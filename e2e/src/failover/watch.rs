//! What gateways show at `/debug/state`, and when: looked at every 25 ms while it matters.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use spillway_decide::report::{PriorityView, State};
use spillway_decide::verdict::Verdict;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// The resolution of every time that comes from here.
pub(super) const CLOSE: Duration = Duration::from_millis(25);
/// How many looks are left out while nobody cares.
const IDLE: u32 = 10;
const PATIENCE: Duration = Duration::from_millis(900);

/// What one gateway showed of one priority: entered when it is different from before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When the answer was read.
    pub at: Instant,
    /// The region of the gateway.
    pub gateway: String,
    /// What it holds of the region that fails.
    pub verdict: Verdict,
    /// Percent of its own arrivals that go to other regions than that.
    pub away: u32,
    /// It holds every region to be well.
    pub well: bool,
}

/// The looking, until it is dropped.
pub(super) struct Watch {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    victim: String,
    pages: Mutex<BTreeMap<String, Vec<Seen>>>,
    interested: AtomicUsize,
}

/// While it is held, the watch looks closely.
pub(super) struct Interest(Arc<Shared>);

impl Drop for Interest {
    fn drop(&mut self) {
        self.0.interested.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Watch {
    /// Begins to look at the admin listeners of gateways; `victim` is the region that is going to fail.
    pub(super) fn begin(victim: &str, gateways: &[(String, SocketAddrV4)]) -> Self {
        let shared = Arc::new(Shared {
            victim: victim.to_owned(),
            pages: Mutex::default(),
            interested: AtomicUsize::new(0),
        });
        let mut tasks = JoinSet::new();
        for (region, admin) in gateways {
            tasks.spawn(follow(Arc::clone(&shared), region.clone(), *admin));
        }
        Self { shared, _tasks: tasks }
    }

    /// Looks closely from now on.
    pub(super) fn closely(&self) -> Interest {
        self.shared.interested.fetch_add(1, Ordering::Relaxed);
        Interest(Arc::clone(&self.shared))
    }

    /// What was different since `from`.
    pub(super) fn since(&self, priority: &str, from: Instant) -> Vec<Seen> {
        let pages = self.shared.pages.lock();
        let page = pages.get(priority).map(Vec::as_slice).unwrap_or_default();
        page.iter().filter(|seen| seen.at >= from).cloned().collect()
    }

    /// What each gateway showed last.
    pub(super) fn latest(&self, priority: &str) -> BTreeMap<String, Seen> {
        let pages = self.shared.pages.lock();
        let page = pages.get(priority).map(Vec::as_slice).unwrap_or_default();
        page.iter().map(|seen| (seen.gateway.clone(), seen.clone())).collect()
    }
}

async fn follow(shared: Arc<Shared>, gateway: String, admin: SocketAddrV4) {
    let mut ticks = interval(CLOSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection = None;
    for turn in 0_u32.. {
        ticks.tick().await;
        if shared.interested.load(Ordering::Relaxed) == 0 && !turn.is_multiple_of(IDLE) {
            continue;
        }
        match timeout(PATIENCE, look(&mut connection, admin)).await {
            Ok(Ok(state)) => shared.enter(&gateway, &state),
            _ => connection = None,
        }
    }
}

async fn look(kept: &mut Option<SendRequest<Empty<Bytes>>>, admin: SocketAddrV4) -> Result<State> {
    let mut connection = if let Some(kept) = kept.take().filter(|kept| !kept.is_closed()) {
        kept
    } else {
        let stream = TcpStream::connect(admin).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        connection
    };
    connection.ready().await?;
    let request =
        Request::get("/debug/state").header("host", admin.to_string()).body(Empty::<Bytes>::new())?;
    let body = connection.send_request(request).await?.into_body().collect().await?.to_bytes();
    *kept = Some(connection);
    serde_json::from_slice(&body).context("/debug/state")
}

impl Shared {
    fn enter(&self, gateway: &str, state: &State) {
        let at = Instant::now();
        let mut pages = self.pages.lock();
        for (priority, view) in &state.priorities {
            let seen = self.seen(at, gateway, view);
            let page = pages.entry(priority.clone()).or_default();
            let last = page.iter().rev().find(|last| last.gateway == gateway);
            if last.is_none_or(|last| *last != Seen { at: last.at, ..seen.clone() }) {
                page.push(seen);
            }
        }
    }

    fn seen(&self, at: Instant, gateway: &str, view: &PriorityView) -> Seen {
        let verdict = view.regions.get(&self.victim).map(|region| region.verdict).unwrap_or_default();
        Seen {
            at,
            gateway: gateway.to_owned(),
            verdict,
            away: 100_u32.saturating_sub(view.shares.get(&self.victim).copied().unwrap_or_default()),
            well: view.regions.len() > 1
                && view.regions.values().all(|region| region.verdict == Verdict::Healthy),
        }
    }
}
