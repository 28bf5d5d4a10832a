//! The program: load the snapshot, serve, follow the API server, end on a signal.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::bounds::Bounds;
use crate::config::intake::{Intake, Source};
use crate::config::snapshot::SnapshotDir;
use crate::config::{self, Config, ConfigReceiver, Watch};
use crate::file::{self, follow};
use crate::flags::Flags;
use crate::gateway::{Gateway, Listen, Settings};
use crate::metrics::Metrics;
use crate::seen::Observability;

/// A kubeconfig that cannot be used is tried again so often: it may be a Secret that is being renewed.
const KUBECONFIG_RETRY: Duration = Duration::from_secs(5);

/// Does what the flags say: prints the schema, checks a file, or runs a gateway until SIGTERM or SIGINT.
pub async fn run(flags: Flags) -> anyhow::Result<()> {
    if flags.print_schema {
        print!("{}", file::schema::text());
        return Ok(());
    }
    let Some(path) = &flags.config else { return serve(&flags, from_api_server(&flags)?).await };
    let loaded = file::follow::load(path)?;
    if flags.check {
        println!("{}: {} routes, no faults", path.display(), loaded.config.routes.routes().len());
        return Ok(());
    }
    serve(&flags, from_file(&flags, loaded)).await
}

/// Where configs come from, not yet begun.
struct Prepared {
    settings: Settings,
    metrics: Metrics,
    receiver: ConfigReceiver,
    intake: Intake,
    follow: Follow,
    snapshots: Option<SnapshotDir>,
}

/// What cannot change while the process runs.
struct Serving {
    listen: Listen,
    bounds: Bounds,
    observability: Observability,
}

/// What keeps the config current.
enum Follow {
    File(Box<follow::Kept>),
    ApiServer,
}

fn from_file(flags: &Flags, follow::Loaded { config, kept }: follow::Loaded) -> Prepared {
    let file = &kept.file;
    let listeners = &file.listen;
    let listen = Listen {
        http: listeners.http,
        https: listeners.https,
        reuse_port: listeners.reuse_port,
        spill: listeners.spill,
        dns: listeners.dns,
        admin: listeners.admin,
        source: flags.source_address,
    };
    let source = Source::File(kept.path().to_owned());
    let serving = Serving { listen, bounds: file.bounds.clone(), observability: file.observability.clone() };
    prepare(config, &source, serving, Follow::File(Box::new(kept)), None)
}

fn from_api_server(flags: &Flags) -> anyhow::Result<Prepared> {
    let (initial, snapshots) = initial_config(flags)?;
    let source = if initial.is_loaded() { Source::Snapshot } else { Source::Nothing };
    let (bounds, observability) = (flags.bounds.clone(), flags.observability.clone());
    let serving = Serving { listen: listen(flags), bounds, observability };
    Ok(prepare(initial, &source, serving, Follow::ApiServer, snapshots))
}

fn prepare(
    initial: Config,
    source: &Source,
    serving: Serving,
    follow: Follow,
    snapshots: Option<SnapshotDir>,
) -> Prepared {
    let (sender, receiver) = config::channel(initial);
    let Serving { listen, bounds, observability } = serving;
    let metrics = Metrics::with_routes(observability.max_route_series as usize);
    let intake = Intake::new(sender, metrics.clone(), source);
    let settings = Settings { listen, bounds, observability, intake: Some(intake.clone()) };
    Prepared { settings, metrics, receiver, intake, follow, snapshots }
}

async fn serve(flags: &Flags, prepared: Prepared) -> anyhow::Result<()> {
    let Prepared { settings, metrics, receiver, intake, follow, snapshots } = prepared;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let stop = CancellationToken::new();
    let gateway =
        Gateway::start(settings, receiver.clone(), metrics.clone()).await.context("cannot listen")?;
    let publisher = match follow {
        Follow::File(kept) => tokio::spawn(kept.follow(intake, stop.clone())),
        Follow::ApiServer => {
            let watch = match watch(flags, &stop).await {
                Err(error) if receiver.borrow().is_loaded() => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "cannot watch; serving from the snapshot alone"
                    );
                    None
                }
                watch => Some(watch?),
            };
            tokio::spawn(follow_api_server(watch, flags.clone(), intake, stop.clone()))
        }
    };
    let snapshot_writer = snapshots
        .clone()
        .map(|snapshots| tokio::spawn(snapshots.follow(receiver.clone(), metrics, stop.clone())));
    let traffic = gateway.traffic();
    if flags.allow_gameday {
        traffic.allow_gameday();
    }
    let keeper = snapshots
        .clone()
        .map(|snapshots| tokio::spawn(snapshots.keep_commands(traffic.clone(), stop.clone())));
    tracing::info!(
        region = receiver.borrow().identity.region,
        member = receiver.borrow().identity.member,
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
    for task in [Some(publisher), snapshot_writer, keeper].into_iter().flatten() {
        task.await.context("a part of the gateway broke")?;
    }
    save_last(snapshots.as_ref(), &receiver);
    tracing::info!("region gateway has ended");
    Ok(())
}

async fn watch(flags: &Flags, stop: &CancellationToken) -> anyhow::Result<Watch> {
    Ok(Watch::start(flags.kubeconfig.as_deref(), &flags.namespace, flags.choices(), stop).await?)
}

/// Publishes what is watched, as soon as it can be.
async fn follow_api_server(
    mut started: Option<Watch>,
    flags: Flags,
    intake: Intake,
    stop: CancellationToken,
) {
    loop {
        if let Some(watch) = started {
            return watch.publish(intake, stop).await;
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
        https: flags.https,
        reuse_port: flags.reuse_port,
        spill: Some(flags.spill),
        dns: Some(flags.dns),
        admin: flags.admin,
        source: flags.source_address,
    }
}

/// The snapshot, if there is a good one: a bad one is reported and passed over, never a reason not to start.
fn initial_config(flags: &Flags) -> anyhow::Result<(Config, Option<SnapshotDir>)> {
    let empty = Config::empty(
        flags.region.as_deref().unwrap_or_default(),
        flags.member.as_deref().unwrap_or_default(),
    );
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
