//! The program: serves what it tells about itself, and leads whenever it holds the lease.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use arc_swap::ArcSwapOption;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use prometheus_client::registry::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{self, Admin},
    lead::{Campaign, Lead},
    metrics::{Metrics, Placements},
    options::Options,
    term::{self, Terms},
};

/// Runs until SIGTERM or SIGINT.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let client = connect(&options).await?;
    let metrics = Metrics::default();
    let admin = Arc::new(administration(&metrics, options.enable_profiling));
    let serving = tokio::spawn(admin::serve(options.listen, admin.clone(), stop.clone()));
    let lead = Lead::default();
    let (identity, namespace) = (options.holder(), options.namespace.clone());
    let duration = options.lease_duration();
    let campaign = Campaign::new(client.clone(), &namespace, &identity, duration, lead.clone());
    let federation = options.federation.clone();
    let terms = Terms { client, lead, namespace, identity, federation, metrics };
    let leading = async {
        loop {
            Box::pin(one_term(&campaign, &terms, &admin, &stop)).await;
        }
    };
    tokio::select! {
        () = leading => {},
        signal = stopped() => tracing::info!(signal = signal?, "ends"),
        served = serving => return served?.context("--listen: cannot serve"),
    }
    stop.cancel();
    if terms.lead.is_held() {
        campaign.step_down().await;
    }
    Ok(())
}

async fn one_term(campaign: &Campaign, terms: &Terms, admin: &Admin, stop: &CancellationToken) {
    campaign.win().await;
    terms.metrics.leading.set(1);
    let cancel = stop.child_token();
    let _dropped = cancel.clone().drop_guard();
    let leading = term::lead(terms, admin, cancel.clone());
    tokio::pin!(leading);
    let ended = tokio::select! {
        () = campaign.keep() => {
            tracing::warn!("lost the lease: stops writing and waits for it again");
            cancel.cancel();
            leading.await
        }
        ended = &mut leading => ended,
    };
    terms.metrics.leading.set(0);
    if let Err(error) = ended {
        tracing::error!(error = format!("{error:#}"), "could not begin to lead; tries again");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn administration(metrics: &Metrics, profiling: bool) -> Admin {
    let mut registry = Registry::with_prefix("spillway_controller");
    metrics.register(&mut registry);
    let placement: Arc<ArcSwapOption<_>> = Arc::default();
    registry.register_collector(Box::new(Placements(placement.clone())));
    Admin { federation: Arc::default(), placement, registry, profiling }
}

async fn connect(options: &Options) -> anyhow::Result<Client> {
    let mut config = match &options.kubeconfig {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path)
                .with_context(|| format!("--kubeconfig: cannot read {}", path.display()))?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .with_context(|| format!("--kubeconfig: {} is not usable", path.display()))?
        }
        None => Config::infer().await.context("no hub: give --kubeconfig, or run inside of the cluster")?,
    };
    config.connect_timeout = Some(Duration::from_secs(2));
    Client::try_from(config).context("cannot make a client for the hub")
}

async fn stopped() -> anyhow::Result<&'static str> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = term.recv() => Ok("SIGTERM"),
        _ = int.recv() => Ok("SIGINT"),
    }
}
