//! The tables of `status`.

use comfy_table::{ContentArrangement, Table, presets};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use spillway_crds::region_priority::{Enforcement, Intent, SpillTarget};

use crate::report::{Member, Priority, Region, Report};

/// Rows a region, then rows a member, then what the hub has to say about priorities as a whole.
pub(crate) fn status(report: &Report, now: Timestamp) -> String {
    if report.priorities.is_empty() && report.members.is_empty() {
        return "The hub has no RegionPriority and no MemberCluster.\n".into();
    }
    let notes = report
        .priorities
        .iter()
        .flat_map(|priority| priority.notes.iter().map(|note| format!("\n{}: {note}\n", priority.name)));
    [regions(&report.priorities, now), "\n".into(), members(&report.members, now)]
        .into_iter()
        .chain(notes)
        .collect()
}

fn regions(priorities: &[Priority], now: Timestamp) -> String {
    let header = ["PRIORITY", "REGION", "VERDICT", "SINCE", "SHARE", "SPILLS TO", "REASON"];
    let rows = priorities
        .iter()
        .flat_map(|priority| priority.regions.iter().map(move |region| region_row(priority, region, now)));
    columns(&header, rows)
}

fn region_row(priority: &Priority, region: &Region, now: Timestamp) -> Vec<String> {
    let status = &region.status;
    let intent = match region.intent {
        Intent::Auto => String::new(),
        other => format!(" ({other:?})"),
    };
    let observed = if priority.enforcement == Enforcement::Observe { " (Observe)" } else { "" };
    vec![
        format!("{}{observed}", priority.name),
        format!("{}{intent}", status.name),
        format!("{:?}", status.verdict),
        age(status.since.as_ref(), now),
        status.share_percent.map_or_else(dash, |percent| format!("{percent}%")),
        targets(&status.spill_to),
        if status.reason.is_empty() { dash() } else { status.reason.clone() },
    ]
}

fn members(members: &[Member], now: Timestamp) -> String {
    let header = ["MEMBER", "REGION", "READY", "REACHABLE", "GATEWAY", "VERSION", "SEEN", "MESSAGE"];
    let rows = members.iter().map(|member| {
        vec![
            member.name.clone(),
            member.region.clone(),
            member.ready.clone(),
            member.reachable.clone(),
            member.gateway_ready.clone(),
            member.version.clone().unwrap_or_else(dash),
            age(member.last_seen.as_ref(), now),
            member.message.clone().unwrap_or_else(dash),
        ]
    });
    columns(&header, rows)
}

/// `chengdu 65%, beijing 10%`
pub(crate) fn targets(targets: &[SpillTarget]) -> String {
    if targets.is_empty() {
        return dash();
    }
    let each: Vec<String> = targets.iter().map(|to| format!("{} {}%", to.region, to.percent)).collect();
    each.join(", ")
}

/// How long ago, in the two largest units, as `kubectl` says it.
pub(crate) fn age(since: Option<&Time>, now: Timestamp) -> String {
    let Some(Time(since)) = since else { return dash() };
    seconds(now.as_second().saturating_sub(since.as_second()).max(0))
}

/// A duration in its two largest units.
pub(crate) fn seconds(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m{}s", seconds / 60, seconds % 60),
        7200..172_800 => format!("{}h{}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{}h", seconds / 86400, seconds % 86400 / 3600),
    }
}

pub(crate) fn dash() -> String {
    "-".to_owned()
}

/// Columns without lines, as `kubectl` prints them.
pub(crate) fn columns(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header).add_rows(rows);
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 3));
    });
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    use super::{age, status};
    use crate::report::Report;

    #[test]
    fn ages_are_told_in_two_units() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        for (ago, text) in
            [(0, "0s"), (119, "119s"), (130, "2m10s"), (7260, "2h1m"), (180_000, "2d2h"), (-5, "0s")]
        {
            let since = Time(Timestamp::from_second(1_000_000 - ago).unwrap());
            assert_eq!(age(Some(&since), now), text);
        }
        assert_eq!(age(None, now), "-");
    }

    #[test]
    fn a_region_that_nobody_heard_of_has_a_row() {
        let priority = serde_json::from_value(serde_json::json!({
            "apiVersion": "kube-federation.io/v1alpha1", "kind": "RegionPriority",
            "metadata": {"name": "gov"},
            "spec": {"regions": [{"name": "shenzhen"}, {"name": "chengdu", "intent": "Drained"}]},
        }));
        let text = status(&Report::new(vec![priority.unwrap()], Vec::new()), Timestamp::UNIX_EPOCH);
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["gov", "shenzhen", "Unknown", "-", "-", "-", "-"], "{text}");
        assert_eq!(rows[2][1..3], ["chengdu", "(Drained)"], "{text}");
    }
}
