//! `spillway-controller`: federates ingresses from the hub to its members.

use std::process::ExitCode;

use clap::Parser;
use spillway_controller::{
    options::{LogFormat, Options},
    profile::sample_heap,
    run::run,
    timeline,
};
use tikv_jemallocator::Jemalloc;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// The one allocator that can tell who holds memory while the program runs, and gives it back after a mass delete.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let options = Options::parse();
    let sampled = if options.enable_profiling { sample_heap() } else { Ok(()) };
    let ended = log(&options).and_then(|_timeline| {
        if let Err(error) = sampled {
            tracing::warn!(%error, "--enable-profiling: no heap profiles; CPU profiles work");
        }
        serve(options)
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "ends");
            eprintln!("spillway-controller: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(options: Options) -> anyhow::Result<()> {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was installed already");
    }
    Box::pin(run(options)).await
}

/// Log lines on stderr, and a timeline if one is asked for; it ends with the guard.
fn log(options: &Options) -> anyhow::Result<Option<timeline::Guard>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new("info,kube_leader_election=warn,kube_client=warn,kube_runtime=warn")
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match options.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let file = options.trace_timeline.as_deref().map(timeline::layer).transpose();
    let (layer, guard) = file.map_err(|error| anyhow::anyhow!("--trace-timeline: {error}"))?.unzip();
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(layer).init();
    Ok(guard)
}
