//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use spillway_crds::names::SYSTEM_NAMESPACE;

use crate::check::Check;
use crate::gameday::Gameday;
use crate::join::{Join, Unjoin};
use crate::lifetime;
use crate::operator::Door;
use crate::output::Output;
use crate::simulate::What;

/// See which region carries the traffic, and why; drain, pin and freeze regions.
#[derive(Parser)]
#[command(name = "kubectl-spillway", bin_name = "kubectl spillway", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    /// How to print
    #[arg(short, long, global = true, value_enum, default_value = "table")]
    pub(crate) output: Output,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which cluster is the hub.
#[derive(Args)]
pub(crate) struct Cluster {
    /// The kubeconfig of the hub; else `KUBECONFIG`, else the default place
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context to use; else the current one
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// One row for each region of each `RegionPriority`, and one for each member
    Status,
    /// The whole story of one thing: why traffic is where it is, and what would change that
    Explain {
        #[command(subcommand)]
        thing: Thing,
    },
    Check(Check),
    /// What would happen if a region became slow, failed or died; changes nothing
    Simulate(What),
    Gameday(Gameday),
    /// End a game day, whoever began it; works with the hub down
    EndGameday(End),
    Join(Join),
    Unjoin(Unjoin),
    /// Keep traffic away from a region for a while; works with the hub down
    Drain(Begin),
    /// End a drain
    Undrain(End),
    /// Keep a region's traffic there for a while, whatever its verdict
    Pin(Begin),
    /// End a pin
    Unpin(End),
    /// For a while no verdict on a region moves its traffic, neither away nor home
    Freeze(Begin),
    /// End a freeze
    Unfreeze(End),
    /// The commands that are in force
    Commands {
        /// The revoked ones too
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        door: Door,
    },
    /// Print a credential with which its holder may command while the hub is down
    Credential {
        /// The operator's name: gateways log it and show it in reasons
        name: String,
        /// For how long, up to 90d
        #[arg(long = "for", value_name = "DURATION", default_value = "30d", value_parser = lifetime::of_credential)]
        lifetime: Duration,
        /// Spillway's namespace on the hub
        #[arg(short, long, value_name = "NAME", default_value = SYSTEM_NAMESPACE)]
        namespace: String,
    },
    /// Print a completion script
    Completion {
        /// For which shell
        shell: Shell,
    },
}

#[derive(Subcommand)]
pub(crate) enum Thing {
    /// A region: its verdicts against their bounds, where its arrivals go, its members
    Region {
        /// Name of the region
        name: String,
    },
    /// A federated ingress: which region serves it, and why
    Ingress {
        /// NAMESPACE/NAME, or NAME in namespace default
        #[arg(value_name = "NAMESPACE/NAME")]
        name: String,
    },
}

/// What begins.
#[derive(Args)]
pub(crate) struct Begin {
    /// Name of the region
    region: String,
    /// For how long, up to 24h
    #[arg(long = "for", value_name = "DURATION", value_parser = lifetime::of_command)]
    lifetime: Duration,
    /// Why; it stands in status
    #[arg(long, value_name = "WORDS")]
    reason: String,
    /// Only in this `RegionPriority`; else in all that have the region
    #[arg(long, value_name = "NAME")]
    priority: Option<String>,
    #[command(flatten)]
    door: Door,
}

/// What ends.
#[derive(Args)]
pub(crate) struct End {
    /// Name of the region
    region: String,
    /// Why
    #[arg(long, value_name = "WORDS", default_value = "done")]
    reason: String,
    /// Only in this `RegionPriority`; else in all that have the region
    #[arg(long, value_name = "NAME")]
    priority: Option<String>,
    #[command(flatten)]
    door: Door,
}

/// Either.
pub(crate) struct Give {
    pub(crate) region: String,
    pub(crate) priority: Option<String>,
    pub(crate) reason: String,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) door: Door,
}

impl Begin {
    pub(crate) fn give(self) -> Give {
        let Self { region, lifetime, reason, priority, door } = self;
        Give { region, priority, reason, lifetime: Some(lifetime), door }
    }
}

impl End {
    pub(crate) fn give(self) -> Give {
        let Self { region, reason, priority, door } = self;
        Give { region, priority, reason, lifetime: None, door }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Cli;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_missing_or_too_long_is_named() {
        for (arguments, named) in [
            (&["drain", "sz", "--reason", "x"][..], "--for"),
            (&["freeze", "sz", "--for", "30m"], "--reason"),
            (&["drain", "sz", "--reason", "x", "--for", "2d"], "1s to 24h"),
            (&["credential", "alice", "--for", "91d"], "1s to 90d"),
            (&["simulate", "sz"], "--latency"),
            (&["gameday", "sz", "--dead"], "--for"),
            (&["gameday", "sz", "--dead", "--for", "61m"], "1s to 1h"),
            (&["gameday", "sz", "--dead", "--for", "5m", "--priority", "p"], "cannot be used with"),
            (&["gameday", "sz", "--errors", "5", "--for", "5m", "--share", "9"], "cannot be used with"),
            (&["simulate", "sz", "--dead", "--errors", "5"], "cannot be used with"),
        ] {
            let all = ["kubectl-spillway"].iter().chain(arguments);
            let error = Cli::try_parse_from(all).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(named), "{arguments:?}: {error}");
        }
    }

    /// From the first page to each flag: everything says what it is, and every command is on the page of commands.
    #[test]
    fn the_help_can_be_walked_and_is_written_down() {
        let page =
            concat!(include_str!("../../docs/kubectl-spillway.md"), include_str!("../../docs/commands.md"));
        let mut command = Cli::command();
        command.build();
        let mut walked = 0;
        walk(&command, &mut walked);
        assert!(walked > 15, "{walked} commands");
        for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
            let name = command.get_name();
            assert!(
                page.contains(&format!("`{name}")) || page.contains(&format!("spillway {name} ")),
                "{name}"
            );
        }
    }

    fn walk(command: &clap::Command, walked: &mut usize) {
        *walked += 1;
        let name = command.get_name();
        assert!(command.get_about().is_some(), "{name} says nothing of itself");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{name}: {} says nothing of itself", argument.get_id());
        }
        assert!(command.clone().render_long_help().to_string().contains("Usage:"), "{name}");
        command.get_subcommands().filter(|it| it.get_name() != "help").for_each(|it| walk(it, walked));
    }
}
