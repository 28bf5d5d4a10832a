//! From a finding to the sections of a DNS message.

use std::net::IpAddr;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{A, AAAA, NS, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::resolve::Finding;

/// Absent names and types are asked again soon: a failover may be what created them.
const NEGATIVE_TTL: u32 = 5;
const NAME_SERVER_TTL: u32 = 300;

/// The variable part of a response.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reply {
    pub(super) code: ResponseCode,
    pub(super) authoritative: bool,
    pub(super) answers: Vec<Record>,
    pub(super) soa: Vec<Record>,
}

/// Applies the record type to what was found about `name`.
pub(super) fn reply(name: &Name, record_type: RecordType, finding: Finding) -> Reply {
    match finding {
        Finding::NotReady => Reply::error(ResponseCode::ServFail),
        Finding::NotOurs => Reply::error(ResponseCode::Refused),
        Finding::Missing { apex } => Reply::negative(ResponseCode::NXDomain, &apex),
        Finding::Found { apex, addresses, ttl } => {
            let at_apex = Name::from_ascii(&apex).is_ok_and(|apex| is_same(&apex, name));
            let answers = match record_type {
                RecordType::SOA if at_apex => soa(&apex).into_iter().collect(),
                RecordType::NS if at_apex => name_server(name, &apex).into_iter().collect(),
                _ => addresses
                    .into_iter()
                    .filter(|address| is_asked(record_type, *address))
                    .map(|address| Record::from_rdata(name.clone(), ttl, rdata(address)))
                    .collect(),
            };
            Reply::positive(answers, &apex)
        }
    }
}

impl Reply {
    /// A code and nothing else.
    pub(super) fn error(code: ResponseCode) -> Self {
        Self { code, authoritative: false, answers: Vec::new(), soa: Vec::new() }
    }

    fn negative(code: ResponseCode, apex: &str) -> Self {
        Self { code, authoritative: true, answers: Vec::new(), soa: soa(apex).into_iter().collect() }
    }

    /// Without records it says that there are none of this type.
    fn positive(answers: Vec<Record>, apex: &str) -> Self {
        if answers.is_empty() {
            return Self::negative(ResponseCode::NoError, apex);
        }
        Self { code: ResponseCode::NoError, authoritative: true, answers, soa: Vec::new() }
    }
}

const fn is_asked(record_type: RecordType, address: IpAddr) -> bool {
    match record_type {
        RecordType::A => address.is_ipv4(),
        RecordType::AAAA => address.is_ipv6(),
        RecordType::ANY => true,
        _ => false,
    }
}

const fn rdata(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(address) => RData::A(A(address)),
        IpAddr::V6(address) => RData::AAAA(AAAA(address)),
    }
}

/// Names compare without case, and without regard to the trailing dot.
fn is_same(a: &Name, b: &Name) -> bool {
    let text = |name: &Name| name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
    text(a) == text(b)
}

fn absolute(name: &str) -> Option<Name> {
    Name::from_ascii(format!("{name}.")).ok()
}

fn soa(apex: &str) -> Option<Record> {
    let data = SOA::new(
        absolute(&format!("ns.{apex}"))?,
        absolute(&format!("hostmaster.{apex}"))?,
        1,
        3600,
        600,
        86_400,
        NEGATIVE_TTL,
    );
    Some(Record::from_rdata(absolute(apex)?, NEGATIVE_TTL, RData::SOA(data)))
}

fn name_server(name: &Name, apex: &str) -> Option<Record> {
    let server = NS(absolute(&format!("ns.{apex}"))?);
    Some(Record::from_rdata(name.clone(), NAME_SERVER_TTL, RData::NS(server)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(addresses: &[&str]) -> Finding {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Finding::Found { apex: "h.example".into(), addresses, ttl: 7 }
    }

    #[test]
    fn types_take_what_is_theirs() {
        let name = Name::from_ascii("H.example.").unwrap();
        let both = || found(&["192.0.2.1", "2001:db8::1"]);
        for (record_type, finding, answers, soa) in [
            (RecordType::A, both(), 1, 0),
            (RecordType::AAAA, both(), 1, 0),
            (RecordType::ANY, both(), 2, 0),
            (RecordType::MX, both(), 0, 1),
            (RecordType::SOA, both(), 1, 0),
            (RecordType::NS, both(), 1, 0),
            (RecordType::AAAA, found(&["192.0.2.1"]), 0, 1),
            (RecordType::A, Finding::Missing { apex: "h.example".into() }, 0, 1),
            (RecordType::A, Finding::NotOurs, 0, 0),
        ] {
            let reply = reply(&name, record_type, finding.clone());
            assert_eq!((reply.answers.len(), reply.soa.len()), (answers, soa), "{record_type} {finding:?}");
        }
    }

    #[test]
    fn absence_is_remembered_for_five_seconds() {
        let name = Name::from_ascii("h.example.").unwrap();
        let reply = reply(&name, RecordType::MX, found(&["192.0.2.1"]));
        assert_eq!(reply.code, ResponseCode::NoError);
        assert_eq!(reply.soa[0].ttl, NEGATIVE_TTL);
        assert!(matches!(&reply.soa[0].data, RData::SOA(soa) if soa.minimum == NEGATIVE_TTL));
    }
}
