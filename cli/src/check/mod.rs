//! `check`: is everything as it must be, before the installation and after it. Each failure says what to do next.
//!
//! [`gather`] talks to the hub, to gateways and to a resolver, and judges nothing; the other rooms judge what it found, and
//! talk to nobody.

mod certificates;
mod controller;
mod definitions;
mod facts;
mod finding;
mod gateways;
mod gather;
mod members;
mod names;
mod permissions;
mod print;
mod versions;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use tokio::time::{Instant, sleep};

use crate::hub::Hub;
use crate::lifetime;
use crate::operator::Door;
use crate::output::Output;
use facts::{Facts, Installed};
use finding::{Findings, Group};

/// Between two looks, with `--wait`.
const PAUSE: Duration = Duration::from_secs(2);

/// Is everything as it must be? Each failure says what to do next; exit code 1 if something failed
#[derive(Args)]
pub(crate) struct Check {
    /// Before the installation: may it be installed here, by you?
    #[arg(long)]
    pre: bool,
    /// With --pre: what the cluster is to be
    #[arg(long, value_enum, default_value = "hub", requires = "pre")]
    role: Role,
    /// Look again until nothing fails, for so long
    #[arg(long, value_name = "DURATION", value_parser = lifetime::of_command)]
    wait: Option<Duration>,
    /// The resolver to ask for federated names; else this machine's
    #[arg(long, value_name = "IP:PORT")]
    resolver: Option<SocketAddr>,
    /// Groups to leave out, such as dns where no name is delegated yet
    #[arg(long, value_enum, value_name = "GROUP", value_delimiter = ',')]
    skip: Vec<Topic>,
    /// The controller's account
    #[arg(long, value_name = "NAME", default_value = "spillway-controller")]
    account: String,
    #[command(flatten)]
    door: Door,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    Hub,
    Member,
}

/// What a group is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Topic {
    Kubernetes,
    Definitions,
    Permissions,
    Controller,
    Members,
    Gateways,
    Links,
    Clocks,
    Dns,
    Certificates,
}

/// Looks, prints, and says whether nothing failed.
pub(crate) async fn run(check: &Check, hub: &Hub, output: Output) -> Result<bool> {
    let end = Instant::now() + check.wait.unwrap_or_default();
    let findings = loop {
        let findings = judge(&gather::facts(check, hub).await, &check.skip);
        if findings.ok || Instant::now() + PAUSE > end {
            break findings;
        }
        sleep(PAUSE).await;
    };
    output.print(&findings, print::text)?;
    Ok(findings.ok)
}

fn judge(facts: &Facts, skip: &[Topic]) -> Findings {
    let groups = groups(facts).into_iter().filter(|(topic, _)| !skip.contains(topic));
    Findings::of(groups.map(|(_, group)| group))
}

fn groups(facts: &Facts) -> Vec<(Topic, Group)> {
    let group = |topic, name, checks| (topic, Group { name, checks });
    let rights = facts.permissions.iter().map(|(who, answers)| permissions::judge(who, answers));
    let mut groups = vec![
        group(Topic::Kubernetes, "Kubernetes", versions::kubernetes(&facts.server)),
        group(
            Topic::Definitions,
            "Definitions",
            definitions::judge(&facts.server, facts.installed.is_some()),
        ),
        group(Topic::Permissions, "Permissions", rights.collect()),
    ];
    if let Some(installed) = &facts.installed {
        let Installed { controller, objects, gateways, names, zones, expiring } = installed;
        let asked = gateways.as_deref().unwrap_or_default();
        groups.extend([
            group(Topic::Controller, "Controller", controller::judge(controller, facts.now)),
            group(Topic::Members, "Members", members::judge(objects)),
            group(Topic::Gateways, "Gateways", gateways::answers(gateways)),
            group(Topic::Links, "Links between regions", gateways::links(asked)),
            group(Topic::Clocks, "Clocks", gateways::clocks(asked)),
            group(Topic::Dns, "DNS", names::judge(names, zones, objects, gateways)),
            group(Topic::Certificates, "Certificates", certificates::judge(expiring, gateways, facts.now)),
        ]);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::finding::PAGE;

    /// Who follows a finding's link gets there.
    #[test]
    fn every_anchor_is_on_the_page() {
        let page = include_str!("../../../docs/check.md");
        let headings: Vec<String> = page
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .map(|heading| heading.to_lowercase().replace(' ', "-"))
            .collect();
        assert_eq!(PAGE, "docs/check.md");
        for anchor in [
            "kubernetes",
            "definitions",
            "permissions",
            "controller",
            "versions",
            "members",
            "gateways",
            "links",
            "clocks",
            "dns",
            "certificates",
        ] {
            assert!(headings.iter().any(|heading| heading == anchor), "{anchor} is not among {headings:?}");
        }
    }
}
