//! Traffic as real clients send it.
//!
//! A failover is only as good as what the people behind it see, so the stories and the demo do not call
//! gateways directly: they run clients. A client has its own source address, asks the gateways' DNS servers
//! for the host, keeps the answer for exactly its TTL, keeps connections alive, and sends at a steady rate
//! whether or not the last answer has come (open loop). Nothing is retried: an answer that did not come, or
//! came with a 5xx, is *lost*; one that belongs to somebody else, or names a host the public cannot reach, is
//! *wrong*. Both numbers are what a story asserts.
//!
//! ```no_run
//! # async fn story() {
//! use std::time::Duration;
//! use spillway_e2e::load::{Load, LoadOptions};
//!
//! let options = LoadOptions::new("portal.gov-prod.cn", 8080)
//!     .dns_servers(["127.9.1.1:5353".parse().unwrap(), "127.9.2.1:5353".parse().unwrap()])
//!     .front_door("127.9.1.1".parse().unwrap(), "shenzhen")
//!     .front_door("127.9.2.1".parse().unwrap(), "chengdu")
//!     .clients("127.9.200.0".parse().unwrap(), 50)
//!     .rate(100.0);
//! let load = Load::start(options);
//! tokio::time::sleep(Duration::from_secs(10)).await;
//! assert!(load.snapshot().share_percent("shenzhen") > 99.0);
//! let records = load.stop().await;
//! assert_eq!(records.totals.lost, 0, "{}", records.complaints());
//! # }
//! ```

mod check;
mod client;
pub mod dns;
mod interval;
mod ledger;
mod options;
mod pool;
mod record;
mod resolver;
#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{client::Client, ledger::Ledger};
pub use self::{
    interval::Interval,
    ledger::{ClientView, RegionView, Snapshot},
    options::{LoadOptions, RedirectOptions, ResolverOptions},
    record::{LossReason, Move, Outcome, Record, Records, Totals, WrongReason},
};

/// Running traffic. Drop it to stop at once; call [`Load::stop`] to let the answers under way come in.
#[derive(Debug)]
pub struct Load {
    ledger: Arc<Mutex<Ledger>>,
    started: Instant,
    window: Duration,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Load {
    /// Starts the clients on the current tokio runtime. The first requests leave at once.
    #[must_use]
    pub fn start(options: LoadOptions) -> Self {
        let started = Instant::now();
        let window = options.window;
        let addresses = options.client_addresses();
        let ledger = Arc::new(Mutex::new(Ledger::new(&addresses)));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let options = Arc::new(options);
        for (index, address) in addresses.into_iter().enumerate() {
            let client = Client::new(index, address, Arc::clone(&options), Arc::clone(&ledger), started);
            tasks.spawn(client.run(stop.clone(), tasks.clone()));
        }
        Self { ledger, started, window, stop, tasks }
    }

    /// When the traffic began. Every time in records and snapshots is measured from here.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// What has happened until now, without stopping anything.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.ledger.lock().snapshot(self.started.elapsed(), self.window)
    }

    /// Sends nothing more, waits for the answers under way (each has its deadline) and hands over the records.
    pub async fn stop(self) -> Records {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        std::mem::take(&mut *self.ledger.lock()).into_records()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
