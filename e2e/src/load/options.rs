//! What traffic to send: who the clients are, whom they ask, how fast they go.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// The traffic of one [`Load`](super::Load).
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The public host, as in a browser's address bar.
    pub host: String,
    /// The port of every front door.
    pub port: u16,
    /// What ordinary requests ask for.
    pub path: String,
    /// Every DNS server of the host: client `i` starts with server `i`, and goes on to the next one that
    /// answers when its own does not.
    pub dns_servers: Vec<SocketAddr>,
    /// Whose front door an address is.
    pub front_doors: BTreeMap<IpAddr, Arc<str>>,
    /// The /24 that clients live in; client `i` has host number `i + 1`, on the following /24s after 254.
    pub client_network: Ipv4Addr,
    /// How many clients there are.
    pub client_count: usize,
    /// Requests per second, all clients together.
    pub rate: f64,
    /// How long a client waits for a complete answer.
    pub deadline: Duration,
    /// How long a client waits for one DNS server.
    pub dns_timeout: Duration,
    /// Which requests ask for a redirect.
    pub redirect: Option<RedirectOptions>,
    /// The span over which a snapshot computes shares and percentiles.
    pub window: Duration,
    /// How the clients' resolvers keep answers.
    pub resolvers: ResolverOptions,
}

/// How the clients' resolvers keep answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResolverOptions {
    /// The first answer of each client comes out of a cache where it has been for a while: client `i` of `n` may keep
    /// it for `(i + 1/2) / n` of its TTL. So clients do not all ask again at one moment.
    pub aged: bool,
    /// An answer is kept for at least so many seconds, whatever its TTL: resolvers that stretch TTLs exist.
    pub least_seconds: u32,
}

/// Every so often a client asks for a redirect and looks where it would be sent.
#[derive(Debug, Clone)]
pub struct RedirectOptions {
    /// Every `every`-th request of a client is one.
    pub every: u64,
    /// The path that the backends answer with a redirect.
    pub path: String,
    /// Request headers that tell the backend to redirect.
    pub headers: Vec<(String, String)>,
}

impl LoadOptions {
    /// 50 clients, 100 requests a second to `/api/`, 10 s deadline, no redirects.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
            path: "/api/".to_owned(),
            dns_servers: Vec::new(),
            front_doors: BTreeMap::new(),
            client_network: Ipv4Addr::new(127, 0, 200, 0),
            client_count: 50,
            rate: 100.0,
            deadline: Duration::from_secs(10),
            dns_timeout: Duration::from_millis(800),
            redirect: None,
            window: Duration::from_secs(3),
            resolvers: ResolverOptions::default(),
        }
    }

    /// Sets the DNS servers of the host, one a region.
    #[must_use]
    pub fn dns_servers(mut self, servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.dns_servers = servers.into_iter().collect();
        self
    }

    /// Says whose front door `address` is; add one call for each.
    #[must_use]
    pub fn front_door(mut self, address: IpAddr, region: &str) -> Self {
        self.front_doors.insert(address, Arc::from(region));
        self
    }

    /// Puts `count` clients into `network` (a /24; the ones after it are used as well where one is too small).
    #[must_use]
    pub fn clients(mut self, network: Ipv4Addr, count: usize) -> Self {
        self.client_network = network;
        self.client_count = count;
        self
    }

    /// Sets the requests per second of all clients together.
    #[must_use]
    pub fn rate(mut self, per_second: f64) -> Self {
        self.rate = per_second;
        self
    }

    /// Sets how the clients' resolvers keep answers.
    #[must_use]
    pub fn resolvers(mut self, resolvers: ResolverOptions) -> Self {
        self.resolvers = resolvers;
        self
    }

    /// Sets what ordinary requests ask for.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Makes every `every`-th request of a client ask `path` for a redirect, with these extra headers.
    #[must_use]
    pub fn redirects(mut self, every: u64, path: &str, headers: &[(&str, &str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.redirect = Some(RedirectOptions { every: every.max(1), path: path.to_owned(), headers });
        self
    }

    /// What clients write into `Host`, and where a redirect must lead: the host, with the port unless it is 80.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == 80 { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// The source address of each client.
    #[must_use]
    pub fn client_addresses(&self) -> Vec<Ipv4Addr> {
        let network = u32::from(self.client_network) & 0xffff_ff00;
        (0u32..)
            .take(self.client_count)
            .map(|index| Ipv4Addr::from(network + (index / 254) * 256 + index % 254 + 1))
            .collect()
    }

    /// The time between two requests of one client.
    pub(super) fn period(&self) -> Duration {
        let clients = u32::try_from(self.client_count.max(1)).unwrap_or(u32::MAX);
        Duration::from_secs_f64(f64::from(clients) / self.rate.max(0.001))
    }

    /// The part of its TTL for which client `index` may keep its first answer.
    pub(super) fn first_part(&self, index: usize) -> f64 {
        if !self.resolvers.aged {
            return 1.0;
        }
        let number = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        (number(index) + 0.5) / number(self.client_count.max(1))
    }

    /// When client `index` sends its first request: the clients take turns, so that the whole is steady too.
    pub(super) fn first_due(&self, index: usize) -> Duration {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        Duration::from_secs_f64(f64::from(index) / self.rate.max(0.001))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_has_an_address_of_its_own() {
        let options = LoadOptions::new("a.example", 80).clients(Ipv4Addr::new(127, 9, 200, 0), 300);
        let addresses = options.client_addresses();
        assert_eq!(addresses[0], Ipv4Addr::new(127, 9, 200, 1));
        assert_eq!(addresses[253], Ipv4Addr::new(127, 9, 200, 254));
        assert_eq!(addresses[254], Ipv4Addr::new(127, 9, 201, 1));
        assert_eq!(addresses.iter().collect::<std::collections::BTreeSet<_>>().len(), 300);
    }

    #[test]
    fn clients_take_turns_within_one_period() {
        let options = LoadOptions::new("a.example", 80).clients(Ipv4Addr::LOCALHOST, 4).rate(8.0);
        assert_eq!(options.period(), Duration::from_millis(500));
        assert_eq!(options.first_due(0), Duration::ZERO);
        assert_eq!(options.first_due(3), Duration::from_millis(375));
    }

    #[test]
    fn the_authority_names_the_port_unless_it_is_the_scheme_s_own() {
        assert_eq!(LoadOptions::new("a.example", 80).authority(), "a.example");
        assert_eq!(LoadOptions::new("a.example", 8080).authority(), "a.example:8080");
    }
}
