//! A failover as it should be, invented frame by frame: what the tests of the pure parts read.

#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small invented numbers")]

use std::{collections::BTreeMap, time::Duration};

use spillway_decide::{
    Verdict,
    report::{PriorityView, RegionView as Opinion},
};

use super::{
    frame::{DnsView, Frame},
    milestones::Milestones,
    terms::Terms,
};
use crate::load::{Interval, RegionView, Totals};

pub(crate) const ONSET: f64 = 8.0;
pub(crate) const HEALED: f64 = 55.0;
pub(crate) const HOME: f64 = 220.0;

pub(crate) fn terms() -> Terms {
    Terms::of(&["shenzhen".to_owned(), "chengdu".to_owned(), "beijing".to_owned()])
}

/// The whole story, a look every quarter of a second.
pub(crate) fn story() -> Vec<Frame> {
    (0..=904u32).map(|tick| frame(f64::from(tick) * 0.25)).collect()
}

/// Takes `by` seconds out after `after`: everything later comes sooner.
pub(crate) fn squeeze(frames: &mut Vec<Frame>, after: f64, until: f64) {
    frames.retain(|frame| frame.at < after || frame.at >= until);
    for frame in frames.iter_mut().filter(|frame| frame.at >= until) {
        frame.at -= until - after;
    }
}

pub(crate) fn milestones(frames: &[Frame], terms: &Terms) -> Milestones {
    let mut milestones = Milestones::default();
    (milestones.onset, milestones.healed) = (Some(ONSET), Some(HEALED));
    for frame in frames {
        milestones.read(frame, terms);
    }
    milestones
}

/// What the frames say of the traffic, a second at a time.
pub(crate) fn intervals(frames: &[Frame]) -> Vec<Interval> {
    let whole = frames.iter().filter(|frame| frame.at.fract() == 0.0);
    whole
        .map(|frame| Interval { from: Duration::from_secs_f64(frame.at), regions: frame.traffic.clone() })
        .collect()
}

/// The last entry of a table of times that has begun.
fn since<T: Copy>(at: f64, table: &[(f64, T)]) -> T {
    table.iter().rev().find(|(from, _)| at >= *from).unwrap_or(&table[0]).1
}

pub(crate) fn frame(at: f64) -> Frame {
    let verdict = since(
        at,
        &[
            (0.0, Verdict::Healthy),
            (10.0, Verdict::Suspected),
            (40.0, Verdict::Degraded),
            (90.0, Verdict::Recovering),
            (210.0, Verdict::Healthy),
        ],
    );
    let kept: u32 = since(
        at,
        &[(0.0, 100), (40.0, 90), (41.0, 35), (42.0, 0), (90.0, 5), (120.0, 25), (150.0, 50), (180.0, 100)],
    );
    let answer = since(at, &[(0.0, "shenzhen"), (40.0, "chengdu"), (180.0, "shenzhen")]);
    let ttl = since(at, &[(0.0, 30), (10.25, 5), (210.0, 30)]);
    let there: usize = since(at, &[(0.0, 50), (41.0, 30), (43.0, 10), (45.0, 0), (200.0, 20), (HOME, 50)]);
    let slow = (ONSET + 2.0..HEALED).contains(&at);
    let sent = (at * 100.0) as u64;

    let opinion = Opinion { verdict, reason: "P95 over the bound".into(), ..Opinion::default() };
    let view = |shares: &[(&str, u32)]| PriorityView {
        regions: BTreeMap::from([("shenzhen".to_owned(), opinion.clone())]),
        shares: shares.iter().map(|(region, percent)| ((*region).to_owned(), *percent)).collect(),
        ..PriorityView::default()
    };
    let dns = |region: &str| (region.to_owned(), DnsView { region: answer.to_owned(), ttl_seconds: ttl });
    let served = |percent: f64, p95: f64| RegionView {
        served: percent as u64,
        share_percent: percent,
        p95_milliseconds: (percent > 0.0).then_some(p95),
    };
    let kept_f = f64::from(kept);
    Frame {
        at,
        gateways: BTreeMap::from([
            ("shenzhen".to_owned(), view(&[("shenzhen", kept), ("chengdu", 100 - kept)])),
            ("chengdu".to_owned(), view(&[("shenzhen", kept), ("chengdu", 100 - kept)])),
            ("beijing".to_owned(), view(&[("shenzhen", kept), ("chengdu", 100 - kept)])),
        ]),
        dns: ["shenzhen", "chengdu", "beijing"].map(dns).into(),
        traffic: BTreeMap::from([
            ("shenzhen".to_owned(), served(kept_f, if slow { 2003.0 } else { 9.0 + (at * 3.0).sin() })),
            ("chengdu".to_owned(), served(100.0 - kept_f, 11.0 + (at * 2.0).cos())),
        ]),
        clients: 50,
        clients_at: BTreeMap::from([("shenzhen".to_owned(), there), ("chengdu".to_owned(), 50 - there)]),
        totals: Totals {
            sent,
            done: sent,
            ok: sent,
            redirects: sent / 20,
            locations_public: sent / 20,
            ..Totals::default()
        },
    }
}
