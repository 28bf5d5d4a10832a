//! All parts of a gateway, wired to one config and ended in order.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::bounds::Bounds;
use crate::config::ConfigReceiver;
use crate::config::intake::Intake;
use crate::dns::Dns;
use crate::metrics::Metrics;
use crate::mtls::{PeerClient, SpillAcceptor};
use crate::proxy::{Outward, Proxy};
use crate::seen::{Observability, Seen};
use crate::serve::listen::{DnsDoors, Door, Successor};
use crate::serve::{self, FrontDoor, Life, Listener, Phase, Phases};
use crate::spill::SpillListener;
use crate::tls::FrontTls;
use crate::traffic::Traffic;
use crate::turn::Turn;

/// Where a gateway listens, and from where it calls.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The front door.
    pub http: SocketAddr,
    /// The front door with TLS, if there is one.
    pub https: Option<SocketAddr>,
    /// The door for peers; none: nothing can be spilled to this gateway.
    pub spill: Option<SocketAddr>,
    /// DNS, over UDP and TCP; none: it does not answer DNS.
    pub dns: Option<SocketAddr>,
    /// Health, metrics, debugging.
    pub admin: SocketAddr,
    /// Local address of connections to peers; the system's choice if none.
    pub source: Option<IpAddr>,
    /// Whether a second gateway may listen beside this one, to take over.
    pub reuse_port: bool,
}

/// What a gateway is started with.
#[derive(Clone)]
pub struct Settings {
    /// Where it listens.
    pub listen: Listen,
    /// What the front door takes.
    pub bounds: Bounds,
    /// What of the requests is written down.
    pub observability: Observability,
    /// Where its configs come in; none: whoever holds the sender publishes.
    pub intake: Option<Intake>,
}

/// A running gateway.
pub struct Gateway {
    addresses: Listen,
    traffic: Traffic,
    metrics: Metrics,
    draining: CancellationToken,
    phases: Phases,
    /// What peers come by: they are not asked to go elsewhere before the end.
    peer_phases: Phases,
    successor: Successor,
    stop_serving: CancellationToken,
    stop_all: CancellationToken,
    serving: JoinSet<()>,
    rest: JoinSet<()>,
}

impl Gateway {
    /// Binds every listener and serves what `config` says, from now on and whenever it changes.
    pub async fn start(settings: Settings, config: ConfigReceiver, metrics: Metrics) -> io::Result<Self> {
        let Settings { listen, bounds, observability, intake } = settings;
        let listen = &listen;
        let sockets = Sockets::bind(listen).await?;
        let addresses = sockets.addresses(listen)?;
        let successor = sockets.successor(listen.reuse_port)?;
        let (phases, peer_phases) = (Phases::default(), Phases::default());
        let (draining, stop_serving, stop_all) =
            (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());

        metrics.config(&config.borrow());
        let identity = config.borrow().identity.clone();
        let seen = Seen::open(observability, identity, metrics.clone())?;
        let traffic = Traffic::new(config.clone());
        metrics.extend(|registry| traffic.register(registry));
        let turn = Turn::of_this_runtime();
        let peers = PeerClient::new(config.clone(), listen.source);
        let proxy = Proxy::new(
            config.clone(),
            traffic.clone(),
            Outward { peers: peers.clone(), turn: turn.clone() },
            metrics.clone(),
            seen.clone(),
            draining.clone(),
            bounds.clone(),
        );
        let tls = match sockets.https {
            Some(_) => Some(FrontTls::new(&config).map_err(io::Error::other)?),
            None => None,
        };
        let spill = SpillListener::new(SpillAcceptor::new(config.clone()), proxy.clone(), traffic.clone());
        let dns = Dns::new(config.clone(), traffic.clone(), metrics.clone());

        let mut serving = JoinSet::new();
        let mut rest = JoinSet::new();
        let bounds = Arc::new(bounds);
        let opening = |name, door: Door, phases: &Phases, age| {
            let life = Life::new(phases.subscribe(), age, bounds.drain_deadline());
            open(name, door, config.clone(), life, metrics.clone())
        };
        let (proxy_door, age) = (proxy.clone(), bounds.connection_age());
        let front = FrontDoor { bounds: Arc::clone(&bounds), tls: None, turn: turn.clone() };
        let http = opening("http", sockets.http, &phases, age);
        serving.spawn(front_door(http, front, proxy_door.clone()));
        if let (Some(door), Some(tls)) = (sockets.https, tls) {
            metrics.extend(|registry| tls.register(registry));
            rest.spawn(until(stop_all.clone(), tls.clone().follow(config.clone())));
            let front = FrontDoor { bounds: Arc::clone(&bounds), tls: Some(tls), turn: turn.clone() };
            serving.spawn(front_door(opening("https", door, &phases, age), front, proxy_door));
        }
        if let Some(door) = sockets.spill {
            let listener = opening("spill", door, &peer_phases, None);
            serving.spawn(async move {
                if let Some(listener) = listener.await {
                    spill.run(listener).await;
                }
            });
        }
        if let Some(doors) = sockets.dns {
            let (config, successor, stop) = (config.clone(), successor.clone(), stop_serving.clone());
            serving.spawn(async move {
                let opened = tokio::select! {
                    () = stop.cancelled() => return,
                    opened = doors.open(config, &successor) => opened,
                };
                match opened {
                    Ok((udp, tcp)) => dns.run(udp, tcp, stop).await,
                    Err(error) => tracing::error!(listener = "dns", %error, "cannot listen"),
                }
            });
        }
        rest.spawn(traffic.clone().run(peers, listen.source, stop_all.clone()));
        if let Some(turn) = turn {
            rest.spawn(until(stop_all.clone(), turn.run()));
        }
        rest.spawn(seen.run(stop_all.clone()));
        rest.spawn(until(stop_all.clone(), proxy.clone().follow_config()));
        rest.spawn(until(stop_all.clone(), proxy.clone().measure()));
        rest.spawn(until(stop_all.clone(), count_configs(config.clone(), metrics.clone())));
        let admin = Admin { config, intake, traffic: traffic.clone(), proxy, metrics: metrics.clone() };
        rest.spawn(admin.run(sockets.admin.open_now()?, stop_all.clone()));
        Ok(Self {
            addresses,
            traffic,
            metrics,
            draining,
            phases,
            peer_phases,
            successor,
            stop_serving,
            stop_all,
            serving,
            rest,
        })
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
    /// have to notice before connections are refused. Clients are asked to connect anew, and new connections
    /// are left to a successor, if there is one.
    pub fn drain(&self) {
        self.draining.cancel();
        self.successor.give_way();
        self.phases.reach(Phase::Draining);
    }

    /// Fails readiness, accepts nothing new, ends what is in flight, then stops everything else.
    pub async fn stop(mut self) {
        self.drain();
        self.phases.reach(Phase::Ending);
        self.peer_phases.reach(Phase::Ending);
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

/// Opens a door when it may be; none if it cannot be.
async fn open(
    name: &'static str,
    door: Door,
    config: ConfigReceiver,
    life: Life,
    metrics: Metrics,
) -> Option<Listener> {
    let opened = tokio::select! {
        () = life.reached(Phase::Ending) => return None,
        opened = door.open(config) => opened,
    };
    opened
        .inspect_err(|error| tracing::error!(listener = name, %error, "cannot listen"))
        .ok()
        .map(|tcp| Listener { name, tcp, life, metrics })
}

async fn front_door(listener: impl Future<Output = Option<Listener>>, front: FrontDoor, proxy: Proxy) {
    let Some(listener) = listener.await else { return };
    let front = Arc::new(front);
    serve::accept(listener, move |stream, peer, span| {
        let (proxy, front) = (proxy.clone(), Arc::clone(&front));
        async move {
            let handle = move |request, arrived, told| proxy.clone().front_door(request, arrived, told);
            front.serve(stream, peer, span, handle).await
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
    http: Door,
    https: Option<Door>,
    spill: Option<Door>,
    dns: Option<DnsDoors>,
    admin: Door,
}

impl Sockets {
    async fn bind(listen: &Listen) -> io::Result<Self> {
        let shared = listen.reuse_port;
        let door = async |name, address: Option<SocketAddr>| match address {
            Some(address) => Door::bind(name, address, shared).await.map(Some),
            None => Ok(None),
        };
        let dns = match listen.dns {
            Some(address) => Some(DnsDoors::bind(address, shared).await?),
            None => None,
        };
        Ok(Self {
            http: Door::bind("http", listen.http, shared).await?,
            https: door("https", listen.https).await?,
            spill: door("spill", listen.spill).await?,
            dns,
            admin: Door::bind("admin", listen.admin, shared).await?,
        })
    }

    fn addresses(&self, listen: &Listen) -> io::Result<Listen> {
        Ok(Listen {
            http: self.http.address()?,
            https: self.https.as_ref().map(Door::address).transpose()?,
            spill: self.spill.as_ref().map(Door::address).transpose()?,
            dns: self.dns.as_ref().map(|doors| doors.tcp().address()).transpose()?,
            admin: self.admin.address()?,
            ..listen.clone()
        })
    }

    /// What is known of a successor, if there may be one.
    fn successor(&self, shared: bool) -> io::Result<Successor> {
        let successor = Successor::default();
        if shared {
            let dns = self.dns.as_ref().map(DnsDoors::tcp);
            let doors = [Some(&self.http), self.https.as_ref(), self.spill.as_ref(), dns, Some(&self.admin)];
            for door in doors.into_iter().flatten() {
                successor.shares(door)?;
            }
        }
        Ok(successor)
    }
}
