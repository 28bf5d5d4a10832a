//! Where one host lives: what its clients need to know.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;

use crate::load::{LoadOptions, ResolverOptions, dns};

/// How many clients a host has: each step of a shift is a share of them.
pub(super) const CLIENTS: usize = 60;
const PATIENCE: Duration = Duration::from_millis(800);

/// One host in the regions of its priority, first choice first.
pub(super) struct Place {
    pub(super) host: String,
    pub(super) http_port: u16,
    pub(super) dns_port: u16,
    pub(super) doors: Vec<(String, Ipv4Addr)>,
    /// The /24 that its clients live in.
    pub(super) network: Ipv4Addr,
}

impl Place {
    /// Clients of this host, whose resolvers have had their first answers for a while.
    pub(super) fn clients(&self, count: usize, rate: f64, least_seconds: u32) -> LoadOptions {
        let mut options = LoadOptions::new(&self.host, self.http_port)
            .clients(self.network, count)
            .rate(rate)
            .dns_servers(self.dns_servers())
            .resolvers(ResolverOptions { aged: true, least_seconds });
        for (region, door) in &self.doors {
            options = options.front_door(IpAddr::V4(*door), region);
        }
        options
    }

    /// Every DNS server sends people to the first region, and says so for the whole TTL.
    pub(super) async fn is_home(&self, ttl_seconds: u32) -> Result<()> {
        let (_, first) = self.doors.first().context("a host without regions")?;
        try_join_all(self.dns_servers().map(async |server| {
            let answer = dns::ask(Ipv4Addr::LOCALHOST, server, &self.host, PATIENCE).await?;
            let home = answer.addresses == [IpAddr::V4(*first)] && answer.ttl_seconds == ttl_seconds;
            ensure!(home, "{server} answers {answer:?}");
            Ok(())
        }))
        .await
        .map(drop)
    }

    fn dns_servers(&self) -> impl Iterator<Item = SocketAddr> {
        self.doors.iter().map(|(_, door)| SocketAddr::from((*door, self.dns_port)))
    }
}
