//! The command line of `region-gateway`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use spillway_crds::names::SYSTEM_NAMESPACE;

use crate::bounds::Bounds;
use crate::config::Choices;
use crate::seen::Observability;

/// Flags whose place a configuration file takes.
const THE_FILE_SAYS: [&str; 29] = [
    "kubeconfig",
    "region",
    "member",
    "namespace",
    "http",
    "https",
    "tls_secret_namespaces",
    "default_certificate",
    "ingress_class",
    "reuse_port",
    "spill",
    "dns",
    "admin",
    "snapshot_dir",
    "max_uri_bytes",
    "max_header_bytes",
    "header_timeout_seconds",
    "body_timeout_seconds",
    "max_body_bytes",
    "max_connection_age_seconds",
    "drain_seconds",
    "trusted_proxies",
    "proxy_protocol_from",
    "access_log",
    "access_log_percent",
    "access_log_query",
    "otlp_endpoint",
    "trace_percent",
    "max_route_series",
];

/// The region gateway of Spillway: proxy, probes and DNS of one member cluster.
#[derive(Clone, Debug, Parser)]
#[command(name = "region-gateway", version, about)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Flags {
    /// Kubeconfig of this member's API server; without it, the usual places and the Pod's own account
    #[arg(long, value_name = "PATH")]
    pub kubeconfig: Option<PathBuf>,
    /// Run from this file, without Kubernetes; it says what the flags about region, listeners and bounds say
    #[arg(long, value_name = "PATH", conflicts_with_all = THE_FILE_SAYS)]
    pub config: Option<PathBuf>,
    /// Only say what is wrong with the file of --config; status 0 if nothing is
    #[arg(long, requires = "config")]
    pub check: bool,
    /// Write the JSON schema of that file to stdout, and end
    #[arg(long)]
    pub print_schema: bool,
    /// Region that this gateway serves, as in its MemberCluster
    #[arg(long, value_name = "NAME", value_parser = label, required_unless_present_any = ["config", "print_schema"])]
    pub region: Option<String>,
    /// Name of its MemberCluster
    #[arg(long, value_name = "NAME", value_parser = label, required_unless_present_any = ["config", "print_schema"])]
    pub member: Option<String>,
    /// Namespace of the identity Secret
    #[arg(long, value_name = "NAME", default_value = SYSTEM_NAMESPACE, value_parser = label)]
    pub namespace: String,
    /// Front door: HTTP/1.1 and HTTP/2 for clients
    #[arg(long, value_name = "IP:PORT", default_value = "[::]:80")]
    pub http: SocketAddr,
    /// Front door with TLS, by the certificates that Ingresses name in spec.tls; without it, Secrets of
    /// certificates are not read
    #[arg(long, value_name = "IP:PORT")]
    pub https: Option<SocketAddr>,
    /// Namespaces whose Secrets of certificates are read; without it, all
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = label, requires = "https")]
    pub tls_secret_namespaces: Vec<String>,
    /// Secret of type kubernetes.io/tls for clients that name no host, or one without a certificate; without it
    /// they are refused
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = secret_name, requires = "https")]
    pub default_certificate: Option<String>,
    /// Ingress classes to serve; without it, spillway and every class whose controller is
    /// kube-federation.io/region-gateway
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub ingress_class: Vec<String>,
    /// Let a second gateway listen beside this one, to take over from it: start it, wait until it is ready, end
    /// this one. Both need this flag
    #[arg(long)]
    pub reuse_port: bool,
    /// Spill listener: HTTP/2 over mutual TLS for peers
    #[arg(long, value_name = "IP:PORT", default_value = "[::]:8443")]
    pub spill: SocketAddr,
    /// DNS, over UDP and TCP
    #[arg(long, value_name = "IP:PORT", default_value = "[::]:53")]
    pub dns: SocketAddr,
    /// Health, metrics and debugging; not for the outside
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9901")]
    pub admin: SocketAddr,
    /// Where the last good configuration is kept; without it, a restart needs the API server
    #[arg(long, value_name = "DIR")]
    pub snapshot_dir: Option<PathBuf>,
    /// Local address of connections to peers
    #[arg(long, value_name = "IP")]
    pub source_address: Option<IpAddr>,
    /// How long to serve on with failing health checks when told to end, so that others notice
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(..=600))]
    pub lame_duck_seconds: u64,
    /// Let operators have this gateway play ill on a game day, for an hour at most: see docs/gamedays.md
    #[arg(long)]
    pub allow_gameday: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would take it for the program's description")]
    pub bounds: Bounds,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would take it for the program's description")]
    pub observability: Observability,
    /// How to log
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

impl Flags {
    /// Which objects of the cluster are this gateway's.
    #[must_use]
    pub fn choices(&self) -> Choices {
        Choices {
            classes: self.ingress_class.clone(),
            https: self.https.is_some(),
            secret_namespaces: self.tls_secret_namespaces.clone(),
            default_certificate: self.default_certificate.clone(),
        }
    }
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

fn secret_name(text: &str) -> Result<String, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(text.to_owned())
        }
        _ => Err("a namespace and the name of a Secret in it, such as web/shop-tls".to_owned()),
    }
}

/// Names that end up in certificates and DNS: RFC 1123 labels.
fn label(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edges = !text.starts_with('-') && !text.ends_with('-');
    if (1..=63).contains(&text.len()) && text.bytes().all(allowed) && edges {
        Ok(text.to_owned())
    } else {
        Err("1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Flags, clap::Error> {
        Flags::try_parse_from(["region-gateway"].iter().chain(arguments))
    }

    #[test]
    fn region_and_member_are_enough() {
        let flags = parse(&["--region", "shenzhen", "--member", "sz-1"]).unwrap();
        assert_eq!(flags.namespace, "spillway-system");
        assert_eq!(flags.http.port(), 80);
        assert_eq!(flags.bounds, Bounds::default(), "a file that says nothing of bounds means the same");
        assert_eq!(flags.observability, Observability::default(), "nor of observability");
    }

    #[test]
    fn bad_flags_are_named() {
        for (arguments, named) in [
            (&["--member", "m"][..], "--region"),
            (&["--region", "Shen Zhen", "--member", "m"], "a-z, 0-9 and -"),
            (&["--region", "r", "--member", "m", "--http", "80"], "--http"),
            (&["--region", "r", "--member", "m", "--log-format", "xml"], "text, json"),
            (&["--region", "r", "--member", "m", "--max-uri-bytes", "1"], "64..=65534"),
            (&["--region", "r", "--member", "m", "--trusted-proxies", "me"], "10.0.0.0/8"),
            (&["--region", "r", "--member", "m", "--default-certificate", "a/b"], "--https"),
            (
                &["--region", "r", "--member", "m", "--https", "[::]:1", "--default-certificate", "a"],
                "web/shop-tls",
            ),
            (&["--region", "r", "--member", "m", "--trace-percent", "101"], "0 to 100"),
            (
                &["--region", "r", "--member", "m", "--otlp-endpoint", "collector:4318"],
                "http://127.0.0.1:4318",
            ),
            (&["--access-log", "-", "--config", "gateway.yaml"], "cannot be used with"),
            (&["--region", "r", "--config", "gateway.yaml"], "cannot be used with"),
            (&["--max-uri-bytes", "99", "--config", "gateway.yaml"], "cannot be used with"),
            (&["--check"], "--config"),
        ] {
            let error = parse(arguments).unwrap_err().to_string();
            assert!(error.contains(named), "{arguments:?}: {error}");
        }
    }
}
