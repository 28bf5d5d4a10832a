//! What happened, in words: the differences between one look and the next, one line each.

use std::collections::BTreeMap;

use spillway_decide::{Verdict, report::PriorityView};

use super::{frame::Frame, terms::Terms};
use crate::load::RegionView;

/// A share of the traffic is worth a line when it has changed by so many percent.
const SHARE: f64 = 4.0;

/// A share moves by as much from look to look while nothing happens.
const NOISE: f64 = 1.2;

/// After so many looks without movement a share has come to rest.
const REST: u32 = 4;

/// A line, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Seconds since the traffic began.
    pub at: f64,
    /// What happened.
    pub what: String,
}

/// Remembers what it has told, and tells the rest.
#[derive(Debug, Default)]
pub struct Narrator {
    last: Frame,
    /// The share of the traffic of each region that was told last.
    shares: BTreeMap<String, f64>,
    /// For how many looks no share has moved.
    steady: u32,
    /// Whether each region's P95 was over the bound when it was told last.
    slow: BTreeMap<String, bool>,
    /// The front door that had every client when that was told last.
    all_at: Option<String>,
}

impl Narrator {
    /// Reads the next frame and tells what is new in it.
    pub fn read(&mut self, frame: &Frame, terms: &Terms) -> Vec<Event> {
        let mut lines = verdicts(&self.last, frame);
        lines.extend(arrivals(&self.last, frame));
        lines.extend(answers(&self.last, frame));
        lines.extend(self.latency(frame, terms));
        lines.extend(self.traffic(frame));
        lines.extend(self.clients(frame));
        lines.extend(losses(&self.last, frame));
        self.last = frame.clone();
        lines.into_iter().map(|what| Event { at: frame.at, what }).collect()
    }

    fn latency(&mut self, frame: &Frame, terms: &Terms) -> Vec<String> {
        let bound = f64::from(terms.priority.health.max_latency_p95_milliseconds);
        let mut lines = vec![];
        for (region, view) in &frame.traffic {
            let Some(p95) = view.p95_milliseconds else { continue };
            let was_slow = self.slow.insert(region.clone(), p95 > bound).unwrap_or(false);
            if was_slow != (p95 > bound) {
                let side = if was_slow { "back within" } else { "over" };
                lines.push(format!("clients of {region} see a P95 of {p95:.0} ms, {side} {bound:.0} ms"));
            }
        }
        lines
    }

    /// A share is a moving average, and slides for seconds; it is told when it has come to rest.
    fn traffic(&mut self, frame: &Frame) -> Option<String> {
        let steady = differ(&frame.traffic, &shares_of(&self.last)) < NOISE;
        self.steady = if steady { self.steady + 1 } else { 0 };
        if self.steady < REST || differ(&frame.traffic, &self.shares) < SHARE {
            return None;
        }
        self.shares = shares_of(frame);
        let shares = self.shares.iter().filter(|(_, share)| **share >= 0.5);
        let shares: Vec<_> = shares.map(|(region, share)| format!("{region} {share:.0} %")).collect();
        Some(format!("the traffic is served by {}", shares.join(", ")))
    }

    fn clients(&mut self, frame: &Frame) -> Option<String> {
        let all = frame.clients;
        let region = frame.clients_at.keys().find(|region| frame.all_clients_at(region))?;
        (self.all_at.as_ref() != Some(region)).then(|| {
            self.all_at = Some(region.clone());
            format!("all {all} clients are at {region}'s front door")
        })
    }
}

fn shares_of(frame: &Frame) -> BTreeMap<String, f64> {
    frame.traffic.iter().map(|(region, view)| (region.clone(), view.share_percent)).collect()
}

/// The largest difference of a region's share.
fn differ(now: &BTreeMap<String, RegionView>, before: &BTreeMap<String, f64>) -> f64 {
    let share = |region: &String| now.get(region).map_or(0.0, |view| view.share_percent);
    let moved = |region: &String| (share(region) - before.get(region).copied().unwrap_or(0.0)).abs();
    now.keys().chain(before.keys()).map(moved).fold(0.0, f64::max)
}

/// A region's own word on itself, and what others come to think of it where that differs.
fn verdicts(last: &Frame, frame: &Frame) -> Vec<String> {
    let mut lines = vec![];
    for (gateway, view) in &frame.gateways {
        for (region, opinion) in &view.regions {
            let before = last.gateways.get(gateway).and_then(|view| view.regions.get(region));
            let changed = before
                .map_or_else(|| opinion.verdict != Verdict::default(), |it| it.verdict != opinion.verdict);
            if changed && gateway == region {
                lines.push(format!("{region} is {}: {}", opinion.verdict, opinion.reason));
            }
        }
    }
    let silent = last.gateways.keys().filter(|gateway| !frame.gateways.contains_key(*gateway));
    lines.extend(silent.map(|gateway| format!("{gateway}'s gateway does not answer")));
    lines
}

fn arrivals(last: &Frame, frame: &Frame) -> Vec<String> {
    let changed = frame.gateways.iter().filter(|(gateway, view)| {
        let before = last.gateways.get(*gateway).map(|view| &view.shares);
        before.map_or_else(|| !view.shares.is_empty(), |before| *before != view.shares)
    });
    changed.map(|(gateway, view)| format!("what arrives at {gateway} goes to {}", shares(view))).collect()
}

/// Where a gateway's arrivals go, in words.
pub(super) fn shares(view: &PriorityView) -> String {
    let mut shares: Vec<_> = view.shares.iter().filter(|(_, percent)| **percent > 0).collect();
    shares.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let words: Vec<_> = shares.into_iter().map(|(region, percent)| format!("{region} {percent} %")).collect();
    words.join(", ")
}

fn answers(last: &Frame, frame: &Frame) -> Vec<String> {
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (server, answer) in &frame.dns {
        if last.dns.get(server) != Some(answer) {
            let what = format!("answers {}, TTL {} s", answer.region, answer.ttl_seconds);
            groups.entry(what).or_default().push(server);
        }
    }
    let mut lines: Vec<_> =
        groups.into_iter().map(|(what, servers)| format!("DNS at {} {what}", servers.join(", "))).collect();
    let silent = last.dns.keys().filter(|server| !frame.dns.contains_key(*server));
    lines.extend(silent.map(|server| format!("DNS at {server} does not answer")));
    lines
}

fn losses(last: &Frame, frame: &Frame) -> Option<String> {
    let (before, now) = (&last.totals, &frame.totals);
    (before.lost != now.lost || before.wrong != now.wrong)
        .then(|| format!("{} requests lost, {} answered wrongly, of {}", now.lost, now.wrong, now.done))
}

#[cfg(test)]
mod tests {
    use super::{super::invented, *};

    fn told() -> Vec<String> {
        let (terms, mut narrator) = (invented::terms(), Narrator::default());
        let frames = invented::story();
        let events = frames.iter().flat_map(|frame| narrator.read(frame, &terms));
        events.map(|event| format!("{:.2} {}", event.at, event.what)).collect()
    }

    #[test]
    fn the_story_is_told_in_order() {
        let told = told();
        let expected = [
            "0.00 what arrives at shenzhen goes to shenzhen 100 %",
            "0.00 DNS at beijing, chengdu, shenzhen answers shenzhen, TTL 30 s",
            "0.00 all 50 clients are at shenzhen's front door",
            "10.00 shenzhen is Suspected: P95 over the bound",
            "10.00 clients of shenzhen see a P95 of 2003 ms, over 1500 ms",
            "10.25 DNS at beijing, chengdu, shenzhen answers shenzhen, TTL 5 s",
            "40.00 shenzhen is Degraded: P95 over the bound",
            "40.00 what arrives at shenzhen goes to shenzhen 90 %, chengdu 10 %",
            "41.00 what arrives at shenzhen goes to chengdu 65 %, shenzhen 35 %",
            "43.00 the traffic is served by chengdu 100 %",
            "45.00 all 50 clients are at chengdu's front door",
            "90.00 shenzhen is Recovering: P95 over the bound",
            "210.00 DNS at beijing, chengdu, shenzhen answers shenzhen, TTL 30 s",
            "220.00 all 50 clients are at shenzhen's front door",
        ];
        let mut rest = told.iter();
        for line in expected {
            assert!(rest.any(|told| told == line), "{line:?} is missing or out of order in {told:#?}");
        }
    }

    #[test]
    fn what_does_not_change_is_not_told_again() {
        let told = told();
        assert!(told.len() < 60, "{} lines: {told:#?}", told.len());
    }

    #[test]
    fn silence_and_losses_are_told() {
        let (terms, mut narrator) = (invented::terms(), Narrator::default());
        narrator.read(&invented::frame(1.0), &terms);
        let mut frame = invented::frame(1.25);
        frame.gateways.remove("chengdu");
        frame.dns.remove("chengdu");
        frame.totals.lost = 2;
        let told: Vec<_> = narrator.read(&frame, &terms).into_iter().map(|event| event.what).collect();
        let expected = [
            "chengdu's gateway does not answer",
            "DNS at chengdu does not answer",
            "2 requests lost, 0 answered wrongly, of 125",
        ];
        assert_eq!(told, expected);
    }
}
