//! `region-gateway`: the data plane of a member. See the crate `region_gateway`.

use std::io::IsTerminal;

use clap::Parser;
use region_gateway::flags::{Flags, LogFormat};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    start_logging(flags.log_format);
    region_gateway::run(flags).await
}

/// To stderr, at `info` unless `RUST_LOG` says otherwise. The DNS and Kubernetes libraries are quieter: they
/// log per packet and per request, and what matters of it we say ourselves.
fn start_logging(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,hickory_server=error,hickory_proto=error,kube_client=off"));
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => logging.init(),
        LogFormat::Json => logging.json().init(),
    }
}
