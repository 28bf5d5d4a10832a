//! The clients against a small stand-in for a region: a DNS server that says what it is told to, and a front
//! door that echoes. Stories use the real ones; here the clients themselves are on trial.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{RData, Record as DnsRecord, rdata::A},
};
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::{TcpListener, UdpSocket};

use super::{Load, LoadOptions, Outcome, Snapshot, dns};

/// What the stand-in DNS server answers now; none is SERVFAIL.
type Says = Arc<Mutex<Option<(Ipv4Addr, u32)>>>;

async fn dns_server(says: Says) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let mut reply = Message::from_vec(&buffer[..length]).unwrap().into_response();
            match *says.lock() {
                Some((address, ttl)) => {
                    let name = reply.queries[0].name().clone();
                    reply.insert_answers(vec![DnsRecord::from_rdata(name, ttl, RData::A(A(address)))]);
                }
                None => reply.metadata.response_code = ResponseCode::ServFail,
            }
            socket.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
        }
    });
    address
}

/// A front door of `region`: counts its open connections, and gives back every request's id.
async fn front_door(
    address: Ipv4Addr,
    port: u16,
    region: &'static str,
    echo: bool,
) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((address, port)).await.unwrap();
    let (port, open) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&open);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let service =
                    service_fn(
                        move |request| async move { Ok::<_, Infallible>(echoed(&request, region, echo)) },
                    );
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
                count.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (port, open)
}

fn echoed(request: &Request<Incoming>, region: &str, echo: bool) -> Response<Full<Bytes>> {
    let id = request.headers()["x-request-id"].to_str().unwrap();
    let body = if echo { format!("{region} {id}") } else { format!("{region} somebody else's") };
    let answer = Response::builder().header("x-served-by", region);
    let answer = match request.uri().path() {
        "/go" => answer
            .status(302)
            .header("location", format!("http://{}/", request.headers()["host"].to_str().unwrap())),
        _ => answer,
    };
    answer.body(Full::new(Bytes::from(body))).unwrap()
}

async fn until(load: &Load, what: &str, holds: impl Fn(&Snapshot) -> bool) {
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds(&load.snapshot()) {
        assert!(tokio::time::Instant::now() < end, "waited for {what}, saw {:?}", load.snapshot());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

const SHENZHEN: Ipv4Addr = Ipv4Addr::new(127, 3, 1, 1);
const CHENGDU: Ipv4Addr = Ipv4Addr::new(127, 3, 2, 1);

#[tokio::test]
async fn clients_follow_the_dns_and_close_what_they_left() {
    let (sz_port, sz_open) = front_door(SHENZHEN, 0, "shenzhen", true).await;
    let (port, cd_open) = front_door(CHENGDU, sz_port, "chengdu", true).await;
    let says: Says = Arc::new(Mutex::new(Some((SHENZHEN, 1))));
    let options = LoadOptions::new("portal.gov-prod.cn", port)
        .dns_servers([dns_server(Arc::clone(&says)).await])
        .front_door(IpAddr::V4(SHENZHEN), "shenzhen")
        .front_door(IpAddr::V4(CHENGDU), "chengdu")
        .clients(Ipv4Addr::new(127, 3, 200, 0), 5)
        .redirects(4, "/go", &[])
        .rate(100.0);
    let load = Load::start(options);
    until(&load, "all at shenzhen", |seen| seen.clients_at().get("shenzhen") == Some(&5)).await;
    let told = load.snapshot().at;
    *says.lock() = Some((CHENGDU, 1));
    until(&load, "all at chengdu", |seen| seen.clients_at().get("chengdu") == Some(&5)).await;
    let moved = load.snapshot().at;
    assert!(moved <= told + Duration::from_millis(1300), "the TTL is 1 s: {told:?} to {moved:?}");
    until(&load, "some redirects", |seen| seen.totals.redirects > 10 && sz_open.load(Ordering::SeqCst) == 0)
        .await;
    assert!(cd_open.load(Ordering::SeqCst) >= 5);

    let records = load.stop().await;
    assert_eq!(records.failures().count(), 0, "{}", records.complaints());
    assert_eq!(records.totals.sent, records.totals.done);
    assert_eq!(records.totals.redirects, records.totals.locations_public);
    assert_eq!(records.moves.len(), 10);
    let sources: BTreeSet<_> = records.clients.iter().collect();
    assert_eq!(sources.len(), 5);
}

#[tokio::test]
async fn a_dns_server_that_fails_takes_nobody_offline() {
    let (port, _) = front_door(SHENZHEN, 0, "shenzhen", true).await;
    let says: Says = Arc::new(Mutex::new(Some((SHENZHEN, 0))));
    let server = dns_server(Arc::clone(&says)).await;
    let options = LoadOptions::new("portal.gov-prod.cn", port)
        .dns_servers([server])
        .front_door(IpAddr::V4(SHENZHEN), "shenzhen")
        .clients(Ipv4Addr::new(127, 3, 210, 0), 3)
        .rate(60.0);
    let load = Load::start(options);
    until(&load, "first answers", |seen| seen.clients_at().get("shenzhen") == Some(&3)).await;
    *says.lock() = None;
    let asked = dns::ask(Ipv4Addr::LOCALHOST, server, "portal.gov-prod.cn", Duration::from_secs(1)).await;
    assert!(asked.is_err(), "{asked:?}");
    let before = load.snapshot().totals.ok;
    until(&load, "answers without DNS", |seen| seen.totals.ok > before + 60).await;
    let records = load.stop().await;
    assert_eq!(records.failures().count(), 0, "{}", records.complaints());
}

#[tokio::test]
async fn somebody_else_s_body_is_wrong_and_a_closed_door_is_lost() {
    let (port, _) = front_door(SHENZHEN, 0, "shenzhen", false).await;
    let says: Says = Arc::new(Mutex::new(Some((SHENZHEN, 0))));
    let options = LoadOptions::new("portal.gov-prod.cn", port)
        .dns_servers([dns_server(Arc::clone(&says)).await])
        .clients(Ipv4Addr::new(127, 3, 220, 0), 2)
        .rate(50.0);
    let load = Load::start(options);
    until(&load, "wrong bodies", |seen| seen.totals.wrong > 5).await;
    *says.lock() = Some((Ipv4Addr::new(127, 3, 9, 9), 0));
    until(&load, "losses", |seen| seen.totals.lost > 5).await;
    let records = load.stop().await;
    assert_eq!(records.totals.ok, 0);
    assert!(records.complaints().contains("the body is not ours"), "{}", records.complaints());
    assert!(records.complaints().contains("lost: connect"), "{}", records.complaints());
    assert!(records.failures().all(|record| record.outcome != Outcome::Ok));
}
