//! Shares for every way that regions may stand, and what a step must never do.

use proptest::prelude::*;

use super::*;
use crate::priority::PriorityRegion;

const NAMES: [&str; 3] = ["shenzhen", "chengdu", "beijing"];

fn priority(mode: Mode) -> Priority {
    let regions = NAMES.map(|name| PriorityRegion { name: name.into(), intent: Intent::Auto });
    Priority { mode, regions: regions.into(), ..Priority::default() }
}

fn standings(verdicts: [Verdict; 3]) -> Vec<Standing> {
    let standing = |(region, verdict): (&str, Verdict)| Standing {
        region: region.to_owned(),
        intent: Intent::Auto,
        verdict,
        reason: "P95 2140 ms > 1500 ms for 30 s (410 req/s)".to_owned(),
        since: Time(0),
        home_percent: if verdict == Verdict::Recovering { 25 } else { 100 },
        within: verdict == Verdict::Healthy,
        reached: true,
        drained: verdict >= Verdict::Recovering,
        grant: 600,
    };
    NAMES.into_iter().zip(verdicts).map(standing).collect()
}

fn course(me: &str, mode: Mode, verdicts: [Verdict; 3]) -> Course {
    let (priority, standings) = (priority(mode), standings(verdicts));
    let field = Field { now: Time(10_000), me, priority: &priority, standings: &standings, outage: false };
    Shifter::default().decide(&field)
}

fn shown(course: &Course) -> String {
    let shares = course.shares.as_slice().iter();
    shares.map(|share| format!("{} {}", share.region, share.percent)).collect::<Vec<_>>().join(", ")
}

#[test]
fn each_region_in_its_place() {
    use Mode::{Local, Ordered};
    use Verdict::{Degraded as D, Healthy as H, Recovering as R, Suspected as S};
    for (me, mode, verdicts, expected) in [
        ("shenzhen", Ordered, [H, H, H], "shenzhen 100"),
        ("chengdu", Ordered, [H, H, H], "shenzhen 100"),
        ("beijing", Ordered, [S, H, H], "shenzhen 100"),
        ("shenzhen", Ordered, [D, H, H], "shenzhen 90, chengdu 10"),
        ("shenzhen", Ordered, [D, S, H], "shenzhen 90, beijing 10"),
        ("shenzhen", Ordered, [D, S, S], "shenzhen 100"),
        ("chengdu", Ordered, [D, H, H], "chengdu 100"),
        ("beijing", Ordered, [D, H, H], "chengdu 100"),
        ("shenzhen", Ordered, [R, H, H], "shenzhen 25, chengdu 75"),
        ("chengdu", Ordered, [R, H, H], "shenzhen 25, chengdu 75"),
        ("beijing", Ordered, [R, H, H], "shenzhen 25, chengdu 75"),
        ("beijing", Ordered, [D, D, D], "beijing 100"),
        ("chengdu", Ordered, [H, D, H], "shenzhen 100"),
        ("chengdu", Ordered, [H, R, H], "shenzhen 100"),
        ("beijing", Ordered, [D, H, D], "chengdu 100"),
        ("chengdu", Local, [H, H, H], "chengdu 100"),
        ("chengdu", Local, [D, H, H], "chengdu 100"),
        ("chengdu", Local, [H, D, H], "chengdu 90, shenzhen 10"),
        ("nowhere", Ordered, [H, H, H], "nowhere 100"),
    ] {
        assert_eq!(shown(&course(me, mode, verdicts)), expected, "{me} {mode:?} {verdicts:?}");
    }
}

/// Ticks of 100 ms; returns when each share began.
fn steps(
    shifter: &mut Shifter,
    standings: &[Standing],
    from: u64,
    millis: u64,
    outage: bool,
) -> Vec<(u64, String)> {
    let priority = priority(Mode::Ordered);
    let mut seen = Vec::new();
    for now in (from..from + millis).step_by(100) {
        let field = Field { now: Time(now), me: "shenzhen", priority: &priority, standings, outage };
        seen.push((now, shown(&shifter.decide(&field))));
    }
    seen.dedup_by(|later, earlier| later.1 == earlier.1);
    seen
}

fn degraded() -> Vec<Standing> {
    standings([Verdict::Degraded, Verdict::Healthy, Verdict::Healthy])
}

#[test]
fn steps_are_a_second_apart_and_an_outage_takes_none() {
    let seen = steps(&mut Shifter::default(), &degraded(), 5_000, 9_000, false);
    let expected =
        [(5_000, "shenzhen 90, chengdu 10"), (6_000, "shenzhen 35, chengdu 65"), (7_000, "chengdu 100")];
    assert_eq!(seen, expected.map(|(at, text)| (at, text.to_owned())));
    let outage = steps(&mut Shifter::default(), &degraded(), 5_000, 2_000, true);
    assert_eq!(outage, [(5_000, "chengdu 100".to_owned())]);
}

#[test]
fn a_target_that_leaves_its_bounds_is_left_alone_for_a_minute() {
    let mut shifter = Shifter::default();
    steps(&mut shifter, &degraded(), 5_000, 5_000, false);
    let mut ill = degraded();
    (ill[1].verdict, ill[1].within) = (Verdict::Suspected, false);
    assert_eq!(steps(&mut shifter, &ill, 10_000, 100, false)[0].1, "shenzhen 90, beijing 10");
    (ill[2].verdict, ill[2].within) = (Verdict::Suspected, false);
    assert_eq!(steps(&mut shifter, &ill, 11_000, 100, false)[0].1, "shenzhen 100");
    let again = steps(&mut shifter, &degraded(), 12_000, 70_000, false);
    assert_eq!(again[0].1, "shenzhen 100");
    assert_eq!(again[1], (70_000, "shenzhen 90, chengdu 10".to_owned()));
}

/// Others doubt the second and we do not reach the third: neither is a reason to leave who helps already, and
/// only the latter keeps us from choosing anew.
#[test]
fn doubt_of_others_is_no_reason_and_our_own_is_one_for_new_targets_only() {
    let mut doubted = degraded();
    doubted[1].verdict = Verdict::Suspected;
    assert_eq!(steps(&mut Shifter::default(), &doubted, 0, 100, false)[0].1, "shenzhen 90, chengdu 10");
    let mut unreached = degraded();
    unreached[1].reached = false;
    assert_eq!(steps(&mut Shifter::default(), &unreached, 0, 100, false)[0].1, "shenzhen 90, beijing 10");
    let mut shifter = Shifter::default();
    steps(&mut shifter, &degraded(), 0, 5_000, false);
    assert_eq!(steps(&mut shifter, &unreached, 5_000, 5_000, false), [(5_000, "chengdu 100".to_owned())]);
    unreached[2].reached = false;
    let priority = priority(Mode::Ordered);
    let field =
        Field { now: Time(0), me: "shenzhen", priority: &priority, standings: &unreached, outage: false };
    let course = Shifter::default().decide(&field);
    assert_eq!(course.reason, "no region that is within its bounds is reached from here: traffic stays");
}

#[test]
fn a_standby_turns_only_to_the_healthy() {
    use Verdict::{Degraded as D, Healthy as H, Suspected as S};
    let (priority, mut shifter) = (priority(Mode::Ordered), Shifter::default());
    for (verdicts, expected) in [
        ([S, S, S], "shenzhen 100"),
        // Everybody is unwell: no reason to run from one to the other.
        ([D, S, S], "beijing 100"),
        ([D, H, S], "chengdu 100"),
        ([D, S, H], "chengdu 100"),
        ([H, S, H], "shenzhen 100"),
    ] {
        let standings = standings(verdicts);
        let field =
            Field { now: Time(0), me: "beijing", priority: &priority, standings: &standings, outage: false };
        assert_eq!(shown(&shifter.decide(&field)), expected, "{verdicts:?}");
    }
}

#[test]
fn no_grant_no_spill() {
    let mut poor = degraded();
    poor[1].grant = 0;
    assert_eq!(steps(&mut Shifter::default(), &poor, 0, 100, false)[0].1, "shenzhen 90, beijing 10");
    poor[2].grant = 0;
    assert_eq!(steps(&mut Shifter::default(), &poor, 0, 5_000, false), [(0, "shenzhen 100".to_owned())]);
}

#[test]
fn a_relapse_does_not_bring_more_home() {
    let mut shifter = Shifter::default();
    steps(&mut shifter, &degraded(), 0, 5_000, false);
    let recovering = standings([Verdict::Recovering, Verdict::Healthy, Verdict::Healthy]);
    assert_eq!(steps(&mut shifter, &recovering, 5_000, 5_000, false)[0].1, "shenzhen 25, chengdu 75");
    let relapse = steps(&mut shifter, &degraded(), 10_000, 3_000, false);
    assert_eq!(relapse.last().unwrap().1, "chengdu 100");
    assert!(relapse.iter().all(|(_, shares)| shares != "shenzhen 90, chengdu 10"), "{relapse:?}");
}

#[test]
fn intents_and_the_cap_overrule() {
    let mut pinned = degraded();
    pinned[0].intent = Intent::Pinned;
    assert_eq!(steps(&mut Shifter::default(), &pinned, 0, 5_000, false)[0].1, "shenzhen 100");
    let mut drained = standings([Verdict::Healthy; 3]);
    drained[0].intent = Intent::Drained;
    assert_eq!(steps(&mut Shifter::default(), &drained, 0, 5_000, false).last().unwrap().1, "chengdu 100");
    let mut capped = degraded();
    capped[0].drained = false;
    assert_eq!(steps(&mut Shifter::default(), &capped, 0, 5_000, false), [(0, "shenzhen 100".to_owned())]);
}

#[test]
fn says_why_in_words() {
    let reason =
        course("shenzhen", Mode::Ordered, [Verdict::Degraded, Verdict::Healthy, Verdict::Healthy]).reason;
    assert_eq!(reason, "10 % spills to chengdu (grant 600 req/s)");
    let stuck = course("shenzhen", Mode::Ordered, [Verdict::Degraded; 3]);
    assert_eq!((stuck.reason.as_str(), stuck.stuck), ("no region is within its bounds: traffic stays", true));
}

fn verdict() -> impl Strategy<Value = Verdict> {
    use Verdict::{Degraded, Healthy, Recovering, Suspected};
    prop_oneof![Just(Healthy), Just(Suspected), Just(Recovering), Just(Degraded)]
}

proptest! {
    #[test]
    fn never_to_the_degraded_nor_without_a_grant(
        me in 0..3_usize, local: bool,
        moments in prop::collection::vec(([verdict(), verdict(), verdict()], [any::<bool>(), any::<bool>(), any::<bool>()]), 1..40),
    ) {
        let priority = priority(if local { Mode::Local } else { Mode::Ordered });
        let mut shifter = Shifter::default();
        for (tick, (verdicts, grants)) in (0_u64..).zip(moments) {
            let mut standings = standings(verdicts);
            for (standing, grants) in standings.iter_mut().zip(grants) {
                standing.grant = if grants { 600 } else { 0 };
            }
            let field = Field { now: Time(tick * 700), me: NAMES[me], priority: &priority, standings: &standings, outage: false };
            let course = shifter.decide(&field);
            prop_assert_eq!(course.shares.as_slice().iter().map(|share| share.percent).sum::<u32>(), 100);
            for share in course.shares.as_slice().iter().filter(|share| share.region != NAMES[me]) {
                let target = standings.iter().find(|standing| standing.region == share.region).unwrap();
                prop_assert!(target.grant > 0 && target.verdict != Verdict::Degraded, "{:?}", course);
            }
        }
    }
}

/// A drain asks for grants when it begins, and they do not all come at once.
#[test]
fn who_is_away_follows_the_active_region_though_another_helped_first() {
    use Verdict::{Degraded, Healthy};
    let priority = priority(Mode::Ordered);
    let (mut shifter, mut standings) = (Shifter::default(), standings([Degraded, Healthy, Healthy]));
    let mut shares = |now: u64, chengdu: u32| {
        standings[1].grant = chengdu;
        let field = Field {
            now: Time(now),
            me: "shenzhen",
            priority: &priority,
            standings: &standings,
            outage: false,
        };
        shown(&shifter.decide(&field))
    };
    assert_eq!(shares(10_000, 0), "shenzhen 90, beijing 10");
    assert_eq!(shares(11_000, 600), "shenzhen 35, beijing 65", "not in the midst of a shift");
    assert_eq!(shares(12_000, 0), "beijing 100");
    assert_eq!(shares(12_100, 600), "chengdu 100");
}
