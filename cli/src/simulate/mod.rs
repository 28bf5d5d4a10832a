//! What would happen: the decisions of `decide` in virtual time, on the regions and bounds that the hub has now.
//!
//! It changes nothing, and asks no gateway. One gateway a region, steady arrivals, links that work.

mod federation;
mod foreseen;
mod wanted;

use std::fmt;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use spillway_crds::region_priority::Verdict as Shown;
use spillway_decide::{Change, commands};

use crate::report::{Priority, Report};
use crate::table::columns;
use federation::{Federation, Script};
pub(crate) use foreseen::Foreseen;
pub(crate) use wanted::health;

/// Windows are full and everybody has an opinion.
const WARM_UP: u64 = 30;
/// After the end of the fault, so that recovery is seen.
const AFTERWARDS: u64 = 900;

/// What is to go wrong.
#[derive(Args, Clone, Debug)]
pub(crate) struct What {
    /// Name of the region
    region: String,
    #[command(flatten)]
    fault: Fault,
    /// Only in this `RegionPriority`; else in all that have the region
    #[arg(long, value_name = "NAME")]
    priority: Option<String>,
    /// For so many seconds; then the region is well again
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Requests a second at each region's front door; else what the hub last saw of the region, else 100
    #[arg(long, value_name = "PER SECOND", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    rate: Option<u64>,
}

#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Fault {
    /// Every request takes so long
    #[arg(long, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(1..=600_000))]
    latency: Option<u64>,
    /// So many percent of the requests fail
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(1..=100))]
    errors: Option<u64>,
    /// The gateways of the region are gone
    #[arg(long)]
    dead: bool,
}

/// How a region serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Latency(u64),
    Errors(u64),
    Dead,
}

impl What {
    /// What a game day would lead to.
    pub(crate) fn of(region: &str, fault: Fault, priority: Option<String>, seconds: u64) -> Self {
        Self { region: region.to_owned(), fault, priority, seconds, rate: None }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency(milliseconds) => write!(formatter, "takes {milliseconds} ms for every request"),
            Self::Errors(percent) => write!(formatter, "fails {percent} % of its requests"),
            Self::Dead => formatter.write_str("is dead"),
        }
    }
}

impl Fault {
    /// As gateways play it.
    pub(crate) fn order(&self, share: Option<u32>) -> commands::Fault {
        // clap has bounded both.
        let number =
            |given: Option<u64>| given.and_then(|given| u32::try_from(given).ok()).unwrap_or_default();
        commands::Fault {
            latency_milliseconds: number(self.latency),
            error_percent: number(self.errors),
            dead: self.dead,
            share_percent: share,
        }
    }

    fn service(&self) -> Service {
        match (self.latency, self.errors) {
            (Some(milliseconds), _) => Service::Latency(milliseconds),
            (_, Some(percent)) => Service::Errors(percent),
            _ => Service::Dead,
        }
    }
}

/// What would happen, priority by priority.
#[derive(Debug, Serialize)]
pub(crate) struct Story {
    region: String,
    fault: String,
    seconds: u64,
    priorities: Vec<Course>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Course {
    priority: String,
    requests_per_second: u64,
    notes: Vec<String>,
    timeline: Vec<Event>,
}

/// One change, as one gateway decides it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Event {
    /// Since the fault began.
    seconds: f64,
    gateway: String,
    what: String,
    #[serde(skip)]
    change: Change,
}

/// Plays it for every priority that has the region.
pub(crate) fn run(report: &Report, what: &What) -> Result<Story> {
    let about: Vec<&Priority> = report
        .priorities
        .iter()
        .filter(|priority| what.priority.as_ref().is_none_or(|name| *name == priority.name))
        .filter(|priority| priority.regions.iter().any(|region| region.status.name == what.region))
        .collect();
    if about.is_empty() {
        let known: Vec<&str> = report.priorities.iter().map(|priority| priority.name.as_str()).collect();
        bail!("region {:?} is in none of these RegionPriorities: {}", what.region, known.join(", "));
    }
    Ok(Story {
        region: what.region.clone(),
        fault: what.fault.service().to_string(),
        seconds: what.seconds,
        priorities: about.into_iter().map(|priority| course(report, priority, what)).collect(),
    })
}

fn course(report: &Report, priority: &Priority, what: &What) -> Course {
    let rate = what.rate.unwrap_or_else(|| seen_rate(priority, &what.region));
    let ill = priority.regions.iter().filter(|region| region.status.verdict == Shown::Degraded);
    let ill: Vec<String> = ill.map(|region| region.status.name.clone()).collect();
    let mut notes: Vec<String> =
        ill.iter().map(|region| format!("{region} is Degraded now, and stays so here")).collect();
    let commanded = priority.regions.iter().filter(|region| !region.status.command.is_empty());
    notes.extend(commanded.map(|region| {
        format!("{} is {}; the simulation is without that", region.status.name, region.status.command)
    }));
    let script = Script {
        region: what.region.clone(),
        service: what.fault.service(),
        from: warm_up(priority),
        until: warm_up(priority) + what.seconds,
        ill,
    };
    let mut federation = Federation::new(wanted::priority(priority), capacities(report), script, rate);
    let timeline = federation.play(warm_up(priority) + what.seconds + AFTERWARDS);
    Course { priority: priority.name.clone(), requests_per_second: rate, notes, timeline }
}

/// What is ill already is Degraded before the fault begins.
fn warm_up(priority: &Priority) -> u64 {
    WARM_UP + u64::from(priority.health.window_seconds) + u64::from(priority.health.hold_seconds)
}

fn seen_rate(priority: &Priority, region: &str) -> u64 {
    let sli = priority.regions.iter().find(|entry| entry.status.name == region);
    let requests = sli.and_then(|entry| entry.status.sli.as_ref()).map_or(0, |sli| sli.requests);
    match requests / u64::from(priority.health.window_seconds.max(1)) {
        0 => 100,
        rate => rate.min(1000),
    }
}

/// By region, what its members say that they carry.
fn capacities(report: &Report) -> std::collections::BTreeMap<String, u32> {
    let mut all = std::collections::BTreeMap::new();
    for member in &report.members {
        if let Some(capacity) = member.max_requests_per_second {
            *all.entry(member.region.clone()).or_insert(0_u32) += capacity;
        }
    }
    all
}

impl Story {
    /// For people.
    pub(crate) fn table(&self) -> String {
        let each = self.priorities.iter().map(|course| {
            let rate = course.requests_per_second;
            let mut text = format!(
                "{}: {} {} for {} s, {rate} requests a second at each region\n",
                course.priority, self.region, self.fault, self.seconds
            );
            text.extend(course.notes.iter().map(|note| format!("note: {note}\n")));
            let rows = course.timeline.iter().map(|event| {
                vec![format!("{:+.1}s", event.seconds), event.gateway.clone(), event.what.clone()]
            });
            text += &columns(&["AFTER", "GATEWAY", "WHAT"], rows);
            if course.timeline.is_empty() {
                text += "nothing changes\n";
            }
            text
        });
        each.collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(change: impl FnOnce(&mut serde_json::Value)) -> Report {
        let mut priority = json!({
            "apiVersion": "kube-federation.io/v1alpha1", "kind": "RegionPriority", "metadata": {"name": "gov"},
            "spec": {"regions": [{"name": "shenzhen"}, {"name": "chengdu"}, {"name": "beijing"}]},
        });
        change(&mut priority);
        Report::new(vec![serde_json::from_value(priority).unwrap()], Vec::new())
    }

    fn what(service: Service, seconds: u64) -> What {
        let fault = match service {
            Service::Latency(latency) => Fault { latency: Some(latency), errors: None, dead: false },
            Service::Errors(errors) => Fault { latency: None, errors: Some(errors), dead: false },
            Service::Dead => Fault { latency: None, errors: None, dead: true },
        };
        What { region: "shenzhen".into(), fault, priority: None, seconds, rate: None }
    }

    fn timeline(report: &Report, what: &What) -> Vec<Event> {
        run(report, what).unwrap().priorities.remove(0).timeline
    }

    fn when(timeline: &[Event], gateway: &str, words: &str) -> f64 {
        let found = timeline.iter().find(|event| event.gateway == gateway && event.what.contains(words));
        found.map_or_else(|| panic!("no {words:?} at {gateway} in {timeline:#?}"), |event| event.seconds)
    }

    #[test]
    fn a_slow_region_is_left_after_the_hold_and_comes_home() {
        let timeline = timeline(&report(|_| ()), &what(Service::Latency(4000), 120));
        let degraded = when(&timeline, "shenzhen", "Suspected -> Degraded");
        assert!((30.0..33.0).contains(&degraded), "{degraded}");
        assert!(when(&timeline, "shenzhen", "100 % spills to chengdu") < degraded + 3.0);
        assert!(when(&timeline, "beijing", "DNS answers chengdu") < degraded + 1.0);
        assert!(when(&timeline, "shenzhen", "Recovering -> Healthy") > 150.0);
        assert!(timeline.iter().all(|event| event.seconds >= 0.0), "what was before is no news");
    }

    #[test]
    fn milestones_are_those_of_the_timeline() {
        let story = run(&report(|_| ()), &what(Service::Latency(4000), 120)).unwrap();
        let Foreseen { degraded, left, out_of_dns, recovered } = story.foreseen();
        let all = [degraded, left, out_of_dns, recovered].map(|at| at.unwrap_or_else(|| panic!("{story:?}")));
        assert!((30.0..33.0).contains(&all[0]) && all[1] >= all[0] && all[2] >= all[0], "{all:?}");
        assert!(all[3] > 150.0, "{all:?}");
        assert_eq!(
            run(&report(|_| ()), &what(Service::Latency(900), 60)).unwrap().foreseen(),
            Foreseen::default()
        );
    }

    #[test]
    fn a_dead_region_is_given_up_sooner_and_a_mild_fault_moves_nothing() {
        let dead = timeline(&report(|_| ()), &what(Service::Dead, 60));
        assert!(when(&dead, "chengdu", "DNS answers chengdu") < 8.0, "{dead:#?}");
        let mild = timeline(&report(|_| ()), &what(Service::Latency(900), 60));
        assert_eq!(mild, []);
        let short = timeline(&report(|_| ()), &what(Service::Errors(100), 25));
        assert!(short.iter().all(|event| !event.what.contains("Degraded")), "{short:#?}");
    }

    #[test]
    fn what_is_ill_now_is_no_refuge() {
        let report = report(|priority| {
            priority["status"] = json!({"regions": [{"name": "chengdu", "verdict": "Degraded"}]});
        });
        let mut story = run(&report, &what(Service::Errors(80), 60)).unwrap();
        let course = story.priorities.remove(0);
        assert_eq!(course.notes, ["chengdu is Degraded now, and stays so here"]);
        let cap = "as many regions are drained as may be: traffic stays";
        when(&course.timeline, "shenzhen", cap);
        let text = run(&report, &what(Service::Errors(80), 60)).unwrap().table();
        assert!(text.contains("gov: shenzhen fails 80 % of its requests for 60 s"), "{text}");
    }

    #[test]
    fn unknown_regions_are_told() {
        let unknown = What { region: "nowhere".into(), ..what(Service::Dead, 5) };
        assert!(run(&report(|_| ()), &unknown).err().unwrap().to_string().contains("gov"));
    }
}
