//! The program: load the snapshot, serve, follow the API server, end on a signal.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::snapshot::SnapshotDir;
use crate::config::{self, Config, ConfigReceiver, ConfigSender, Watch};
use crate::flags::Flags;
use crate::gateway::{Gateway, Listen};
use crate::metrics::Metrics;

/// A kubeconfig that cannot be used is tried again so often: it may be a Secret that is being renewed.
const KUBECONFIG_RETRY: Duration = Duration::from_secs(5);

/// Runs a gateway until SIGTERM or SIGINT.
pub async fn run(flags: Flags) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let (initial, snapshots) = initial_config(&flags)?;
    let (sender, receiver) = config::channel(initial);
    let metrics = Metrics::new();
    let stop = CancellationToken::new();

    let gateway =
        Gateway::start(&listen(&flags), receiver.clone(), metrics.clone()).await.context("cannot listen")?;
    let watch = match watch(&flags, &stop).await {
        Err(error) if receiver.borrow().is_loaded() => {
            tracing::warn!(error = format!("{error:#}"), "cannot watch; serving from the snapshot alone");
            None
        }
        watch => Some(watch?),
    };
    let publisher = tokio::spawn(follow(watch, flags.clone(), sender, metrics, stop.clone()));
    let snapshot_writer =
        snapshots.clone().map(|snapshots| tokio::spawn(snapshots.follow(receiver.clone(), stop.clone())));
    tracing::info!(
        region = flags.region,
        member = flags.member,
        listen = ?gateway.addresses(),
        "region gateway is up"
    );

    let signal = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!(signal, "draining");
    gateway.drain();
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(flags.lame_duck_seconds)) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    gateway.stop().await;
    stop.cancel();
    for task in [Some(publisher), snapshot_writer].into_iter().flatten() {
        task.await.context("a part of the gateway broke")?;
    }
    save_last(snapshots.as_ref(), &receiver);
    tracing::info!("region gateway has ended");
    Ok(())
}

async fn watch(flags: &Flags, stop: &CancellationToken) -> anyhow::Result<Watch> {
    Ok(Watch::start(flags.kubeconfig.as_deref(), &flags.namespace, stop).await?)
}

/// Publishes what is watched, as soon as it can be.
async fn follow(
    mut started: Option<Watch>,
    flags: Flags,
    sender: ConfigSender,
    metrics: Metrics,
    stop: CancellationToken,
) {
    loop {
        if let Some(watch) = started {
            return watch.publish(sender, metrics, stop).await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(KUBECONFIG_RETRY) => {}
        }
        started = watch(&flags, &stop).await.ok();
    }
}

fn listen(flags: &Flags) -> Listen {
    Listen {
        http: flags.http,
        spill: flags.spill,
        dns: flags.dns,
        admin: flags.admin,
        source: flags.source_address,
    }
}

/// The snapshot, if there is a good one: a bad one is reported and passed over, never a reason not to start.
fn initial_config(flags: &Flags) -> anyhow::Result<(Config, Option<SnapshotDir>)> {
    let empty = Config::empty(&flags.region, &flags.member);
    let Some(path) = flags.snapshot_dir.as_deref() else { return Ok((empty, None)) };
    let snapshots = open_snapshots(path)?;
    let config = match snapshots.load(&empty) {
        Ok(Some(config)) => {
            tracing::info!(routes = config.routes.routes().len(), "serving from the snapshot");
            config
        }
        Ok(None) => empty,
        Err(error) => {
            tracing::warn!(%error, "snapshot not used");
            empty
        }
    };
    Ok((config, Some(snapshots)))
}

fn open_snapshots(path: &Path) -> anyhow::Result<SnapshotDir> {
    SnapshotDir::open(path).context("--snapshot-dir")
}

/// The writer pauses between snapshots; what came in its last pause is saved here.
fn save_last(snapshots: Option<&SnapshotDir>, config: &ConfigReceiver) {
    let config = config.borrow();
    if let Some(snapshots) = snapshots.filter(|_| config.is_loaded())
        && let Err(error) = snapshots.save(&config)
    {
        tracing::warn!(%error, "last snapshot not written");
    }
}
