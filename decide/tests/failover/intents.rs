//! What people want overrules what gateways find.

use spillway_decide::{Enforcement, Intent, Mode, Priority, PriorityRegion, Verdict};

use crate::federation::Service;
use crate::{REGIONS, fault_of};

#[test]
fn observing_tells_and_changes_nothing() {
    let priority = Priority { enforcement: Enforcement::Observe, ..Priority::default() };
    let mut run = fault_of("shenzhen", Service::Slow(100), 40.0, priority);
    run.run_until(59);
    let story = run.story();
    assert_eq!(run.verdict("beijing", "shenzhen"), Verdict::Degraded, "{story}");
    let reason = run.reason("shenzhen");
    assert!(reason.contains("only observing; would send arrivals to chengdu 100 %"), "{reason}");
    for region in REGIONS {
        assert_eq!(run.share(region, region), 100, "{story}");
        let answers = run.events.iter().filter(|event| event.gateway == region && event.what.contains("DNS"));
        assert_eq!(answers.count(), 1, "the first answer stands\n{story}");
    }
    assert_eq!(run.answers(), ["shenzhen"; 3], "{story}");
    assert_eq!(run.answer("chengdu").ttl_seconds, 30, "{story}");
}

fn with_intent(region: &str, intent: Intent) -> Priority {
    Priority { regions: vec![PriorityRegion { name: region.to_owned(), intent }], ..Priority::default() }
}

#[test]
fn a_drained_region_sends_everybody_on_however_well_it_is() {
    let priority = with_intent("shenzhen", Intent::Drained);
    let mut run = fault_of("chengdu", Service::Slow(100), 40.0, priority);
    run.run_until(19);
    for region in REGIONS {
        assert_eq!(run.verdict(region, "shenzhen"), Verdict::Healthy, "{}", run.story());
        assert_eq!(run.share(region, "chengdu"), 100, "{}", run.story());
    }
    assert_eq!(run.answers(), ["chengdu"; 3], "{}", run.story());
    assert_eq!(run.answer("shenzhen").ttl_seconds, 30, "nobody is unwell");
    // Its helper fails, and the drained region is still no refuge.
    run.run_until(59);
    assert_eq!(run.answers(), ["beijing"; 3], "{}", run.story());
    for region in REGIONS {
        assert_eq!(run.share(region, "beijing"), 100, "{region}\n{}", run.story());
    }
}

#[test]
fn a_drained_region_helps_itself_elsewhere_where_each_serves_its_own() {
    let priority = Priority { mode: Mode::Local, ..with_intent("beijing", Intent::Drained) };
    let mut run = fault_of("nobody", Service::Well, 0.0, priority);
    run.run_until(19);
    assert_eq!(run.share("beijing", "shenzhen"), 100, "{}", run.story());
    assert_eq!(run.share("chengdu", "chengdu"), 100, "{}", run.story());
    assert_eq!(run.answers(), ["shenzhen", "chengdu", "shenzhen"], "{}", run.story());
}

#[test]
fn a_pinned_region_keeps_its_own_however_ill_it_is() {
    let mut run = fault_of("shenzhen", Service::Slow(100), 40.0, with_intent("shenzhen", Intent::Pinned));
    run.run_until(59);
    let story = run.story();
    assert_eq!(run.verdict("chengdu", "shenzhen"), Verdict::Degraded, "{story}");
    assert_eq!(run.share("shenzhen", "shenzhen"), 100, "{story}");
    assert!(run.reason("shenzhen").ends_with("; pinned by intent"), "{}", run.reason("shenzhen"));
    assert_eq!(run.answers(), ["shenzhen"; 3], "{story}");
    assert_eq!(run.answer("beijing").ttl_seconds, 5, "{story}");
}
