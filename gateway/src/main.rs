//! `region-gateway`: the data plane of a member. See the crate `region_gateway`.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::thread;

use clap::Parser;
use nix::sys::prctl::set_thp_disable;
use region_gateway::flags::{Flags, LogFormat};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;

/// Every request allocates some dozens of times; this one takes less time for it than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let flags = Flags::parse();
    start_logging(flags.log_format);
    // Pages of 2 MiB make what 10,000 idle connections hold a quarter larger. Without the call it is only that.
    let _ = set_thp_disable(true);
    let ended = runtime()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(region_gateway::run(flags)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("region-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// With one core (or a quota of one) there is nobody to share work with, and sharing has its price.
fn runtime() -> io::Result<Runtime> {
    let one = thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
    let mut builder = if one { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.enable_all().build()
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
