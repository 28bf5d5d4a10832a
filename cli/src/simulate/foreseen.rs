//! The milestones of a story, over all its priorities: when the last of them has passed each.

use serde::Serialize;
use spillway_decide::{Change, Verdict};

use super::{Course, Event, Story};

/// Seconds after the fault's beginning; none: it never comes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Foreseen {
    /// The region is Degraded.
    pub(crate) degraded: Option<f64>,
    /// All its arrivals go elsewhere.
    pub(crate) left: Option<f64>,
    /// No gateway's DNS answers with it.
    pub(crate) out_of_dns: Option<f64>,
    /// Nothing changes any more: everything is as before.
    pub(crate) recovered: Option<f64>,
}

impl Story {
    /// When what will have happened.
    pub(crate) fn foreseen(&self) -> Foreseen {
        let region = self.region.as_str();
        let degraded = |event: &Event| matches!(&event.change, Change::Verdict { region: of, to: Verdict::Degraded, .. } if of == region);
        let left = |event: &Event| {
            let own = event.gateway == region;
            own && matches!(&event.change, Change::Shares { to, .. } if to.percent(region) == 0)
        };
        let answered =
            |event: &Event| matches!(&event.change, Change::Answer { region: of, .. } if of != region);
        let each = |of: &dyn Fn(&Course) -> Option<f64>| {
            let all: Option<Vec<f64>> = self.priorities.iter().map(of).collect();
            all?.into_iter().reduce(f64::max)
        };
        Foreseen {
            degraded: each(&|course| first(course, degraded)),
            left: each(&|course| first(course, left)),
            out_of_dns: each(&|course| {
                let gateways = course.timeline.iter().filter(|event| answered(event));
                let mut seen: Vec<(&str, f64)> = Vec::new();
                for event in gateways {
                    if !seen.iter().any(|(gateway, _)| *gateway == event.gateway) {
                        seen.push((&event.gateway, event.seconds));
                    }
                }
                seen.into_iter().map(|(_, at)| at).reduce(f64::max)
            }),
            recovered: each(&|course| course.timeline.last().map(|event| event.seconds)),
        }
    }
}

fn first(course: &Course, is: impl Fn(&Event) -> bool) -> Option<f64> {
    course.timeline.iter().find(|event| is(event)).map(|event| event.seconds)
}
