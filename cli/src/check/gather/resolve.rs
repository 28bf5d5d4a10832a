//! Asking the resolver, as people's programs do: this machine's, or one that is named.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};

use crate::check::facts::{Name, Seen, Zone};

/// For each question, of which there are few: an answer that comes late is no answer for people either.
const DEADLINE: Duration = Duration::from_secs(3);

pub(super) async fn all(
    server: Option<SocketAddr>,
    names: Vec<(String, String)>,
    zones: Vec<String>,
) -> (Vec<Name>, Vec<Zone>) {
    let resolver = resolver(server);
    let asking = join_all(names.into_iter().map(async |(name, priority)| {
        let addresses = match &resolver {
            Ok(resolver) => addresses(resolver, &name).await,
            Err(error) => Err(error.clone()),
        };
        Name { host: name, priority, addresses }
    }));
    let zones = join_all(zones.into_iter().map(async |zone| {
        let servers = match &resolver {
            Ok(resolver) => servers(resolver, &zone).await,
            Err(error) => Err(error.clone()),
        };
        Zone { zone, servers }
    }));
    tokio::join!(asking, zones)
}

fn resolver(server: Option<SocketAddr>) -> Seen<TokioResolver> {
    let builder = match server {
        None => TokioResolver::builder_tokio().map_err(|error| error.to_string())?,
        Some(server) => {
            let mut named = NameServerConfig::udp_and_tcp(server.ip());
            named.connections.iter_mut().for_each(|connection| connection.port = server.port());
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![named]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let mut builder = builder;
    let options = builder.options_mut();
    options.timeout = DEADLINE;
    options.attempts = 1;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    builder.build().map_err(|error| error.to_string())
}

async fn addresses(resolver: &TokioResolver, name: &str) -> Seen<Vec<std::net::IpAddr>> {
    let found = resolver.lookup_ip(format!("{name}.")).await.map_err(|error| error.to_string())?;
    Ok(found.iter().collect())
}

async fn servers(resolver: &TokioResolver, zone: &str) -> Seen<Vec<String>> {
    let found =
        resolver.lookup(format!("{zone}."), RecordType::NS).await.map_err(|error| error.to_string())?;
    let names = found.answers().iter().filter_map(|record| match &record.data {
        RData::NS(server) => Some(server.0.to_string()),
        _ => None,
    });
    let names: Vec<String> = names.collect();
    if names.is_empty() { Err("the resolver knows no NS records of it".to_owned()) } else { Ok(names) }
}
