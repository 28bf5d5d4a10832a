//! All parts of a gateway, wired to one config and ended in order.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::bounds::Bounds;
use crate::config::ConfigReceiver;
use crate::config::intake::Intake;
use crate::dns::Dns;
use crate::metrics::Metrics;
use crate::mtls::{PeerClient, SpillAcceptor};
use crate::proxy::Proxy;
use crate::serve;
use crate::spill::SpillListener;
use crate::traffic::Traffic;

/// Where a gateway listens, and from where it calls.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The front door.
    pub http: SocketAddr,
    /// The door for peers; none: nothing can be spilled to this gateway.
    pub spill: Option<SocketAddr>,
    /// DNS, over UDP and TCP; none: it does not answer DNS.
    pub dns: Option<SocketAddr>,
    /// Health, metrics, debugging.
    pub admin: SocketAddr,
    /// Local address of connections to peers; the system's choice if none.
    pub source: Option<IpAddr>,
}

/// What a gateway is started with.
#[derive(Clone)]
pub struct Settings {
    /// Where it listens.
    pub listen: Listen,
    /// What the front door takes.
    pub bounds: Bounds,
    /// Where its configs come in; none: whoever holds the sender publishes.
    pub intake: Option<Intake>,
}

/// A running gateway.
pub struct Gateway {
    addresses: Listen,
    traffic: Traffic,
    metrics: Metrics,
    draining: CancellationToken,
    stop_serving: CancellationToken,
    stop_all: CancellationToken,
    serving: JoinSet<()>,
    rest: JoinSet<()>,
}

impl Gateway {
    /// Binds every listener and serves what `config` says, from now on and whenever it changes.
    pub async fn start(settings: Settings, config: ConfigReceiver, metrics: Metrics) -> io::Result<Self> {
        let Settings { listen, bounds, intake } = settings;
        let listen = &listen;
        let sockets = Sockets::bind(listen).await?;
        let addresses = sockets.addresses(listen.source)?;
        let (draining, stop_serving, stop_all) =
            (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());

        let traffic = Traffic::new(config.clone());
        metrics.extend(|registry| traffic.register(registry));
        let peers = PeerClient::new(config.clone(), listen.source);
        let proxy = Proxy::new(
            config.clone(),
            traffic.clone(),
            peers.clone(),
            metrics.clone(),
            draining.clone(),
            bounds.clone(),
        );
        let spill = SpillListener::new(SpillAcceptor::new(config.clone()), proxy.clone(), traffic.clone());
        let dns = Dns::new(config.clone(), traffic.clone(), metrics.clone());

        let mut serving = JoinSet::new();
        serving.spawn(front_door(sockets.http, proxy.clone(), bounds.clone(), stop_serving.clone()));
        if let Some(listener) = sockets.spill {
            serving.spawn(spill.run(listener, stop_serving.clone()));
        }
        if let Some((udp, tcp)) = sockets.dns {
            serving.spawn(dns.run(udp, tcp, stop_serving.clone()));
        }

        let mut rest = JoinSet::new();
        rest.spawn(traffic.clone().run(peers, listen.source, stop_all.clone()));
        rest.spawn(until(stop_all.clone(), proxy.clone().follow_config()));
        rest.spawn(until(stop_all.clone(), count_configs(config.clone(), metrics.clone())));
        let admin = Admin { config, intake, traffic: traffic.clone(), proxy, metrics: metrics.clone() };
        rest.spawn(admin.run(sockets.admin, stop_all.clone()));
        Ok(Self { addresses, traffic, metrics, draining, stop_serving, stop_all, serving, rest })
    }

    /// Where it listens, with the ports that the system chose.
    #[must_use]
    pub const fn addresses(&self) -> &Listen {
        &self.addresses
    }

    /// The traffic loop.
    #[must_use]
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The counters.
    #[must_use]
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Fails readiness and the front door's health check, and serves on: peers, load balancers and resolvers
    /// have to notice before connections are refused.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Fails readiness, accepts nothing new, ends what is in flight, then stops everything else.
    pub async fn stop(mut self) {
        self.draining.cancel();
        self.stop_serving.cancel();
        finish(&mut self.serving).await;
        self.stop_all.cancel();
        finish(&mut self.rest).await;
    }
}

async fn finish(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a part of the gateway broke");
        }
    }
}

async fn front_door(listener: TcpListener, proxy: Proxy, bounds: Bounds, stop: CancellationToken) {
    let bounds = Arc::new(bounds);
    serve::accept("http", listener, stop, move |stream, peer, watcher| {
        let (proxy, bounds) = (proxy.clone(), Arc::clone(&bounds));
        async move {
            let handle = move |request, client, told| proxy.clone().front_door(request, client, told);
            serve::front(stream, peer, &bounds, watcher, handle).await;
        }
    })
    .await;
}

async fn count_configs(mut config: ConfigReceiver, metrics: Metrics) {
    loop {
        metrics.config(&config.borrow_and_update());
        if config.changed().await.is_err() {
            return;
        }
    }
}

async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

struct Sockets {
    http: TcpListener,
    spill: Option<TcpListener>,
    dns: Option<(UdpSocket, TcpListener)>,
    admin: TcpListener,
}

impl Sockets {
    async fn bind(listen: &Listen) -> io::Result<Self> {
        let dns = match listen.dns {
            Some(address) => Some(udp_and_tcp("dns", address).await?),
            None => None,
        };
        let spill = match listen.spill {
            Some(address) => Some(tcp("spill", address).await?),
            None => None,
        };
        Ok(Self {
            http: tcp("http", listen.http).await?,
            spill,
            dns,
            admin: tcp("admin", listen.admin).await?,
        })
    }

    fn addresses(&self, source: Option<IpAddr>) -> io::Result<Listen> {
        Ok(Listen {
            http: self.http.local_addr()?,
            spill: self.spill.as_ref().map(TcpListener::local_addr).transpose()?,
            dns: self.dns.as_ref().map(|(_, tcp)| tcp.local_addr()).transpose()?,
            admin: self.admin.local_addr()?,
            source,
        })
    }
}

async fn tcp(name: &str, address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| named(name, address, &error))
}

async fn udp_and_tcp(name: &str, address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let tcp = tcp(name, address).await?;
    let address = tcp.local_addr()?;
    let udp = UdpSocket::bind(address).await.map_err(|error| named(name, address, &error))?;
    Ok((udp, tcp))
}

fn named(name: &str, address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("--{name} {address}: {error}"))
}
