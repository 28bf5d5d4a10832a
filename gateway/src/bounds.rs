//! What the front door takes from strangers, and whose word it takes about others.
//!
//! The same settings as flags and in a configuration file.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds of requests, and the addresses that are believed.
#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Bounds {
    /// Bytes of a request's target (path and query); more is answered 414. 64 to 65534
    #[arg(long, value_name = "BYTES", default_value_t = 8192, value_parser = clap::value_parser!(u32).range(64..=65534))]
    #[schemars(range(min = 64, max = 65534))]
    pub max_uri_bytes: u32,
    /// Bytes of a request's head (request line and header fields); more is answered 431. 256 to 1048576
    #[arg(long, value_name = "BYTES", default_value_t = 32_768, value_parser = clap::value_parser!(u32).range(256..=1_048_576))]
    #[schemars(range(min = 256, max = 1_048_576))]
    pub max_header_bytes: u32,
    /// Seconds in which a request's head must be whole once it has begun; later is answered 408. 1 to 3600
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    #[schemars(range(min = 1, max = 3600))]
    pub header_timeout_seconds: u32,
    /// Seconds that a client may pause within a body; longer is answered 408. 1 to 3600
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3600))]
    #[schemars(range(min = 1, max = 3600))]
    pub body_timeout_seconds: u32,
    /// Bytes of a request's body; more is answered 413. Absent: no bound, unless a route has one
    #[arg(long, value_name = "BYTES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u64>,
    /// Seconds after which a client is asked to connect anew (give or take a tenth), so that changed DNS answers
    /// reach also those who never disconnect; what is being answered, and tunnels, go on. 0: never. 0 to 86400
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    #[schemars(range(min = 0, max = 86_400))]
    pub max_connection_age_seconds: u32,
    /// Seconds that requests in flight and tunnels get when the gateway ends. 1 to 3600
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    #[schemars(range(min = 1, max = 3600))]
    pub drain_seconds: u32,
    /// Addresses or networks of proxies whose Forwarded and X-Forwarded-* are believed; from everybody else
    /// they are replaced
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    pub trusted_proxies: Vec<Net>,
    /// Addresses or networks of load balancers that begin every connection with a PROXY protocol header (v1 or
    /// v2); nobody else may send one
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    pub proxy_protocol_from: Vec<Net>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_uri_bytes: 8192,
            max_header_bytes: 32_768,
            header_timeout_seconds: 10,
            body_timeout_seconds: 30,
            max_body_bytes: None,
            max_connection_age_seconds: 600,
            drain_seconds: 10,
            trusted_proxies: Vec::new(),
            proxy_protocol_from: Vec::new(),
        }
    }
}

impl Bounds {
    /// How long a head may take.
    pub(crate) fn header_timeout(&self) -> Duration {
        Duration::from_secs(self.header_timeout_seconds.into())
    }

    /// How long a body may pause.
    pub(crate) fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_seconds.into())
    }

    /// How old a connection gets; none: as old as it likes.
    pub(crate) fn connection_age(&self) -> Option<Duration> {
        let seconds = Some(self.max_connection_age_seconds).filter(|seconds| *seconds > 0);
        seconds.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// How long what is in flight at the end gets.
    pub(crate) fn drain_deadline(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.into())
    }

    /// Whether what `address` says about earlier hops is believed.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|net| net.contains(address))
    }

    /// Whether a connection from `address` begins with a PROXY header.
    pub(crate) fn expects_proxy_header(&self, address: IpAddr) -> bool {
        self.proxy_protocol_from.iter().any(|net| net.contains(address))
    }
}

/// An address or a network: `10.0.0.7`, `10.0.0.0/8`, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Net(IpNet);

impl Net {
    /// IPv4 addresses that came over an IPv6 socket are IPv4 addresses.
    fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Net {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let single = text.parse::<IpAddr>().map(IpNet::from);
        single.or_else(|_| text.parse::<IpNet>()).map(Self).map_err(|_| {
            format!("{text:?} is neither an address nor a network, such as 10.0.0.7 or 10.0.0.0/8")
        })
    }
}

impl TryFrom<String> for Net {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Net> for String {
    fn from(net: Net) -> Self {
        net.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_addresses_of_either_socket() {
        for (net, address, held) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.7", "10.0.0.7", true),
            ("10.0.0.7", "10.0.0.8", false),
            ("2001:db8::/32", "2001:db8::1", true),
        ] {
            assert_eq!(
                net.parse::<Net>().unwrap().contains(address.parse().unwrap()),
                held,
                "{net} {address}"
            );
        }
        assert!("10.0.0.0/33".parse::<Net>().unwrap_err().contains("10.0.0.0/8"));
    }
}
