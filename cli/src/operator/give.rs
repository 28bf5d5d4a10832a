//! Giving a command, and seeing that every gateway has it.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures::future::join_all;
use serde::Serialize;
use spillway_decide::commands::{Command, Kind, Order, Verb};
use spillway_decide::report::Report;
use tokio::time::{Instant, sleep};

use super::access::Access;
use super::credential::Gateway;
use super::gateway::{Failure, Known};
use crate::table::{columns, dash};

/// How long gateways may take to hear of it from each other; they tell at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of a command.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Said {
    commands: Vec<Command>,
    /// The member whose gateway took it.
    taken_by: String,
    gateways: Vec<Confirmation>,
    /// How traffic goes now: it moves in steps.
    priorities: Vec<Effect>,
}

/// A gateway said no: nothing has begun.
#[derive(Debug)]
pub(crate) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Confirmation {
    member: String,
    region: String,
    confirmed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What one gateway does about one priority.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Effect {
    priority: String,
    gateway: String,
    shares: BTreeMap<String, u32>,
    dns: Option<String>,
    command: String,
}

/// Gives the order to the first gateway that answers, and asks all of them for it.
pub(crate) async fn give(access: &Access, order: &Order) -> Result<Said> {
    let known = take(access, order).await?;
    let gateways = access.all();
    let confirming = gateways.iter().map(|gateway| confirm(access, gateway, &known.commands));
    let (confirmed, reports): (Vec<_>, Vec<_>) = join_all(confirming).await.into_iter().unzip();
    let priorities = reports.into_iter().flatten().flat_map(|report| effects(&report, order)).collect();
    Ok(Said { commands: known.commands, taken_by: known.member, gateways: confirmed, priorities })
}

async fn take(access: &Access, order: &Order) -> Result<Known> {
    let (mut told, mut sent) = (Vec::new(), 0);
    for gateway in &access.first {
        match gateway.order(&access.credential, order, &mut sent).await {
            Ok(known) => return Ok(known),
            Err(Failure::Refused(said)) => return Err(refusal(&gateway.member, &said, sent)),
            Err(Failure::Unreached(error)) => told.push(format!("{}: {error:#}", gateway.member)),
        }
    }
    Err(anyhow!("no gateway took the command:\n  {}", told.join("\n  ")))
}

/// A no is a no only if the order went out once: it may be because another gateway took it, whose answer was lost.
fn refusal(member: &str, said: &str, sent: u32) -> anyhow::Error {
    let said = format!("the gateway of {member} refuses: {said}");
    if sent > 1 {
        return anyhow!("{said}; it was sent before, and no answer came: it may have been taken then");
    }
    Refused(said).into()
}

async fn confirm(access: &Access, gateway: &Gateway, commands: &[Command]) -> (Confirmation, Option<Report>) {
    let end = Instant::now() + PATIENCE;
    let error = loop {
        let error = match gateway.commands(&access.credential).await {
            Ok(known) if commands.iter().all(|command| known.commands.contains(command)) => break None,
            Ok(_) => "has not heard of it yet".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        if Instant::now() >= end {
            break Some(error);
        }
        sleep(Duration::from_millis(100)).await;
    };
    let report = if error.is_none() { gateway.report(&access.credential).await.ok() } else { None };
    let (member, region) = (gateway.member.clone(), gateway.region.clone());
    (Confirmation { member, region, confirmed: error.is_none(), error }, report)
}

fn effects(report: &Report, order: &Order) -> Vec<Effect> {
    let about = report.priorities.iter().filter(|(name, priority)| {
        priority.view.regions.contains_key(&order.region)
            && order.priority.as_ref().is_none_or(|wanted| wanted == *name)
    });
    about
        .map(|(name, priority)| Effect {
            priority: name.clone(),
            gateway: report.region.clone(),
            shares: priority.view.shares.clone(),
            dns: priority.view.answer.as_ref().map(|answer| answer.region.clone()),
            command: priority
                .view
                .regions
                .get(&order.region)
                .map(|view| view.command.clone())
                .unwrap_or_default(),
        })
        .collect()
}

impl Said {
    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        for command in &self.commands {
            let scope = command
                .priority
                .as_deref()
                .map_or("every priority".to_owned(), |name| format!("priority {name}"));
            let _ = writeln!(text, "{} in {scope}: {command}", command.region);
        }
        let _ = writeln!(text, "taken by the gateway of {}\n", self.taken_by);
        let rows = self.gateways.iter().map(|gateway| {
            let confirmed =
                gateway.error.clone().map_or_else(|| "yes".to_owned(), |error| format!("no: {error}"));
            vec![gateway.member.clone(), gateway.region.clone(), confirmed]
        });
        text += &columns(&["MEMBER", "REGION", "CONFIRMED"], rows);
        if !self.priorities.is_empty() {
            let rows = self.priorities.iter().map(|effect| {
                let shares: Vec<_> =
                    effect.shares.iter().map(|(region, percent)| format!("{region} {percent}%")).collect();
                let dns = effect.dns.clone().unwrap_or_else(dash);
                vec![effect.priority.clone(), effect.gateway.clone(), shares.join(", "), dns]
            });
            text += "\nnow, and moving in steps:\n";
            text += &columns(&["PRIORITY", "GATEWAY", "ARRIVALS GO TO", "DNS ANSWERS"], rows);
        }
        text
    }

    /// What somebody should know who reads stderr.
    pub(crate) fn warning(&self) -> Option<String> {
        let late: Vec<&str> =
            self.gateways.iter().filter(|g| !g.confirmed).map(|gateway| gateway.member.as_str()).collect();
        (!late.is_empty()).then(|| {
            format!(
                "{} did not confirm; they hear of it from the others as soon as they reach one",
                late.join(", ")
            )
        })
    }
}

/// What an order means, before it is given.
pub(crate) fn meaning(order: &Order) -> String {
    let region = &order.region;
    let what = match order.command {
        Verb::Drain => format!("{region}'s arrivals go to the next region in steps, DNS sends people there"),
        Verb::Pin => format!("{region}'s traffic stays there, whatever the verdict"),
        Verb::Freeze => format!("verdicts on {region} move no traffic; it stays where it is now"),
        Verb::Gameday => format!("{region} plays ill, and its traffic leaves as if it were"),
        Verb::Undrain | Verb::Unpin | Verb::Unfreeze | Verb::EndGameday => {
            let (kind, _) = order.command.kind();
            format!("{region} is no longer {}: traffic follows its verdict at once", kind.participle())
        }
    };
    let end = match (order.command.kind(), order.for_seconds) {
        ((Kind::Drain, true), Some(seconds)) => format!("; after {seconds} s it comes home"),
        ((_, true), Some(seconds)) => format!("; after {seconds} s traffic follows its verdict again"),
        _ => String::new(),
    };
    format!("{what}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_no_after_an_answer_that_was_lost_may_be_our_own_command() {
        for (sent, is_no) in [(1, true), (2, false), (3, false)] {
            let error = refusal("sz-1", "a game day is under way", sent);
            assert_eq!(error.is::<Refused>(), is_no, "{error}");
            assert!(error.to_string().starts_with("the gateway of sz-1 refuses: a game day is under way"));
        }
    }
}
