//! The flags of the program.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use spillway_crds::names::SYSTEM_NAMESPACE;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Federates ingresses from the hub to its members.
#[derive(Debug, Clone, Parser)]
#[command(name = "spillway-controller", version)]
pub struct Options {
    /// Kubeconfig of the hub; without it: in the cluster, or `KUBECONFIG`.
    #[arg(long, value_name = "PATH")]
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of the Lease, the CA and the members' kubeconfig Secrets, and of the gateways' identity on
    /// members.
    #[arg(long, default_value = SYSTEM_NAMESPACE, value_parser = dns_label)]
    pub namespace: String,
    /// Address for /healthz, /readyz, /metrics and /debug. Whoever reaches it may read it: names of objects, and
    /// profiles where they are enabled.
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "IP:PORT")]
    pub listen: SocketAddr,
    /// Name under which the lease is held; without it: host name and process number.
    #[arg(long)]
    pub identity: Option<String>,
    /// How long a lost leader blocks its successor; 2 to 300.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(2..=300))]
    pub lease_duration_seconds: u64,
    /// Name of the federation, the trust domain of identities; without it: the UID of the hub's kube-system
    /// namespace.
    #[arg(long, value_parser = trust_domain)]
    pub federation: Option<String>,
    /// How log lines look.
    #[arg(long, value_enum, default_value = "text")]
    pub log_format: LogFormat,
    /// Serve CPU and heap profiles below /debug/pprof, for `go tool pprof`. The heap is then sampled all the time, at
    /// one allocation in 512 KiB.
    #[arg(long)]
    pub enable_profiling: bool,
    /// Write a timeline of growth steps and rounds of work to this file, for <https://ui.perfetto.dev>; it ends after
    /// 100 MiB.
    #[arg(long, value_name = "FILE")]
    pub trace_timeline: Option<PathBuf>,
}

impl Options {
    /// The lease's duration.
    #[must_use]
    pub fn lease_duration(&self) -> Duration {
        Duration::from_secs(self.lease_duration_seconds)
    }

    /// The lease holder's name.
    #[must_use]
    pub fn holder(&self) -> String {
        let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "host".into());
        self.identity.clone().unwrap_or_else(|| format!("{}-{}", host().trim(), std::process::id()))
    }
}

fn dns_label(text: &str) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = !text.starts_with('-') && !text.ends_with('-');
    if (1..=63).contains(&text.len()) && text.chars().all(inner) && ends {
        return Ok(text.to_owned());
    }
    Err("allowed are 1 to 63 of a-z, 0-9 and '-', not at the ends".into())
}

/// As `GatewayPeer.spec.federation` has it: members refuse peers of a federation that it does not allow.
fn trust_domain(text: &str) -> Result<String, String> {
    if text.len() <= 253 && text.split('.').all(|label| dns_label(label).is_ok()) {
        return Ok(text.to_owned());
    }
    Err("allowed is a DNS name of up to 253 characters: labels of a-z, 0-9 and '-', not at their ends, with '.' \
         between"
        .into())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Options;

    #[test]
    fn refuses_with_what_is_allowed() {
        for (flags, says) in [
            (["--namespace", "Spillway"], "a-z, 0-9 and '-'"),
            (["--lease-duration-seconds", "1"], "2..=300"),
            (["--federation", "a/b"], "a DNS name"),
            (["--federation", "a_b"], "a DNS name"),
            (["--federation", "a.-b"], "a DNS name"),
            (["--federation", "a..b"], "a DNS name"),
            (["--listen", "8090"], "invalid socket address"),
            (["--log-format", "xml"], "text, json"),
        ] {
            let error =
                Options::try_parse_from(["x"].iter().chain(&flags)).expect_err("is refused").to_string();
            assert!(error.contains(says) && error.contains(flags[0]), "{error}");
        }
    }
}
