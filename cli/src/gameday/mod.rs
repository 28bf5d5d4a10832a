//! `gameday`: a failover for real, by a region that plays ill; watched, and ended when it must.
//!
//! [`look`], [`guard`] and [`outcome`] are pure; [`conduct`] talks to gateways and to the person.

mod conduct;
mod guard;
mod look;
mod outcome;

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use spillway_decide::Health;
use spillway_decide::commands::{Order, Verb};

use crate::hub::Hub;
use crate::lifetime;
use crate::operator::{Access, Door};
use crate::output::Output;
use crate::report::Report;
use crate::simulate::{self, Fault, What};
use conduct::{Conduct, Plan};
use look::{About, Look};

/// Longer than the game day and its way home: for confirming, for the end, and for clocks that differ.
const SPARE: Duration = Duration::from_mins(10);

/// Have a region play ill and see its traffic leave and come home. Asks first; Ctrl-C ends it
#[derive(Args)]
pub(crate) struct Gameday {
    /// Name of the region
    region: String,
    #[command(flatten)]
    fault: Fault,
    /// With --latency: of how many percent of its arrivals
    #[arg(long, value_name = "PERCENT", conflicts_with_all = ["errors", "dead"], value_parser = clap::value_parser!(u32).range(1..=100))]
    share: Option<u32>,
    /// For how long at most, up to 1h; it ends by itself, whatever becomes of this program
    #[arg(long = "for", value_name = "DURATION", value_parser = lifetime::of_gameday)]
    lifetime: Duration,
    /// Only in this `RegionPriority`; else in all that have the region
    #[arg(long, value_name = "NAME", conflicts_with = "dead")]
    priority: Option<String>,
    /// Why; it stands in status
    #[arg(long, value_name = "WORDS", default_value = "practice")]
    reason: String,
    /// How long to watch it come home, once the fault has ended
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = lifetime::of_command)]
    recovery: Duration,
    /// Begin without asking
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    door: Door,
}

/// Plans, asks, plays, reports; says whether it went as it should.
pub(crate) async fn run(what: Gameday, hub: &Hub, output: Output) -> Result<bool> {
    let report = hub.report().await?;
    let foreseen = What::of(&what.region, what.fault.clone(), what.priority.clone(), what.lifetime.as_secs());
    let story = simulate::run(&report, &foreseen)?;
    let access = lasting(&what, hub).await?;
    let about = about(&what, &report);
    let before = conduct::look(&access).await;
    ready(&before, &about)?;
    let order = Order {
        command: Verb::Gameday,
        region: what.region.clone(),
        priority: what.priority.clone(),
        for_seconds: Some(what.lifetime.as_secs()),
        fault: Some(what.fault.order(what.share)),
        reason: what.reason.clone(),
    };
    let plan = Plan {
        about,
        bounds: bounds(&report),
        order,
        foreseen: story.foreseen(),
        before,
        recovery: what.recovery,
    };
    let mut conduct = Conduct::new(access, plan, output);
    conduct.announce(&story.table())?;
    if !what.yes {
        conduct.confirm()?;
        // However long that took.
        conduct.renew(lasting(&what, hub).await?);
    }
    let outcome = conduct.play().await?;
    output.print(&outcome, outcome::Outcome::text)?;
    Ok(outcome.ok)
}

/// Good until the last look at a region that comes home late.
async fn lasting(what: &Gameday, hub: &Hub) -> Result<Access> {
    let needed = what.lifetime + what.recovery + SPARE;
    Access::lasting(&what.door, needed, async { Ok(hub.clone()) }).await
}

fn about(what: &Gameday, report: &Report) -> About {
    let has = |name: &str| what.priority.as_deref().is_none_or(|wanted| wanted == name);
    let priorities = report.about(&what.region).priorities.into_iter().map(|priority| priority.name);
    About { region: what.region.clone(), priorities: priorities.filter(|name| has(name)).collect() }
}

fn bounds(report: &Report) -> std::collections::BTreeMap<String, Health> {
    report.priorities.iter().map(|it| (it.name.clone(), simulate::health(it))).collect()
}

/// What the gateway that takes the order cannot know: whether the region's other gateways may play along.
fn ready(look: &Look, about: &About) -> Result<()> {
    let region = &about.region;
    let mut own = look.own(region).peekable();
    if own.peek().is_none() {
        bail!("no gateway of {region} answers here: `kubectl spillway check` says why");
    }
    let not = own.filter(|report| !report.about.as_ref().is_some_and(|it| it.allows_gameday));
    let not: Vec<&str> = not.map(|report| report.member.as_str()).collect();
    if !not.is_empty() {
        bail!(
            "the gateways of {} do not allow game days: set member.allowGameday in the chart's values there \
             (--allow-gameday), and take it back afterwards",
            not.join(", ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use spillway_decide::report::{About as Of, Report};

    use super::*;

    #[test]
    fn every_gateway_of_the_region_must_allow_it() {
        let about = About { region: "a".into(), priorities: Vec::new() };
        let report = |member: &str, region: &str, allows_gameday| {
            let of = Of { allows_gameday, ..Of::default() };
            let report =
                Report { region: region.into(), member: member.into(), about: Some(of), ..Report::default() };
            (member.to_owned(), report)
        };
        let ask = |reports: Vec<(String, Report)>| {
            ready(&Look(reports.into_iter().collect()), &about).map_err(|error| error.to_string())
        };
        assert_eq!(ask(vec![report("a-1", "a", true), report("b-1", "b", false)]), Ok(()));
        let half = ask(vec![report("a-1", "a", true), report("a-2", "a", false)]).unwrap_err();
        assert!(half.contains("the gateways of a-2 do not allow"), "{half}");
        assert!(ask(vec![report("b-1", "b", true)]).unwrap_err().contains("no gateway of a answers"));
    }
}
