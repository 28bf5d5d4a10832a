//! People: each asks a gateway's DNS, keeps the answer for its TTL, and visits. Whoever gets no good answer is lost.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::install::{DNS, HTTP};
use crate::load::dns;
use crate::story::visit_at;

const PAUSE: Duration = Duration::from_millis(200);
const DNS_PATIENCE: Duration = Duration::from_millis(800);

/// One visit.
#[derive(Clone, Debug)]
pub(super) struct Visited {
    pub(super) at: Instant,
    /// Where they went in.
    pub(super) door: Option<Ipv4Addr>,
    /// The region that served, or what went wrong.
    pub(super) served: Result<String, String>,
}

/// Some people, visiting until dropped.
pub(super) struct People {
    visits: Arc<Mutex<Vec<Visited>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl People {
    /// `count` people, five visits a second each.
    pub(super) fn begin(doors: &[Ipv4Addr], host: &str, count: usize) -> Self {
        let visits: Arc<Mutex<Vec<Visited>>> = Arc::default();
        let one = |first: usize| {
            let mut doors = doors.to_vec();
            let turn = first % doors.len().max(1);
            doors.rotate_left(turn);
            tokio::spawn(live(doors, host.to_owned(), visits.clone()))
        };
        let tasks = (0..count).map(one).collect();
        Self { visits, tasks }
    }

    /// All visits since `from`.
    pub(super) fn since(&self, from: Instant) -> Vec<Visited> {
        self.visits.lock().iter().filter(|visit| visit.at >= from).cloned().collect()
    }
}

impl Drop for People {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn live(doors: Vec<Ipv4Addr>, host: String, visits: Arc<Mutex<Vec<Visited>>>) {
    let mut known: Option<(Ipv4Addr, Instant)> = None;
    let mut ticks = tokio::time::interval(PAUSE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let at = Instant::now();
        if known.is_none_or(|(_, until)| until <= at) {
            known = resolve(&doors, &host).await.or(known);
        }
        let served = match known {
            None => Err("no DNS server answers".to_owned()),
            Some((door, _)) => match visit_at(SocketAddrV4::new(door, HTTP), &host, "/api/").await {
                Ok(visit) if visit.status == 200 => visit.served.ok_or_else(|| "no x-served-by".to_owned()),
                Ok(visit) => Err(format!("{door} answers {}", visit.status)),
                Err(error) => Err(format!("{error:#}")),
            },
        };
        visits.lock().push(Visited { at, door: known.map(|(door, _)| door), served });
    }
}

/// The first server that answers, as a resolver does.
async fn resolve(doors: &[Ipv4Addr], host: &str) -> Option<(Ipv4Addr, Instant)> {
    for door in doors {
        let server = SocketAddr::from((*door, DNS));
        let Ok(answer) = dns::ask(Ipv4Addr::UNSPECIFIED, server, host, DNS_PATIENCE).await else { continue };
        let address = answer.addresses.iter().find_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        });
        if let Some(address) = address {
            return Some((address, Instant::now() + Duration::from_secs(answer.ttl_seconds.into())));
        }
    }
    None
}
