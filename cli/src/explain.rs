//! The whole story of a region, in sentences.

mod change;
pub(crate) mod ingress;

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::{Result, bail};
use k8s_openapi::jiff::Timestamp;
use spillway_crds::region_priority::{Enforcement, Health, Intent, RouteStatus, SliStatus, Verdict};

use crate::report::{Member, Priority, Region, Report};
use crate::table::{age, targets};

/// What every priority says of the region, and its members. An error when nothing knows the region.
pub(crate) fn region(report: &Report, name: &str, now: Timestamp) -> Result<String> {
    let mut text = String::new();
    for priority in &report.priorities {
        let place = priority.regions.iter().position(|region| region.status.name == name);
        if let Some(place) = place {
            in_priority(&mut text, priority, place, now)?;
        }
    }
    let members: Vec<&Member> = report.members.iter().filter(|member| member.region == name).collect();
    if text.is_empty() && members.is_empty() {
        bail!(
            "region {name:?} is in no RegionPriority and has no MemberCluster; known are: {}",
            known(report)
        );
    }
    of_members(&mut text, name, &members, now)?;
    Ok(text)
}

fn known(report: &Report) -> String {
    let named = report.priorities.iter().flat_map(|p| &p.regions).map(|region| region.status.name.as_str());
    let regions: BTreeSet<&str> = named.chain(report.members.iter().map(|m| m.region.as_str())).collect();
    if regions.is_empty() { "none".into() } else { regions.into_iter().collect::<Vec<_>>().join(", ") }
}

fn in_priority(text: &mut String, priority: &Priority, place: usize, now: Timestamp) -> Result<()> {
    let region = &priority.regions[place];
    let status = &region.status;
    let (nth, of) = (place + 1, priority.regions.len());
    writeln!(
        text,
        "{} in priority {}: choice {nth} of {of}, mode {:?}",
        status.name, priority.name, priority.mode
    )?;
    let since =
        status.since.as_ref().map(|since| format!(", for {}", age(Some(since), now))).unwrap_or_default();
    writeln!(text, "  verdict    {:?}{since}", status.verdict)?;
    if !status.reason.is_empty() {
        writeln!(text, "  reason     {}", status.reason)?;
    }
    writeln!(text, "  means      {}", meaning(status.verdict))?;
    if let Some(sli) = &status.sli {
        figures(text, sli, &priority.health)?;
    }
    writeln!(
        text,
        "  reach      {} of {} other regions cannot reach its front door",
        status.votes_bad, status.voters
    )?;
    if !status.voted_by.is_empty() {
        writeln!(text, "  voters     {}", status.voted_by.join(", "))?;
    }
    arrivals(text, region)?;
    for RouteStatus { route, verdict, reason, since } in &status.routes {
        writeln!(
            text,
            "  except     route {route}: {verdict:?}, for {}: {reason}",
            age(since.as_ref(), now)
        )?;
    }
    wishes(text, priority, region)?;
    for change in change::of(priority, region) {
        writeln!(text, "  changes    {change}")?;
    }
    for note in &priority.notes {
        writeln!(text, "  note       {note}")?;
    }
    writeln!(text)?;
    Ok(())
}

fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unknown => {
            "no gateway told the hub; gateways decide without it, so traffic may well be fine"
        }
        Verdict::Healthy => "within its bounds",
        Verdict::Suspected => {
            "out of its bounds, for less than the hold: nothing shifts yet, DNS answers are short-lived"
        }
        Verdict::Degraded => {
            "out of its bounds for the hold: its arrivals go elsewhere where a region grants it"
        }
        Verdict::Recovering => "within its bounds again: its arrivals come home in steps",
    }
}

fn figures(text: &mut String, sli: &SliStatus, health: &Health) -> Result<()> {
    let Health { window_seconds, min_requests, min_availability_percent, max_error_percent, .. } = health;
    let latency = health.max_latency_p95_milliseconds;
    writeln!(
        text,
        "  window     {window_seconds} s: {} requests (at least {min_requests} to count)",
        sli.requests
    )?;
    writeln!(text, "  latency    P95 {} ms (at most {latency})", sli.latency_p95_milliseconds)?;
    writeln!(text, "  errors     {}% (at most {max_error_percent})", sli.error_percent)?;
    let probes = sli.probes;
    writeln!(
        text,
        "  probes     {probes}, {}% good (at least {min_availability_percent})",
        sli.availability_percent
    )?;
    Ok(())
}

fn arrivals(text: &mut String, region: &Region) -> Result<()> {
    let Some(share) = region.status.share_percent else { return Ok(()) };
    let elsewhere = match region.status.spill_to.as_slice() {
        [] => String::new(),
        spill_to => format!("; elsewhere: {}", targets(spill_to)),
    };
    writeln!(text, "  arrivals   {share}% served here{elsewhere}")?;
    Ok(())
}

fn wishes(text: &mut String, priority: &Priority, region: &Region) -> Result<()> {
    let wish = match region.intent {
        Intent::Auto => None,
        Intent::Drained => Some("Drained: people keep traffic away, whatever the verdict"),
        Intent::Pinned => Some("Pinned: people keep traffic there, whatever the verdict"),
    };
    if let Some(wish) = wish {
        writeln!(text, "  intent     {wish}")?;
    }
    if !region.status.command.is_empty() {
        writeln!(text, "  command    {}", region.status.command)?;
    }
    if priority.enforcement == Enforcement::Observe {
        writeln!(text, "  enforced   no: the priority only observes")?;
    }
    Ok(())
}

fn of_members(text: &mut String, region: &str, members: &[&Member], now: Timestamp) -> Result<()> {
    if members.is_empty() {
        writeln!(text, "{region} has no MemberCluster: nothing there serves traffic")?;
    }
    for member in members {
        let Member { name, ready, reachable, gateway_ready, .. } = member;
        let seen = member
            .last_seen
            .as_ref()
            .map_or_else(|| "never seen".to_owned(), |seen| format!("seen {} ago", age(Some(seen), now)));
        writeln!(
            text,
            "member {name}: Ready {ready}, Reachable {reachable}, GatewayReady {gateway_ready}, {seen}"
        )?;
        if let Some(message) = &member.message {
            writeln!(text, "  {message}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;

    use super::region;
    use crate::report::Report;

    fn report() -> Report {
        let priority = json!({
            "apiVersion": "kube-federation.io/v1alpha1", "kind": "RegionPriority",
            "metadata": {"name": "gov"},
            "spec": {"regions": [{"name": "shenzhen"}, {"name": "chengdu"}]},
            "status": {
                "conditions": [{"type": "FailOpen", "status": "True", "reason": "EveryRegionUnwell",
                    "message": "nothing shifts", "lastTransitionTime": "2026-11-23T05:20:00Z"}],
                "regions": [{"name": "shenzhen", "verdict": "Degraded", "reason": "P95 2004 ms",
                    "sharePercent": 35, "spillTo": [{"region": "chengdu", "percent": 65}],
                    "sli": {"requests": 200, "latencyP95Milliseconds": 2004, "errorPercent": "0"}}],
            },
        });
        Report::new(vec![serde_json::from_value(priority).unwrap()], Vec::new())
    }

    #[test]
    fn tells_figures_against_their_bounds() {
        let text = region(&report(), "shenzhen", Timestamp::UNIX_EPOCH).unwrap();
        for part in [
            "choice 1 of 2",
            "Degraded",
            "P95 2004 ms (at most 1500)",
            "35% served here; elsewhere: chengdu 65%",
            "EveryRegionUnwell: nothing shifts",
            "no MemberCluster",
            "changes    it comes home in steps",
        ] {
            assert!(text.contains(part), "no {part:?} in:\n{text}");
        }
    }

    #[test]
    fn names_the_regions_that_there_are() {
        let error = region(&report(), "shenzen", Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        assert!(error.contains("shenzen") && error.contains("chengdu, shenzhen"), "{error}");
    }
}
