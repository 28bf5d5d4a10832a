//! What every gateway believed and answered, and when: written down while a story runs, asked afterwards.
//!
//! One pair of tasks a gateway: one reads `/debug/state`, one asks its DNS server like a resolver would. Only changes
//! are kept, so a chronicle reads like the story that it tells, and is what a failed assertion prints.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use spillway_decide::report::PriorityView;
use spillway_decide::verdict::Verdict;
use tokio::time::Instant;

use crate::load::dns;
use crate::world::World;

const STATE_EVERY: Duration = Duration::from_millis(100);
const DNS_EVERY: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_millis(900);

/// One change, as one gateway showed it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When it was seen.
    pub at: Instant,
    /// The region of the gateway that showed it.
    pub gateway: String,
    /// The verdict of each region, as this gateway sees it.
    pub verdicts: BTreeMap<String, Verdict>,
    /// Where its own arrivals go, in percent.
    pub shares: BTreeMap<String, u32>,
    /// Why.
    pub shares_reason: String,
    /// The reason of each verdict.
    pub reasons: BTreeMap<String, String>,
}

impl Entry {
    /// The verdict of a region in this entry.
    #[must_use]
    pub fn verdict(&self, region: &str) -> Verdict {
        self.verdicts.get(region).copied().unwrap_or_default()
    }

    /// The percentage of the gateway's arrivals that `region` serves.
    #[must_use]
    pub fn share(&self, region: &str) -> u32 {
        self.shares.get(region).copied().unwrap_or_default()
    }

    fn same(&self, other: &Self) -> bool {
        self.verdicts == other.verdicts && self.shares == other.shares
    }
}

/// One change of what a gateway's DNS server answers for a host.
#[derive(Clone, Debug)]
pub struct DnsEntry {
    /// When it was seen.
    pub at: Instant,
    /// The region of the gateway that was asked.
    pub gateway: String,
    /// The region whose front door it named, or what went wrong.
    pub answer: Result<(String, u32), String>,
}

#[derive(Default)]
struct Pages {
    entries: BTreeMap<String, Vec<Entry>>,
    answers: BTreeMap<String, Vec<DnsEntry>>,
}

/// The chronicle of one world.
#[derive(Clone)]
pub struct Chronicle {
    pages: Arc<Mutex<Pages>>,
    world: Arc<World>,
}

impl Chronicle {
    /// Begins to write.
    #[must_use]
    pub fn begin(world: Arc<World>) -> Self {
        let chronicle = Self { pages: Arc::default(), world };
        for region in chronicle.world.regions() {
            tokio::spawn(chronicle.clone().follow_state(region.clone()));
        }
        chronicle
    }

    /// Also writes down what each gateway's DNS server answers for `host`, under the name of `priority`.
    pub fn follow_host(&self, priority: &str, host: &str) {
        for region in self.world.regions() {
            tokio::spawn(self.clone().follow_dns(region.clone(), priority.to_owned(), host.to_owned()));
        }
    }

    async fn follow_state(self, gateway: String) {
        let mut ticks = tokio::time::interval(STATE_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let read = tokio::time::timeout(PATIENCE, self.world.gateway_state(&gateway)).await;
            let Ok(Ok(state)) = read else { continue };
            let Ok(state) =
                serde_json::from_value::<spillway_decide::report::State>(serde_json::json!(state))
            else {
                continue;
            };
            for (priority, view) in state.priorities {
                self.enter(&priority, entry(&gateway, &view));
            }
        }
    }

    fn enter(&self, priority: &str, entry: Entry) {
        let mut pages = self.pages.lock();
        let page = pages.entries.entry(priority.to_owned()).or_default();
        let last = page.iter().rev().find(|last| last.gateway == entry.gateway);
        if last.is_none_or(|last| !last.same(&entry)) {
            page.push(entry);
        }
    }

    async fn follow_dns(self, gateway: String, priority: String, host: String) {
        let mut ticks = tokio::time::interval(DNS_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let Ok(answer) = self.ask(&gateway, &host).await else { continue };
            let entry = DnsEntry { at: Instant::now(), gateway: gateway.clone(), answer };
            let mut pages = self.pages.lock();
            let page = pages.answers.entry(priority.clone()).or_default();
            let last = page.iter().rev().find(|last| last.gateway == gateway);
            if last.is_none_or(|last| last.answer != entry.answer) {
                page.push(entry);
            }
        }
    }

    /// Asks one gateway's DNS server. The outer error: it is silent, which a dead gateway may be.
    pub async fn ask(&self, gateway: &str, host: &str) -> anyhow::Result<Result<(String, u32), String>> {
        let server = SocketAddr::from((self.world.front_door(gateway)?, self.world.ports().dns));
        match dns::ask(self.world.client_address(250), server, host, PATIENCE).await {
            Ok(answer) => Ok(Ok((self.whose(&answer), answer.ttl_seconds))),
            Err(error @ (dns::DnsError::Silent { .. } | dns::DnsError::Socket { .. })) => Err(error.into()),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    fn whose(&self, answer: &dns::Answer) -> String {
        let doors = self.world.regions().iter().filter(|region| {
            self.world.front_door(region).is_ok_and(|door| answer.addresses.contains(&door.into()))
        });
        doors.cloned().collect::<Vec<_>>().join("+")
    }

    /// Every change of a priority that was seen since `from`.
    #[must_use]
    pub fn entries(&self, priority: &str, from: Instant) -> Vec<Entry> {
        let pages = self.pages.lock();
        let page = pages.entries.get(priority).map(Vec::as_slice).unwrap_or_default();
        page.iter().filter(|entry| entry.at >= from).cloned().collect()
    }

    /// Every change of the DNS answers of a priority's host that was seen since `from`.
    #[must_use]
    pub fn answers(&self, priority: &str, from: Instant) -> Vec<DnsEntry> {
        let pages = self.pages.lock();
        let page = pages.answers.get(priority).map(Vec::as_slice).unwrap_or_default();
        page.iter().filter(|entry| entry.at >= from).cloned().collect()
    }

    /// What `gateway` showed last.
    #[must_use]
    pub fn latest(&self, priority: &str, gateway: &str) -> Option<Entry> {
        let pages = self.pages.lock();
        pages.entries.get(priority)?.iter().rev().find(|entry| entry.gateway == gateway).cloned()
    }

    /// What `gateway`'s DNS server answered last.
    #[must_use]
    pub fn latest_answer(&self, priority: &str, gateway: &str) -> Option<DnsEntry> {
        let pages = self.pages.lock();
        pages.answers.get(priority)?.iter().rev().find(|entry| entry.gateway == gateway).cloned()
    }

    /// Everything since `from`, a line each: for the message of an assertion.
    #[must_use]
    pub fn tell(&self, priority: &str, from: Instant) -> String {
        let mut lines: Vec<(Instant, String)> = Vec::new();
        for entry in self.entries(priority, from) {
            let verdicts: Vec<_> =
                entry.verdicts.iter().map(|(region, verdict)| format!("{region} {verdict}")).collect();
            let (verdicts, shares) = (verdicts.join(", "), format!("{:?}", entry.shares));
            lines.push((
                entry.at,
                format!("{}: {verdicts}; serves {shares} {}", entry.gateway, entry.shares_reason),
            ));
        }
        for entry in self.answers(priority, from) {
            lines.push((entry.at, format!("{}: DNS {:?}", entry.gateway, entry.answer)));
        }
        lines.sort();
        lines.into_iter().fold(format!("the chronicle of {priority}:\n"), |mut text, (at, line)| {
            let after = at.saturating_duration_since(from).as_secs_f64();
            let _ = writeln!(text, "  {after:8.2} s  {line}");
            text
        })
    }
}

fn entry(gateway: &str, view: &PriorityView) -> Entry {
    Entry {
        at: Instant::now(),
        gateway: gateway.to_owned(),
        verdicts: view.regions.iter().map(|(region, seen)| (region.clone(), seen.verdict)).collect(),
        shares: view.shares.clone(),
        shares_reason: view.shares_reason.clone(),
        reasons: view.regions.iter().map(|(region, seen)| (region.clone(), seen.reason.clone())).collect(),
    }
}
