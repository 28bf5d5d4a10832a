//! `kubectl spillway`: what the regions are doing, and what people want of them, at a terminal.
//!
//! `status` and `explain` read the hub; `simulate` plays what would happen; none of them changes anything. `join`
//! and `unjoin` write to the hub and to one member. What
//! commands (`drain`, `pin`, `freeze`) goes straight to a gateway and needs no hub.

mod arguments;
mod check;
mod explain;
mod gameday;
mod hub;
mod join;
mod lifetime;
mod operator;
mod output;
mod report;
mod simulate;
mod table;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};
use k8s_openapi::jiff::Timestamp;
use spillway_decide::commands::{Order, Verb};

use arguments::{Cli, Cluster, Command, Give, Thing};
use hub::Hub;
use operator::{Access, give, issue, meaning};
use output::Output;

/// Does what the command line says.
pub async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// All that can be written after `kubectl spillway`: documents are checked by it.
#[must_use]
pub fn command_line() -> clap::Command {
    Cli::command()
}

/// Exit code 1 without an error: what was asked for was done, and the answer is no.
async fn run(cli: Cli) -> Result<ExitCode> {
    let Cluster { kubeconfig, context } = cli.cluster;
    let joining = || join::Access { kubeconfig: kubeconfig.clone(), context: context.clone() };
    let hub = || Hub::connect(kubeconfig.clone(), context.clone());
    let output = cli.output;
    match cli.command {
        Command::Status => {
            let report = hub().await?.report().await?;
            output.print(&report, |report| table::status(report, Timestamp::now()))
        }
        Command::Check(what) => {
            let well = check::run(&what, &hub().await?, output).await?;
            return Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Explain { thing } => explain(&hub().await?, &thing, output).await,
        Command::Simulate(what) => {
            let report = hub().await?.report().await?;
            output.print(&simulate::run(&report, &what)?, simulate::Story::table)
        }
        Command::Gameday(what) => {
            let well = gameday::run(what, &hub().await?, output).await?;
            return Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::EndGameday(what) => command(Verb::EndGameday, what.give(), hub(), output).await,
        Command::Drain(what) => command(Verb::Drain, what.give(), hub(), output).await,
        Command::Pin(what) => command(Verb::Pin, what.give(), hub(), output).await,
        Command::Freeze(what) => command(Verb::Freeze, what.give(), hub(), output).await,
        Command::Undrain(what) => command(Verb::Undrain, what.give(), hub(), output).await,
        Command::Unpin(what) => command(Verb::Unpin, what.give(), hub(), output).await,
        Command::Unfreeze(what) => command(Verb::Unfreeze, what.give(), hub(), output).await,
        Command::Commands { all, door } => {
            let access = Access::of(&door, hub()).await?;
            let commands = operator::list(&access, all).await?;
            output.print(&commands, |commands| operator::commands_table(commands, Timestamp::now()))
        }
        Command::Join(what) => output::write(&join::join(what, joining()).await?),
        Command::Unjoin(what) => output::write(&join::unjoin(what, joining()).await?),
        Command::Credential { name, lifetime, namespace } => {
            let hub = hub().await?;
            let credential = issue(&hub.issuing(&namespace).await?, &name, lifetime, Timestamp::now())?;
            output::write(&(serde_json::to_string_pretty(&credential)? + "\n"))
        }
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "kubectl-spillway", &mut script);
            output::write(&String::from_utf8(script)?)
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

async fn explain(hub: &Hub, thing: &Thing, output: Output) -> Result<()> {
    let (report, now) = (hub.report().await?, Timestamp::now());
    match thing {
        Thing::Region { name } => {
            let text = explain::region(&report, name, now)?;
            output.print(&report.about(name), |_| text)
        }
        Thing::Ingress { name } => {
            let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
            let ingress = hub.ingress(namespace, name).await?;
            let story = explain::ingress::Story::of(ingress, &report);
            let text = story.table(&report, now)?;
            output.print(&story, |_| text)
        }
    }
}

async fn command(
    verb: Verb,
    what: Give,
    hub: impl Future<Output = Result<Hub>>,
    output: Output,
) -> Result<()> {
    let Give { region, priority, reason, lifetime, door } = what;
    let for_seconds = lifetime.map(|lifetime| lifetime.as_secs());
    let order = Order { command: verb, region, priority, for_seconds, fault: None, reason };
    let access = Access::of(&door, hub).await?;
    if output == Output::Table {
        eprintln!("{}", meaning(&order));
    }
    let said = give(&access, &order).await?;
    if let Some(warning) = said.warning() {
        eprintln!("warning: {warning}");
    }
    output.print(&said, operator::Said::table)
}
