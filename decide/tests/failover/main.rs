//! Whole failovers and back, in virtual time: what users were promised, told end to end.

#![expect(clippy::expect_used, clippy::panic, reason = "tests may fail loudly")]

mod commands;
mod doubt;
mod federation;
mod intents;

use federation::{Federation, Script, Service};
use spillway_decide::{Mode, Priority, Verdict};

const REGIONS: [&str; 3] = ["shenzhen", "chengdu", "beijing"];
/// When faults begin: windows are full by then.
const ONSET: f64 = 20.0;

/// Shenzhen serves like `fault` for `seconds`.
fn shenzhen(fault: Service, seconds: f64) -> Federation {
    fault_of("shenzhen", fault, seconds, Priority::default())
}

fn fault_of(who: &'static str, fault: Service, seconds: f64, priority: Priority) -> Federation {
    let script = Script::service(move |region, at| {
        if region == who && (ONSET..ONSET + seconds).contains(&at) { fault } else { Service::Well }
    });
    Federation::new(&REGIONS, priority, script)
}

#[test]
fn twenty_nine_seconds_shift_nothing() {
    for fault in [Service::Slow(100), Service::Slow(30), Service::Failing(100), Service::Failing(30)] {
        let mut run = shenzhen(fault, 29.0);
        run.run_until(120);
        let story = run.story();
        assert!(run.when("shenzhen", "Degraded", 0.0).is_none(), "{fault:?}\n{story}");
        assert!(run.when("shenzhen", "spills", 0.0).is_none(), "{fault:?}\n{story}");
        assert!(run.when("shenzhen", "DNS answers chengdu", 0.0).is_none(), "{fault:?}\n{story}");
        assert_eq!(run.answer("chengdu").ttl_seconds, 30, "{fault:?}\n{story}");
    }
}

#[test]
fn thirty_one_seconds_shift_by_steps() {
    for fault in [Service::Slow(100), Service::Slow(30), Service::Failing(90), Service::Failing(30)] {
        let mut run = shenzhen(fault, 31.0);
        run.run_until(60);
        let suspected = run.expect("shenzhen", "shenzhen Healthy -> Suspected", ONSET);
        assert!(suspected < ONSET + 4.0, "{fault:?}: suspected at {suspected}");
        assert!(run.expect("chengdu", "DNS answers shenzhen for 5 s", ONSET) < suspected + 0.3);
        let degraded = run.expect("shenzhen", "Suspected -> Degraded", ONSET);
        assert!((ONSET + 30.0..ONSET + 32.0).contains(&degraded), "{fault:?}: degraded at {degraded}");
        let first = run.expect("shenzhen", "10 % spills to chengdu", ONSET);
        let second = run.expect("shenzhen", "65 % spills to chengdu", ONSET);
        let third = run.expect("shenzhen", "100 % spills to chengdu", ONSET);
        assert!(first - degraded < 0.15, "{first} after {degraded}");
        assert!((second - first - 1.0).abs() < 0.01 && (third - second - 1.0).abs() < 0.01);
        for gateway in REGIONS {
            let answered = run.expect(gateway, "DNS answers chengdu for 5 s", degraded);
            assert!(answered - degraded < 0.3, "{gateway} answers at {answered}");
        }
        assert_eq!(run.share("beijing", "chengdu"), 100, "a standby follows the active region");
    }
}

#[test]
fn an_outage_shifts_at_once() {
    let mut run = shenzhen(Service::Failing(100), 40.0);
    run.run_until(60);
    let degraded = run.expect("shenzhen", "Suspected -> Degraded", ONSET);
    let all = run.expect("shenzhen", "100 % spills to chengdu", ONSET);
    assert!(all - degraded < 0.15, "{}", run.story());
    assert!(run.when("shenzhen", "10 % spills", 0.0).is_none());
}

#[test]
fn comes_home_by_steps() {
    let mut run = shenzhen(Service::Slow(100), 40.0);
    run.run_until(250);
    let recovering = run.expect("shenzhen", "Degraded -> Recovering", ONSET);
    assert!((89.0..92.5).contains(&recovering), "30 s after the last bad evidence, not {recovering}");
    for (nth, home) in [(0.0, "5 % is home"), (1.0, "25 % is home"), (2.0, "50 % is home")] {
        let at = run.expect("shenzhen", home, recovering);
        assert!((at - recovering - nth * 30.0).abs() < 0.25, "{home} at {at}");
        let forwarded = run.expect("chengdu", &format!("shenzhen recovers: {home}"), recovering);
        assert!((forwarded - at).abs() < 0.3, "chengdu follows at {forwarded}");
    }
    let healthy = run.expect("chengdu", "shenzhen Recovering -> Healthy", recovering);
    assert!(run.expect("chengdu", "DNS answers shenzhen for 30 s", recovering) - healthy < 0.3);
    assert_eq!(run.share("shenzhen", "shenzhen"), 100);
    assert_eq!(run.share("chengdu", "shenzhen"), 100);
}

#[test]
fn a_relapse_stops_the_way_home() {
    let script = Script::service(|region, at| {
        if region == "shenzhen" && ((20.0..60.0).contains(&at) || (130.0..150.0).contains(&at)) {
            Service::Slow(100)
        } else {
            Service::Well
        }
    });
    let mut run = Federation::new(&REGIONS, Priority::default(), script);
    run.run_until(200);
    let relapse = run.expect("shenzhen", "Recovering -> Degraded: relapse", 130.0);
    assert!(relapse < 136.0, "a relapse needs no hold: {relapse}");
    assert_eq!(run.share("shenzhen", "shenzhen"), 0, "{}", run.story());
    assert_eq!(run.verdict("shenzhen", "shenzhen"), Verdict::Degraded);
    run.run_until(220);
    let again = run.expect("shenzhen", "Degraded -> Recovering", relapse);
    assert!((again - 150.0 - 60.0).abs() < 2.5, "twice the hold after the second failure, not {again}");
}

#[test]
fn a_dead_gateway_is_given_up_by_quorum_and_comes_home() {
    let mut run = shenzhen(Service::Dead, 40.0);
    run.run_until(240);
    for gateway in ["chengdu", "beijing"] {
        let given_up =
            run.expect(gateway, "shenzhen Suspected -> Degraded: 2 of 2 regions cannot reach it", ONSET);
        assert!(given_up <= ONSET + 6.3, "{gateway} at {given_up}\n{}", run.story());
        assert!(run.expect(gateway, "DNS answers chengdu", ONSET) - given_up < 0.15);
        let recovering = run.expect(gateway, "shenzhen Degraded -> Recovering", ONSET);
        assert!(
            (ONSET + 68.0..ONSET + 73.0).contains(&recovering),
            "{gateway} at {recovering}\n{}",
            run.story()
        );
        run.expect(gateway, "DNS answers shenzhen for 30 s", recovering);
    }
    assert_eq!(run.answers(), ["shenzhen"; 3]);
}

#[test]
fn a_gateway_that_starts_late_takes_over_what_the_others_found() {
    let script = Script::service(|region, at| match region {
        "shenzhen" if at >= 20.0 => Service::Dead,
        "beijing" if (40.0..45.0).contains(&at) => Service::Dead,
        _ => Service::Well,
    });
    let mut run = Federation::new(&REGIONS, Priority::default(), script);
    run.run_until(48);
    assert_eq!(run.answer("beijing").region, "chengdu", "{}", run.story());
}

#[test]
fn a_cut_between_two_regions_shifts_nothing() {
    for (one, other) in [("shenzhen", "chengdu"), ("shenzhen", "beijing"), ("chengdu", "beijing")] {
        let cut = move |from: &str, to: &str, at: f64| {
            !((20.0..80.0).contains(&at) && ((from, to) == (one, other) || (from, to) == (other, one)))
        };
        let script = Script { service: Box::new(|_, _| Service::Well), link: Box::new(cut) };
        let mut run = Federation::new(&REGIONS, Priority::default(), script);
        run.run_until(120);
        assert!(run.events.iter().all(|event| !event.what.contains("Degraded")), "{}", run.story());
        assert!(
            run.events.iter().all(|event| !event.what.contains("DNS answers chengdu")),
            "{}",
            run.story()
        );
        assert_eq!(run.answers(), ["shenzhen"; 3]);
    }
}

#[test]
fn an_isolated_region_serves_on_and_the_others_leave_it() {
    let cut = |from: &str, to: &str, at: f64| at < 20.0 || (from != "shenzhen" && to != "shenzhen");
    let script = Script { service: Box::new(|_, _| Service::Well), link: Box::new(cut) };
    let mut run = Federation::new(&REGIONS, Priority::default(), script);
    run.run_until(60);
    assert_eq!(run.answers(), ["shenzhen", "chengdu", "chengdu"], "{}", run.story());
    assert_eq!(run.share("shenzhen", "shenzhen"), 100);
    assert_eq!(run.share("beijing", "chengdu"), 100);
}

/// All at once, and one after the other: the order of onsets must not send traffic from one to the next.
#[test]
fn everything_slow_everywhere_shifts_nothing() {
    for (mode, apart) in [(Mode::Ordered, 0.0), (Mode::Ordered, 1.3), (Mode::Local, 0.0), (Mode::Local, 1.3)]
    {
        let script = Script::service(move |region, at| {
            let place = REGIONS.iter().zip([0.0, 1.0, 2.0]).find(|(name, _)| **name == region);
            let onset = ONSET + place.map_or(0.0, |(_, place)| place * apart);
            if (onset..100.0).contains(&at) { Service::Slow(100) } else { Service::Well }
        });
        let mut run = Federation::new(&REGIONS, Priority { mode, ..Priority::default() }, script);
        run.run_until(90);
        let story = run.story();
        for region in REGIONS {
            assert_eq!(run.verdict(region, region), Verdict::Degraded, "{story}");
            assert_eq!(run.share(region, region), 100, "{mode:?}\n{story}");
            let reason = run.reason(region);
            assert!(reason.ends_with("; no region is within its bounds: traffic stays"), "{reason}");
        }
        let moved = |what: &str| what.contains("spills") || what.contains("forwards to chengdu");
        assert!(run.events.iter().all(|event| !moved(&event.what)), "{story}");
        let expected = if mode == Mode::Ordered { ["shenzhen"; 3] } else { REGIONS };
        assert_eq!(run.answers(), expected, "{story}");
    }
}

#[test]
fn two_regions_need_a_witness_and_twice_the_hold() {
    let script =
        Script::service(
            |region, at| {
                if region == "shenzhen" && at >= 20.0 { Service::Dead } else { Service::Well }
            },
        );
    let mut run = Federation::new(&["shenzhen", "chengdu"], Priority::default(), script);
    run.run_until(60);
    let given_up = run.expect("chengdu", "shenzhen Suspected -> Degraded: 1 of 1", ONSET);
    assert!((ONSET + 10.0..ONSET + 11.5).contains(&given_up), "at {given_up}");
}
