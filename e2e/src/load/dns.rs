//! One DNS question over UDP, as a stub resolver asks it.
//!
//! No resolver library in between: a cache or a retry of its own would blur what the stories measure, namely
//! which answer a client has and for how long it may keep it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use hickory_proto::{
    op::{Message, MessageType, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};
use tokio::{net::UdpSocket, time::timeout};

/// What a server answered: never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The addresses, in the order of the answer.
    pub addresses: Vec<IpAddr>,
    /// For how many seconds they may be used; the smallest TTL on the way to them.
    pub ttl_seconds: u32,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// Nothing came back in time.
    #[error("{server} did not answer within {waited:?}")]
    Silent {
        /// Who was asked.
        server: SocketAddr,
        /// For how long the answer was waited for.
        waited: Duration,
    },
    /// The server said that it cannot.
    #[error("{server} answered {code}")]
    Refused {
        /// Who was asked.
        server: SocketAddr,
        /// SERVFAIL, NXDOMAIN and so on.
        code: ResponseCode,
    },
    /// The answer has no address in it.
    #[error("{server} answered without an address")]
    Empty {
        /// Who was asked.
        server: SocketAddr,
    },
    /// The name is not one, or the message cannot be built or read.
    #[error("DNS message: {0}")]
    Message(String),
    /// The socket failed.
    #[error("{server}: {error}")]
    Socket {
        /// Who was asked.
        server: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
}

/// The largest answer that fits a UDP message without EDNS is 512; servers that send more are read as well.
const MAX_MESSAGE: usize = 4096;

/// Asks `server` for the IPv4 addresses of `host`, from the address `source`.
pub async fn ask(
    source: Ipv4Addr,
    server: SocketAddr,
    host: &str,
    wait: Duration,
) -> Result<Answer, DnsError> {
    let question = question(host)?;
    let bytes = question.to_vec().map_err(|error| DnsError::Message(error.to_string()))?;
    let exchange = exchange(source, server, &bytes, &question);
    let reply = match timeout(wait, exchange).await {
        Ok(reply) => reply.map_err(|error| DnsError::Socket { server, error })?,
        Err(_) => return Err(DnsError::Silent { server, waited: wait }),
    };
    read(server, &reply)
}

fn question(host: &str) -> Result<Message, DnsError> {
    let mut name = Name::from_ascii(host).map_err(|error| DnsError::Message(error.to_string()))?;
    name.set_fqdn(true);
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, RecordType::A));
    Ok(message)
}

/// Sends, and waits for the reply to this question: the socket is connected, so only the server can send one;
/// one with another id or question is left over from an earlier life of the port, and is passed over.
async fn exchange(
    source: Ipv4Addr,
    server: SocketAddr,
    bytes: &[u8],
    question: &Message,
) -> std::io::Result<Message> {
    let socket = UdpSocket::bind((source, 0)).await?;
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut buffer = vec![0; MAX_MESSAGE];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let Ok(reply) = Message::from_vec(&buffer[..length]) else { continue };
        if is_reply(&reply, question) {
            return Ok(reply);
        }
    }
}

fn is_reply(reply: &Message, question: &Message) -> bool {
    reply.metadata.id == question.metadata.id
        && reply.metadata.message_type == MessageType::Response
        && (reply.queries.is_empty() || reply.queries == question.queries)
}

/// Reads the addresses. Aliases need no following here: a gateway answers with the whole chain, and the
/// smallest TTL of the chain is the one that counts.
fn read(server: SocketAddr, reply: &Message) -> Result<Answer, DnsError> {
    let code = reply.metadata.response_code;
    if code != ResponseCode::NoError {
        return Err(DnsError::Refused { server, code });
    }
    let addresses: Vec<IpAddr> = reply
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::A(a) => Some(IpAddr::V4(a.0)),
            _ => None,
        })
        .collect();
    let ttl_seconds = reply.answers.iter().map(|record| record.ttl).min().unwrap_or(0);
    if addresses.is_empty() { Err(DnsError::Empty { server }) } else { Ok(Answer { addresses, ttl_seconds }) }
}

#[cfg(test)]
mod tests {
    use hickory_proto::{
        op::OpCode,
        rr::{
            Record,
            rdata::{A, CNAME},
        },
    };

    use super::*;

    fn server() -> SocketAddr {
        "127.0.0.1:53".parse().unwrap()
    }

    fn reply(records: Vec<Record>) -> Message {
        let mut message = Message::response(1, OpCode::Query);
        message.insert_answers(records);
        message
    }

    fn a(ttl: u32, last: u8) -> Record {
        let name = Name::from_ascii("portal.gov-prod.cn.").unwrap();
        Record::from_rdata(name, ttl, RData::A(A(Ipv4Addr::new(127, 9, 1, last))))
    }

    #[test]
    fn the_smallest_ttl_of_the_chain_counts() {
        let alias = Name::from_ascii("portal.gslb.gov-prod.cn.").unwrap();
        let alias = Record::from_rdata(alias.clone(), 5, RData::CNAME(CNAME(alias)));
        let answer = read(server(), &reply(vec![alias, a(30, 1), a(30, 2)])).unwrap();
        assert_eq!(answer.ttl_seconds, 5);
        assert_eq!(answer.addresses.len(), 2);
    }

    #[test]
    fn an_answer_without_addresses_is_none() {
        assert!(matches!(read(server(), &reply(vec![])), Err(DnsError::Empty { .. })));
        let failed = Message::error_msg(1, OpCode::Query, ResponseCode::ServFail);
        assert!(matches!(
            read(server(), &failed),
            Err(DnsError::Refused { code: ResponseCode::ServFail, .. })
        ));
    }

    #[test]
    fn only_the_reply_to_this_question_is_taken() {
        let question = question("portal.gov-prod.cn").unwrap();
        let mut reply = question.clone().into_response();
        assert!(is_reply(&reply, &question));
        reply.metadata.id = reply.metadata.id.wrapping_add(1);
        assert!(!is_reply(&reply, &question));
        assert!(!is_reply(&question, &question), "an echo of the question is not a reply");
    }

    #[tokio::test]
    async fn a_silent_server_is_given_up_after_the_wait() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = silent.local_addr().unwrap();
        let answer = ask(Ipv4Addr::LOCALHOST, server, "a.example", Duration::from_millis(20)).await;
        assert!(matches!(answer, Err(DnsError::Silent { .. })), "{answer:?}");
    }
}
