//! What the hub knows, in the order in which people ask for it. Its JSON is the output of
//! `status -o json`, so fields are added and never renamed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt;
use serde::Serialize;
use spillway_crds::region_priority::{Dns, Enforcement, Health, Intent, Mode, Recovery, RegionStatus, Shift};
use spillway_crds::{MemberCluster, RegionPriority};

/// Everything, sorted by name.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) priorities: Vec<Priority>,
    pub(crate) members: Vec<Member>,
}

/// A `RegionPriority`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Priority {
    pub(crate) name: String,
    pub(crate) mode: Mode,
    pub(crate) enforcement: Enforcement,
    pub(crate) health: Health,
    pub(crate) shift: Shift,
    pub(crate) recovery: Recovery,
    pub(crate) dns: Dns,
    pub(crate) witnesses: Vec<String>,
    /// Mode Ordered: the region that most gateways' DNS sends people to.
    pub(crate) active: Option<String>,
    /// What the hub says of the priority as a whole, where it is worth saying.
    pub(crate) notes: Vec<String>,
    pub(crate) regions: Vec<Region>,
}

/// A region of a priority: what people want of it and how it is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Region {
    pub(crate) intent: Intent,
    #[serde(flatten)]
    pub(crate) status: RegionStatus,
}

/// A `MemberCluster`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) ready: String,
    pub(crate) reachable: String,
    pub(crate) gateway_ready: String,
    pub(crate) version: Option<String>,
    pub(crate) max_requests_per_second: Option<u32>,
    pub(crate) last_seen: Option<Time>,
    /// Why it is not ready.
    pub(crate) message: Option<String>,
}

impl Report {
    pub(crate) fn new(priorities: Vec<RegionPriority>, members: Vec<MemberCluster>) -> Self {
        let mut priorities: Vec<_> = priorities.into_iter().map(Priority::new).collect();
        let mut members: Vec<_> = members.into_iter().map(Member::new).collect();
        priorities.sort_by(|a, b| a.name.cmp(&b.name));
        members.sort_by(|a, b| (&a.region, &a.name).cmp(&(&b.region, &b.name)));
        Self { priorities, members }
    }

    /// What of it is about one region.
    pub(crate) fn about(&self, region: &str) -> Self {
        let mut about = self.clone();
        about.priorities.retain(|priority| priority.regions.iter().any(|entry| entry.status.name == region));
        about.members.retain(|member| member.region == region);
        about
    }
}

impl Priority {
    fn new(priority: RegionPriority) -> Self {
        let name = priority.name_any();
        let status = priority.status.unwrap_or_default();
        let row = |name: &str| status.regions.iter().find(|row| row.name == name).cloned();
        let unheard = |name: &str| RegionStatus { name: name.to_owned(), ..RegionStatus::default() };
        let regions = priority.spec.regions.iter().map(|region| Region {
            intent: region.intent,
            status: row(&region.name).unwrap_or_else(|| unheard(&region.name)),
        });
        Self {
            name,
            mode: priority.spec.mode,
            enforcement: priority.spec.enforcement,
            health: priority.spec.health,
            shift: priority.spec.shift,
            recovery: priority.spec.recovery,
            dns: priority.spec.dns,
            witnesses: priority.spec.witnesses,
            active: status.active.clone(),
            regions: regions.collect(),
            notes: notes(&status.conditions),
        }
    }
}

impl Member {
    fn new(member: MemberCluster) -> Self {
        let name = member.name_any();
        let status = member.status.unwrap_or_default();
        let is = |kind: &str| {
            let condition = status.conditions.iter().find(|condition| condition.type_ == kind);
            condition.map_or_else(|| "Unknown".to_owned(), |condition| condition.status.clone())
        };
        let unwell = status.conditions.iter().find(|c| c.status != "True" && !c.message.is_empty());
        Self {
            name,
            region: member.spec.region,
            ready: is("Ready"),
            reachable: is("Reachable"),
            gateway_ready: is("GatewayReady"),
            message: unwell.map(|condition| format!("{}: {}", condition.reason, condition.message)),
            version: status.version,
            max_requests_per_second: member.spec.capacity.map(|capacity| capacity.max_requests_per_second),
            last_seen: status.last_seen,
        }
    }
}

/// The conditions that are not as they should be. `FailOpen` is the one that should be False.
fn notes(conditions: &[Condition]) -> Vec<String> {
    let wanted = |condition: &Condition| if condition.type_ == "FailOpen" { "False" } else { "True" };
    let off = conditions.iter().filter(|condition| condition.status != wanted(condition));
    off.map(|c| format!("{} {}, {}: {}", c.type_, c.status, c.reason, c.message)).collect()
}
