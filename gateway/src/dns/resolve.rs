//! What a question means here: pure, so that every case can be read and tested without a socket.
//!
//! A gateway is an authority for two kinds of names: the hosts of routes that follow a region priority, each
//! a zone of its own as far as a resolver is concerned, and `<host>.<zone>` for priorities that name a zone.

use std::net::IpAddr;

use spillway_decide::Answer;

use crate::config::Config;

/// Name servers change only with the set of members.
const NAME_SERVER_TTL: u32 = 300;
/// How many gateways are named as name servers' addresses.
const MAX_NAME_SERVERS: usize = 8;
/// The label of the name server within an apex.
const NAME_SERVER: &str = "ns.";

/// What is said about a name; the record type is applied afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing is loaded, or the loop has no answer yet: SERVFAIL.
    NotReady,
    /// No authority for it: REFUSED.
    NotOurs,
    /// Ours, and there is no such name: NXDOMAIN.
    Missing {
        /// The zone that says so.
        apex: String,
    },
    /// Ours, with these addresses; none is possible for the apex of a zone.
    Found {
        /// The zone that the name is in.
        apex: String,
        /// Its addresses.
        addresses: Vec<IpAddr>,
        /// How long they hold.
        ttl: u32,
    },
}

/// Finds out about `name`, lower case and without the trailing dot. `answer` gives the current answer of a
/// priority.
pub(super) fn resolve(name: &str, config: &Config, answer: impl Fn(&str) -> Option<Answer>) -> Finding {
    if !config.is_loaded() {
        return Finding::NotReady;
    }
    if let Some((zone, rest)) = zone_of(name, config) {
        return in_zone(zone, rest, config, answer);
    }
    if let Some(priority) = priority_of(name, config) {
        return from_answer(name.to_owned(), answer(priority));
    }
    match apex_above(name, config) {
        Some(apex) if is_name_server(name, apex) => name_servers(apex, config),
        Some(apex) => Finding::Missing { apex: apex.to_owned() },
        None => Finding::NotOurs,
    }
}

fn in_zone(zone: &str, rest: &str, config: &Config, answer: impl Fn(&str) -> Option<Answer>) -> Finding {
    let apex = zone.to_owned();
    if rest.is_empty() {
        return Finding::Found { apex, addresses: Vec::new(), ttl: 0 };
    }
    let follows_zone =
        |priority: &&str| config.priorities.get(*priority).and_then(zone_name).as_deref() == Some(zone);
    match priority_of(rest, config).filter(follows_zone) {
        Some(priority) => from_answer(apex, answer(priority)),
        None if format!("{rest}.") == NAME_SERVER => name_servers(zone, config),
        None => Finding::Missing { apex },
    }
}

fn from_answer(apex: String, answer: Option<Answer>) -> Finding {
    match answer {
        Some(answer) => Finding::Found { apex, addresses: answer.addresses, ttl: answer.ttl_seconds },
        None => Finding::NotReady,
    }
}

/// Every gateway answers; the front doors are where resolvers find them.
fn name_servers(apex: &str, config: &Config) -> Finding {
    let doors = config.peers.iter().flat_map(|peer| peer.front_door.addresses.iter().copied());
    Finding::Found {
        apex: apex.to_owned(),
        addresses: doors.take(MAX_NAME_SERVERS).collect(),
        ttl: NAME_SERVER_TTL,
    }
}

fn is_name_server(name: &str, apex: &str) -> bool {
    name.strip_prefix(NAME_SERVER) == Some(apex)
}

/// The priority of the oldest route of this host that has one.
fn priority_of<'a>(host: &str, config: &'a Config) -> Option<&'a str> {
    config.routes.of_host(host).find_map(|route| route.priority.as_deref())
}

/// The longest zone of any priority that the name is in, and what stands before it.
fn zone_of<'a>(name: &'a str, config: &Config) -> Option<(&'a str, &'a str)> {
    let zones = config.priorities.values().filter_map(zone_name);
    let within = zones.filter_map(|zone| {
        let rest = name.strip_suffix(&zone)?;
        let rest = if rest.is_empty() { rest } else { rest.strip_suffix('.')? };
        Some((&name[name.len() - zone.len()..], rest))
    });
    within.max_by_key(|(zone, _)| zone.len())
}

fn zone_name(priority: &spillway_decide::Priority) -> Option<String> {
    let zone = priority.dns.zone.as_deref()?;
    Some(zone.trim_end_matches('.').to_ascii_lowercase()).filter(|zone| !zone.is_empty())
}

/// A host of ours that the name lies below.
fn apex_above<'a>(name: &'a str, config: &Config) -> Option<&'a str> {
    let mut rest = name;
    while let Some((_, parent)) = rest.split_once('.') {
        if priority_of(parent, config).is_some() {
            return Some(parent);
        }
        rest = parent;
    }
    None
}

#[cfg(test)]
mod tests {
    use spillway_decide::routes::{Ingress, IngressPath, IngressRule, PathType, PortRef, compile};
    use spillway_decide::{Door, Peer, Priority};

    use super::*;

    fn ingress(name: &str, host: &str, priority: Option<&str>) -> Ingress {
        let path = IngressPath {
            path: None,
            path_type: PathType::Prefix,
            service: "s".into(),
            port: PortRef::Number(80),
        };
        Ingress {
            namespace: "default".into(),
            name: name.into(),
            priority: priority.map(str::to_owned),
            rules: vec![IngressRule { host: Some(host.into()), paths: vec![path] }],
            ..Ingress::default()
        }
    }

    fn config() -> Config {
        let mut zoned = Priority::default();
        zoned.dns.zone = Some("gslb.gov-prod.cn".into());
        let door = Door { addresses: vec!["192.0.2.9".parse().unwrap()], port: 80 };
        let (routes, _) = compile(vec![
            ingress("a", "portal.gov-prod.cn", Some("zoned")),
            ingress("b", "*.shop.example", Some("plain")),
            ingress("c", "local.example", None),
        ]);
        Config {
            generation: 1,
            routes,
            priorities: [("zoned".to_owned(), zoned), ("plain".to_owned(), Priority::default())].into(),
            peers: vec![Peer { front_door: door, ..Peer::default() }],
            ..Config::default()
        }
    }

    fn answer(priority: &str) -> Answer {
        let address = if priority == "zoned" { "192.0.2.1" } else { "192.0.2.2" };
        Answer { region: "r".into(), addresses: vec![address.parse().unwrap()], ttl_seconds: 30 }
    }

    #[test]
    fn names_are_found_or_not() {
        let config = config();
        let found = |apex: &str, addresses: &[&str], ttl| Finding::Found {
            apex: apex.to_owned(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            ttl,
        };
        let missing = |apex: &str| Finding::Missing { apex: apex.to_owned() };
        for (name, expected) in [
            ("portal.gov-prod.cn", found("portal.gov-prod.cn", &["192.0.2.1"], 30)),
            ("portal.gov-prod.cn.gslb.gov-prod.cn", found("gslb.gov-prod.cn", &["192.0.2.1"], 30)),
            ("gslb.gov-prod.cn", found("gslb.gov-prod.cn", &[], 0)),
            ("ns.gslb.gov-prod.cn", found("gslb.gov-prod.cn", &["192.0.2.9"], 300)),
            ("ns.portal.gov-prod.cn", found("portal.gov-prod.cn", &["192.0.2.9"], 300)),
            ("x.gslb.gov-prod.cn", missing("gslb.gov-prod.cn")),
            ("de.shop.example.gslb.gov-prod.cn", missing("gslb.gov-prod.cn")),
            ("de.shop.example", found("de.shop.example", &["192.0.2.2"], 30)),
            ("a.de.shop.example", missing("de.shop.example")),
            ("x.portal.gov-prod.cn", missing("portal.gov-prod.cn")),
            ("shop.example", Finding::NotOurs),
            ("local.example", Finding::NotOurs),
            ("gov-prod.cn", Finding::NotOurs),
            ("xgslb.gov-prod.cn", Finding::NotOurs),
            ("", Finding::NotOurs),
        ] {
            assert_eq!(resolve(name, &config, |priority| Some(answer(priority))), expected, "{name}");
        }
    }

    #[test]
    fn nothing_is_denied_before_something_is_loaded() {
        assert_eq!(
            resolve("portal.gov-prod.cn", &Config::default(), |priority| Some(answer(priority))),
            Finding::NotReady
        );
        assert_eq!(resolve("portal.gov-prod.cn", &config(), |_| None), Finding::NotReady);
    }
}
