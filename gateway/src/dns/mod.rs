//! The DNS server: authoritative answers with the addresses of the region that serves, over UDP and TCP.
//!
//! Every gateway answers for every region's clients from what the traffic loop decided, so that a resolver
//! that reaches any gateway gets an answer, whatever else has failed.

mod reply;
mod resolve;

use std::time::Duration;

use hickory_proto::op::{Edns, Header, HeaderCounts, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::DNSClass;
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;

use crate::config::ConfigReceiver;
use crate::metrics::Metrics;
use crate::traffic::Traffic;

use reply::{Reply, reply};
use resolve::resolve;

/// An idle TCP client is let go.
const TCP_TIMEOUT: Duration = Duration::from_secs(5);
const TCP_BUFFER: usize = 32;
/// Fits every path without fragments (DNS flag day 2020).
const MAX_DATAGRAM: u16 = 1232;

/// Answers questions from the latest config and the loop's decisions.
#[derive(Clone)]
pub struct Dns {
    config: ConfigReceiver,
    traffic: Traffic,
    metrics: Metrics,
}

impl Dns {
    /// A server over this config.
    #[must_use]
    pub const fn new(config: ConfigReceiver, traffic: Traffic, metrics: Metrics) -> Self {
        Self { config, traffic, metrics }
    }

    /// Answers on both sockets until `stop`.
    pub async fn run(self, udp: UdpSocket, tcp: TcpListener, stop: CancellationToken) {
        let mut server = Server::new(self);
        server.register_socket(udp);
        server.register_listener(tcp, TCP_TIMEOUT, TCP_BUFFER);
        stop.cancelled().await;
        if let Err(error) = server.shutdown_gracefully().await {
            tracing::debug!(%error, "DNS server ended");
        }
    }

    /// How many records this question gets.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn answers(&self, request: &Request) -> usize {
        self.answer(request).answers.len()
    }

    fn answer(&self, request: &Request) -> Reply {
        let Ok(info) = request.request_info() else { return Reply::error(ResponseCode::FormErr) };
        if request.metadata.op_code != OpCode::Query {
            return Reply::error(ResponseCode::NotImp);
        }
        if !matches!(info.query.query_class(), DNSClass::IN | DNSClass::ANY) {
            return Reply::error(ResponseCode::Refused);
        }
        let query = info.query.original();
        let name = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        let config = self.config.borrow().clone();
        let finding = resolve(&name, &config, |priority| self.traffic.answer(priority));
        reply(query.name(), query.query_type(), finding)
    }
}

#[async_trait::async_trait]
impl RequestHandler for Dns {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response_handle: R,
    ) -> ResponseInfo {
        let reply = self.answer(request);
        self.metrics.dns_query(code_text(reply.code));
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = reply.code;
        metadata.authoritative = reply.authoritative;
        let mut builder = MessageResponseBuilder::from_message_request(request);
        let edns = request.edns.as_ref().map(our_edns);
        if let Some(edns) = &edns {
            builder.edns(edns);
        }
        let response = builder.build(metadata, &reply.answers, [], &reply.soa, []);
        match response_handle.send_response(response).await {
            Ok(info) => info,
            Err(error) => {
                tracing::debug!(client = %request.src(), %error, "DNS response not sent");
                ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
            }
        }
    }
}

/// What the client can take, at most what we send.
fn our_edns(asked: &Edns) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(asked.max_payload().clamp(512, MAX_DATAGRAM)).set_version(0);
    edns
}

const fn code_text(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::NotImp => "NOTIMP",
        _ => "OTHER",
    }
}
