//! The story of one ingress: where its requests go, why, and what would change it.

use std::fmt::Write;

use anyhow::Result;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;
use spillway_crds::FederatedIngress;
use spillway_crds::federated_ingress::FederatedIngressStatus;
use spillway_crds::region_priority::Mode;

use crate::report::{Priority, Report};

/// What is known of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Story {
    name: String,
    hosts: Vec<String>,
    spill: String,
    region_priority: String,
    /// The region that serves it, where one does.
    active: Option<String>,
    priority: Option<Priority>,
    status: FederatedIngressStatus,
}

impl Story {
    pub(crate) fn of(ingress: FederatedIngress, report: &Report) -> Self {
        let name = format!("{}/{}", ingress.namespace().unwrap_or_default(), ingress.name_any());
        let spec = ingress.spec;
        let priority =
            report.priorities.iter().find(|priority| priority.name == spec.region_priority).cloned();
        let rules = spec.template.spec.rules.unwrap_or_default();
        Self {
            name,
            hosts: rules.into_iter().map(|rule| rule.host.unwrap_or_else(|| "*".to_owned())).collect(),
            spill: format!("{:?}", spec.spill),
            active: priority.as_ref().and_then(|priority| priority.active.clone()),
            region_priority: spec.region_priority,
            priority,
            status: ingress.status.unwrap_or_default(),
        }
    }

    /// In sentences.
    pub(crate) fn table(&self, report: &Report, now: Timestamp) -> Result<String> {
        let mut text = String::new();
        writeln!(
            text,
            "{} for {}, requests that may spill: {}",
            self.name,
            self.hosts.join(", "),
            self.spill
        )?;
        let counts = &self.status.members;
        writeln!(text, "  copies     {} of {} members have theirs", counts.applied, counts.desired)?;
        for failing in &self.status.failing {
            writeln!(text, "  failing    {}: {}: {}", failing.member, failing.reason, failing.message)?;
        }
        for condition in self.status.conditions.iter().filter(|condition| !condition.message.is_empty()) {
            writeln!(text, "  {} {}: {}", condition.type_, condition.status, condition.message)?;
        }
        let Some(priority) = &self.priority else {
            writeln!(
                text,
                "its RegionPriority {:?} is not there: every member serves its own",
                self.region_priority
            )?;
            return Ok(text);
        };
        writeln!(text, "  traffic    {}\n", whereabouts(priority))?;
        for region in &priority.regions {
            let only = Report { priorities: vec![priority.clone()], members: report.members.clone() };
            text += &super::region(&only, &region.status.name, now)?;
            text.push('\n');
        }
        Ok(text)
    }
}

fn whereabouts(priority: &Priority) -> String {
    match (&priority.active, priority.mode) {
        (Some(active), _) => {
            let first = priority.regions.first().map_or("", |region| region.status.name.as_str());
            let why = priority.regions.first().map_or("", |region| region.status.reason.as_str());
            if active == first {
                format!("{active} serves it, the first choice of RegionPriority {}", priority.name)
            } else {
                format!("{active} serves it, for the first choice {first}: {why}")
            }
        }
        (None, Mode::Local) => {
            format!("every region serves its own arrivals (RegionPriority {}, mode Local)", priority.name)
        }
        (None, Mode::Ordered) => "no gateway has told the hub where it goes".to_owned(),
    }
}
