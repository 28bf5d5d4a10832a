//! What people command while the hub is away, in a federation where things go wrong.

use spillway_decide::Verdict;
use spillway_decide::commands::Verb;

use crate::federation::Service;
use crate::{REGIONS, fault_of};

#[test]
fn a_drain_moves_everybody_and_its_end_brings_them_home() {
    let mut run = fault_of("nobody", Service::Well, 0.0, spillway_decide::Priority::default());
    run.run_until(10);
    assert_eq!(run.answers(), ["shenzhen"; 3]);
    run.order(Verb::Drain, "shenzhen", Some(20));
    run.run_until(19);
    let story = run.story();
    assert_eq!(run.answers(), ["chengdu"; 3], "{story}");
    for region in REGIONS {
        assert_eq!(run.share(region, "chengdu"), 100, "{region}\n{story}");
        assert_eq!(run.verdict(region, "shenzhen"), Verdict::Healthy, "{story}");
    }
    let reason = run.reason("shenzhen");
    assert!(reason.starts_with("drained by alice until 2026-09-21T14:13:50Z: a test; "), "{reason}");
    run.expect("chengdu", "DNS answers chengdu for 30 s: shenzhen is Healthy: drained by alice", 10.0);
    run.run_until(33);
    assert_eq!(run.answers(), ["shenzhen"; 3], "{}", run.story());
    assert_eq!(run.share("beijing", "shenzhen"), 100, "{}", run.story());
    assert!(!run.reason("shenzhen").contains("alice"), "{}", run.reason("shenzhen"));
}

#[test]
fn a_drain_does_not_count_against_the_cap() {
    let mut run = fault_of("chengdu", Service::Slow(100), 200.0, spillway_decide::Priority::default());
    run.run_until(10);
    run.order(Verb::Drain, "shenzhen", Some(600));
    run.run_until(60);
    assert_eq!(run.answers(), ["beijing"; 3], "chengdu leaves by verdict all the same\n{}", run.story());
}

#[test]
fn a_frozen_region_keeps_its_traffic_until_it_thaws() {
    let mut run = fault_of("shenzhen", Service::Slow(100), 200.0, spillway_decide::Priority::default());
    run.run_until(30);
    run.order(Verb::Freeze, "shenzhen", Some(100));
    run.run_until(120);
    let story = run.story();
    for region in REGIONS {
        assert_eq!(run.verdict(region, "shenzhen"), Verdict::Degraded, "what is told stays true\n{story}");
        assert_eq!(run.share(region, "shenzhen"), 100, "{region}\n{story}");
    }
    assert_eq!(run.answers(), ["shenzhen"; 3], "{story}");
    assert_eq!(run.answer("beijing").ttl_seconds, 5, "so that the thaw is followed soon\n{story}");
    let reason = run.reason("shenzhen");
    assert!(reason.contains("frozen by alice") && reason.contains("stay where they are"), "{reason}");
    run.run_until(140);
    let story = run.story();
    assert_eq!(run.answers(), ["chengdu"; 3], "{story}");
    assert_eq!(run.share("shenzhen", "chengdu"), 100, "{story}");
}

#[test]
fn an_order_to_drain_moves_a_frozen_region() {
    let mut run = fault_of("nobody", Service::Well, 0.0, spillway_decide::Priority::default());
    run.run_until(10);
    run.order(Verb::Freeze, "shenzhen", Some(100));
    run.run_until(20);
    run.order(Verb::Drain, "shenzhen", Some(100));
    run.run_until(30);
    assert_eq!(run.answers(), ["chengdu"; 3], "{}", run.story());
    run.order(Verb::Undrain, "shenzhen", None);
    run.run_until(40);
    assert_eq!(run.answers(), ["shenzhen"; 3], "{}", run.story());
}
