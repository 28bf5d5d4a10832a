//! Who is answered with, for every way that regions may stand.

use proptest::prelude::*;

use super::*;
use crate::priority::{Dns, PriorityRegion};
use crate::{Door, Time};

const NAMES: [&str; 3] = ["shenzhen", "chengdu", "beijing"];

fn priority(mode: Mode) -> Priority {
    let regions = NAMES.map(|name| PriorityRegion { name: name.into(), intent: Intent::Auto });
    Priority { mode, regions: regions.into(), dns: Dns::default(), ..Priority::default() }
}

fn peers() -> Vec<Peer> {
    let door = |n: u8| Door { addresses: (1..=3).map(|host| [127, 1, n, host].into()).collect(), port: 80 };
    (0_u8..)
        .zip(NAMES)
        .map(|(n, name)| Peer { region: name.into(), front_door: door(n), ..Peer::default() })
        .collect()
}

fn standings(verdicts: [Verdict; 3], drained: &str) -> Vec<Standing> {
    let standing = |(region, verdict): (&str, Verdict)| Standing {
        region: region.to_owned(),
        intent: Intent::Auto,
        verdict,
        reason: String::new(),
        since: Time(0),
        home_percent: 100,
        within: verdict == Verdict::Healthy,
        reached: true,
        drained: region == drained,
        grant: 100,
    };
    NAMES.into_iter().zip(verdicts).map(standing).collect()
}

fn region(mode: Mode, verdicts: [Verdict; 3], drained: &str, last: Option<&str>) -> String {
    answer("chengdu", &priority(mode), &standings(verdicts, drained), &peers(), last, false).unwrap().region
}

#[test]
fn the_first_that_is_well() {
    use Verdict::{Degraded, Healthy, Recovering, Suspected};
    for (mode, verdicts, drained, last, expected) in [
        (Mode::Ordered, [Healthy; 3], "", None, "shenzhen"),
        (Mode::Local, [Healthy; 3], "", None, "chengdu"),
        (Mode::Ordered, [Suspected, Healthy, Healthy], "", Some("shenzhen"), "shenzhen"),
        (Mode::Ordered, [Degraded, Healthy, Healthy], "shenzhen", Some("shenzhen"), "chengdu"),
        // Traffic leaves only for a Healthy region.
        (Mode::Ordered, [Degraded, Suspected, Healthy], "shenzhen", Some("shenzhen"), "beijing"),
        (Mode::Ordered, [Degraded, Suspected, Suspected], "shenzhen", Some("shenzhen"), "shenzhen"),
        (Mode::Ordered, [Degraded, Degraded, Degraded], "shenzhen", Some("shenzhen"), "shenzhen"),
        // It comes home when the region has recovered, not while it does.
        (Mode::Ordered, [Recovering, Healthy, Healthy], "shenzhen", Some("chengdu"), "chengdu"),
        (Mode::Ordered, [Recovering, Suspected, Healthy], "shenzhen", Some("chengdu"), "chengdu"),
        (Mode::Ordered, [Healthy, Healthy, Healthy], "", Some("chengdu"), "shenzhen"),
        // Beyond the cap a region keeps its clients.
        (Mode::Ordered, [Degraded, Degraded, Healthy], "shenzhen", Some("chengdu"), "chengdu"),
        (Mode::Local, [Healthy, Degraded, Healthy], "chengdu", Some("chengdu"), "shenzhen"),
        (Mode::Ordered, [Degraded, Degraded, Degraded], "", None, "shenzhen"),
    ] {
        assert_eq!(
            region(mode, verdicts, drained, last),
            expected,
            "{mode:?} {verdicts:?} {drained} {last:?}"
        );
    }
}

#[test]
fn leaves_only_for_a_region_that_it_reaches() {
    use Verdict::{Degraded, Healthy, Suspected};
    let mut standings = standings([Degraded, Suspected, Healthy], "shenzhen");
    let answered = |standings: &[Standing]| {
        let found =
            answer("shenzhen", &priority(Mode::Ordered), standings, &peers(), Some("shenzhen"), false);
        found.unwrap().region
    };
    assert_eq!(answered(&standings), "beijing", "chengdu calls itself suspected");
    standings[1].within = true;
    assert_eq!(answered(&standings), "chengdu", "others suspect it, too few to count");
    (standings[1].reached, standings[2].reached) = (false, false);
    assert_eq!(answered(&standings), "shenzhen", "nobody is reached: the last answer stands");
}

#[test]
fn at_most_four_addresses_and_the_shorter_ttl_on_suspicion() {
    let mut peers = peers();
    peers.push(Peer {
        region: "shenzhen".into(),
        front_door: peers[1].front_door.clone(),
        ..Peer::default()
    });
    let verdicts = standings([Verdict::Healthy; 3], "");
    let calm = answer("beijing", &priority(Mode::Ordered), &verdicts, &peers, None, false).unwrap();
    assert_eq!(calm.ttl_seconds, 30);
    let texts: Vec<String> = calm.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["127.1.0.1", "127.1.1.1", "127.1.0.2", "127.1.1.2"]);
    let wary = answer("beijing", &priority(Mode::Ordered), &verdicts, &peers, None, true).unwrap();
    assert_eq!(wary.ttl_seconds, 5);
}

#[test]
fn a_region_without_a_door_is_not_answered() {
    let peers: Vec<Peer> = peers().into_iter().filter(|peer| peer.region != "shenzhen").collect();
    let verdicts = standings([Verdict::Healthy; 3], "");
    let found = answer("beijing", &priority(Mode::Ordered), &verdicts, &peers, None, false).unwrap();
    assert_eq!((found.region.as_str(), found.ttl_seconds), ("chengdu", 5), "shenzhen may come any moment");
    assert_eq!(answer("beijing", &priority(Mode::Ordered), &verdicts, &[], None, false), None);
}

fn verdict() -> impl Strategy<Value = Verdict> {
    use Verdict::{Degraded, Healthy, Recovering, Suspected};
    prop_oneof![Just(Healthy), Just(Suspected), Just(Recovering), Just(Degraded)]
}

proptest! {
    #[test]
    fn never_empty(
        verdicts in [verdict(), verdict(), verdict()], drained in 0..4_usize, last in 0..4_usize,
        intents in [0..3_u8, 0..3, 0..3], local: bool,
    ) {
        let mut standings = standings(verdicts, NAMES.get(drained).copied().unwrap_or_default());
        for (standing, intent) in standings.iter_mut().zip(intents) {
            standing.intent = [Intent::Auto, Intent::Drained, Intent::Pinned][usize::from(intent)];
        }
        let mode = if local { Mode::Local } else { Mode::Ordered };
        let last = NAMES.get(last).copied();
        let found = answer("chengdu", &priority(mode), &standings, &peers(), last, false).unwrap();
        prop_assert!(!found.addresses.is_empty() && found.addresses.len() <= MAX_ADDRESSES);
    }
}
