//! Real sockets around real gateways: backends with switches, an authority, a plain HTTP/1.1 client, and
//! configs made by hand instead of by an API server.

pub mod api_server;
pub mod authority;
pub mod backend;
pub mod client;
pub mod program;
pub mod recorder;
pub mod tls;
pub mod wire;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use region_gateway::bounds::Bounds;
use region_gateway::config::{self, Backend as Endpoints, Config, ConfigSender};
use region_gateway::gateway::{Gateway, Listen, Settings};
use region_gateway::metrics::Metrics;
use region_gateway::seen::Observability;
use spillway_decide::redirects::{AliasSet, Host};
use spillway_decide::routes::{BackendRef, Ingress, IngressPath, IngressRule, PathType, PortRef, compile};

pub use authority::Authority;
pub use backend::Backend;

/// The host of the one route that most tests need.
pub const HOST: &str = "portal.gov-prod.cn";
pub const PRIORITY: &str = "first-second";

/// A gateway with the hand that feeds it.
pub struct World {
    pub gateway: Gateway,
    pub config: ConfigSender,
}

pub fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

impl World {
    pub async fn start(initial: Config) -> Self {
        Self::bounded(initial, Bounds::default()).await
    }

    pub async fn bounded(initial: Config, bounds: Bounds) -> Self {
        Self::with(initial, bounds, Observability::default()).await
    }

    pub async fn seen(initial: Config, observability: Observability) -> Self {
        Self::with(initial, Bounds::default(), observability).await
    }

    async fn with(initial: Config, bounds: Bounds, observability: Observability) -> Self {
        let listen = Listen {
            http: loopback(),
            https: Some(loopback()),
            reuse_port: false,
            spill: Some(loopback()),
            dns: Some(loopback()),
            admin: loopback(),
            source: None,
        };
        Self::listening(listen, initial, bounds, observability).await
    }

    /// With doors that a second one can share.
    pub async fn sharing(initial: Config) -> Self {
        let listen = Listen {
            http: loopback(),
            https: None,
            reuse_port: true,
            spill: None,
            dns: Some(backend::refusing()),
            admin: loopback(),
            source: None,
        };
        Self::listening(listen, initial, Bounds::default(), Observability::default()).await
    }

    /// A second one on the same doors.
    pub async fn beside(&self, initial: Config) -> Self {
        let listen = self.gateway.addresses().clone();
        Self::listening(listen, initial, Bounds::default(), Observability::default()).await
    }

    async fn listening(
        listen: Listen,
        initial: Config,
        bounds: Bounds,
        observability: Observability,
    ) -> Self {
        let (config, receiver) = config::channel(initial);
        let settings = Settings { listen, bounds, observability, intake: None };
        let gateway = Gateway::start(settings, receiver, Metrics::new()).await.unwrap();
        Self { gateway, config }
    }

    pub fn http(&self) -> SocketAddr {
        self.gateway.addresses().http
    }

    pub fn https(&self) -> SocketAddr {
        self.gateway.addresses().https.unwrap()
    }

    pub fn spill(&self) -> SocketAddr {
        self.gateway.addresses().spill.unwrap()
    }

    pub fn admin(&self) -> SocketAddr {
        self.gateway.addresses().admin
    }

    pub fn counter(&self, name: &str) -> u64 {
        self.gateway.metrics().counters()[name]
    }
}

/// A gateway of `region` with one route, `/api/` of [`HOST`], to these endpoints.
pub fn one_route(region: &str, endpoints: &[SocketAddr]) -> Config {
    let path = IngressPath {
        path: Some("/api/".into()),
        path_type: PathType::Prefix,
        service: "api-gateway".into(),
        port: PortRef::Number(8080),
    };
    let (routes, rejections) = compile(vec![Ingress {
        namespace: "default".into(),
        name: "gov-portal".into(),
        priority: Some(PRIORITY.into()),
        rules: vec![IngressRule { host: Some(HOST.into()), paths: vec![path] }],
        ..Ingress::default()
    }]);
    assert_eq!(rejections, []);
    let mut aliases = AliasSet::default();
    aliases.insert(Host::name("api-gateway.default.svc"), 8080);
    for endpoint in endpoints {
        aliases.insert_address(endpoint.ip(), endpoint.port());
    }
    let reference = BackendRef {
        namespace: "default".into(),
        service: "api-gateway".into(),
        port: PortRef::Number(8080),
    };
    let backend = Endpoints { ready: endpoints.to_vec(), aliases, ..Endpoints::default() };
    Config {
        generation: 1,
        routes,
        backends: HashMap::from([(reference, backend)]),
        ..Config::empty(region, &format!("{region}-1"))
    }
}

/// `/debug/backends` of a gateway.
pub async fn shown(world: &World) -> serde_json::Value {
    serde_json::from_str(client::http1(world.admin(), client::get("/debug/backends")).await.body()).unwrap()
}

/// Publishes a changed config.
pub fn change(sender: &ConfigSender, change: impl FnOnce(&mut Config)) {
    let mut config = Config::clone(&sender.borrow());
    change(&mut config);
    config.generation += 1;
    sender.send_replace(Arc::new(config));
}

/// Asks again until the answer is right, and says what the last one was if it never is.
pub async fn eventually<T: std::fmt::Debug, F: Future<Output = T>>(
    what: &str,
    within: Duration,
    mut ask: impl FnMut() -> F,
    right: impl Fn(&T) -> bool,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        let seen = ask().await;
        if right(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: not within {within:?}; last seen: {seen:?}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
