//! Two faults at once: regions that doubt each other hold nobody up who is not concerned.

use spillway_decide::{Priority, Verdict};

use crate::REGIONS;
use crate::federation::{Federation, Script, Service};

/// Chengdu and Beijing lose each other; then Shenzhen, which reaches both, needs help, and is well again.
#[test]
fn a_cut_between_two_does_not_keep_the_third_from_leaving_and_coming_home() {
    let script = Script {
        service: Box::new(|region, at| {
            if region == "shenzhen" && (40.0..90.0).contains(&at) {
                Service::Slow(100)
            } else {
                Service::Well
            }
        }),
        link: Box::new(|from, to, at| at < 20.0 || from == "shenzhen" || to == "shenzhen"),
    };
    let mut run = Federation::new(&REGIONS, Priority::default(), script);
    run.run_until(85);
    assert_eq!(run.share("shenzhen", "chengdu"), 100, "{}", run.story());
    // Beijing does not reach Chengdu, so it sends nobody there.
    assert_eq!(run.answers(), ["chengdu", "chengdu", "beijing"], "{}", run.story());
    assert_eq!(run.share("beijing", "beijing"), 100, "{}", run.story());
    assert_eq!(run.answer("shenzhen").ttl_seconds, 5);
    run.run_until(300);
    assert_eq!(run.answers(), ["shenzhen"; 3], "{}", run.story());
    assert_eq!(run.share("shenzhen", "shenzhen"), 100);
    assert_eq!(run.answer("shenzhen").ttl_seconds, 5, "two regions still doubt each other");
}

/// The door that people are sent to misses one probe: they are sent there for a short time until the next is answered,
/// and that is all. What another door misses is nothing to them.
#[test]
fn one_lost_probe_shortens_the_ttl_and_does_no_more() {
    let script = Script {
        service: Box::new(|_, _| Service::Well),
        link: Box::new(|from, to, at| {
            let lost = if to == "shenzhen" { 40.0 } else { 60.0 };
            from != "chengdu" || (at - lost).abs() > 0.01
        }),
    };
    let mut run = Federation::new(&REGIONS, Priority::default(), script);
    let ttls = |run: &Federation| ["chengdu", "beijing"].map(|gateway| run.answer(gateway).ttl_seconds);
    for (second, expected) in [(39, [30, 30]), (40, [5, 30]), (41, [30, 30]), (60, [30, 30]), (61, [30, 30])]
    {
        run.run_until(second);
        assert_eq!(ttls(&run), expected, "after {second} s\n{}", run.story());
        assert_eq!(run.verdict("chengdu", "shenzhen"), Verdict::Healthy);
    }
    run.expect("chengdu", "for 5 s: the latest probe of shenzhen was not answered", 40.0);
}

/// Beijing reaches nobody, though everybody reaches Beijing: its doubts stay its own.
#[test]
fn a_region_whose_probes_are_blocked_holds_nobody_up() {
    let script = Script {
        service: Box::new(|region, at| {
            if region == "shenzhen" && (40.0..90.0).contains(&at) {
                Service::Slow(100)
            } else {
                Service::Well
            }
        }),
        link: Box::new(|from, _, at| at < 20.0 || from != "beijing"),
    };
    let mut run = Federation::new(&REGIONS, Priority::default(), script);
    run.run_until(39);
    assert_eq!(run.answers(), ["shenzhen"; 3], "{}", run.story());
    assert_eq!(run.answer("chengdu").ttl_seconds, 5, "{}", run.story());
    run.run_until(85);
    assert_eq!(run.share("shenzhen", "chengdu"), 100, "{}", run.story());
    assert_eq!(run.answers(), ["chengdu", "chengdu", "beijing"], "{}", run.story());
    run.run_until(300);
    assert_eq!(run.share("shenzhen", "shenzhen"), 100, "{}", run.story());
    assert_eq!(run.answers()[..2], ["shenzhen"; 2], "{}", run.story());
}

/// Shenzhen dies and returns, but Chengdu still does not reach it: who does takes it back.
#[test]
fn a_bad_link_does_not_keep_a_returned_region_away() {
    let script = Script {
        service: Box::new(|region, at| {
            if region == "shenzhen" && (20.0..60.0).contains(&at) { Service::Dead } else { Service::Well }
        }),
        link: Box::new(|from, to, at| {
            at < 20.0 || ![("chengdu", "shenzhen"), ("shenzhen", "chengdu")].contains(&(from, to))
        }),
    };
    let mut run = Federation::new(&REGIONS, Priority::default(), script);
    run.run_until(59);
    assert_eq!(run.answer("beijing").region, "chengdu", "{}", run.story());
    run.run_until(260);
    assert_eq!(run.answers(), ["shenzhen", "chengdu", "shenzhen"], "{}", run.story());
}

#[test]
fn a_returned_region_comes_home_while_another_is_down() {
    let script = Script::service(|region, at| match region {
        "shenzhen" if (20.0..60.0).contains(&at) => Service::Dead,
        "beijing" if at >= 50.0 => Service::Dead,
        _ => Service::Well,
    });
    let mut run = Federation::new(&REGIONS, Priority::default(), script);
    run.run_until(59);
    assert_eq!(run.answers(), ["chengdu"], "{}", run.story());
    run.run_until(260);
    let recovering = run.expect("chengdu", "shenzhen Degraded -> Recovering", 60.0);
    assert!((88.0..93.0).contains(&recovering), "a hold after the last bad probe, not {recovering}");
    assert_eq!(run.answers(), ["shenzhen"; 2], "{}", run.story());
}

/// Five regions, one of them down: two doubt the returned one and one reaches it. Two are no quorum to give it
/// up by, and enough not to take it back.
#[test]
fn a_returned_region_stays_away_while_more_doubt_than_reach_it() {
    let script = Script {
        service: Box::new(|region, at| match region {
            "shenzhen" if (20.0..60.0).contains(&at) => Service::Dead,
            "wuhan" if at >= 50.0 => Service::Dead,
            _ => Service::Well,
        }),
        link: Box::new(|from, to, at| {
            at < 20.0 || to != "shenzhen" || !["chengdu", "beijing"].contains(&from) || at >= 120.0
        }),
    };
    let regions = ["shenzhen", "chengdu", "beijing", "xian", "wuhan"];
    let mut run = Federation::new(&regions, Priority::default(), script);
    run.run_until(119);
    assert_eq!(run.verdict("xian", "shenzhen"), Verdict::Degraded, "{}", run.story());
    run.run_until(200);
    assert_eq!(run.verdict("xian", "shenzhen"), Verdict::Recovering, "{}", run.story());
}
