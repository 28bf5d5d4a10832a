//! The fault proxy on real sockets. Every test has a /24 of its own for its clients and listens on free ports.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use super::protocol::{Disturbance, LinkSpec, Rule};
use super::rules::Rules;
use super::{link, server};

const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 9, 1, 7);
const OTHER_CLIENT: Ipv4Addr = Ipv4Addr::new(127, 9, 2, 7);
const SOON: Duration = Duration::from_secs(5);
const A_WHILE: Duration = Duration::from_millis(200);

/// A server that answers each line with the client's address and the line.
async fn target() -> SocketAddrV4 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!() };
    tokio::spawn(async move {
        while let Ok((mut stream, client)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                    let answer = format!("{} {}", client.ip(), String::from_utf8_lossy(&buffer[..n]));
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    address
}

/// A link to a target, and the rules of its proxy.
fn proxied(target: SocketAddrV4) -> (SocketAddrV4, Rules) {
    let listener = link::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let SocketAddr::V4(listen) = listener.local_addr().unwrap() else { unreachable!() };
    let spec = LinkSpec { name: "a".into(), listen, target };
    let rules = Rules::new(std::slice::from_ref(&spec));
    tokio::spawn(link::serve(spec, listener, rules.clone()));
    (listen, rules)
}

async fn connect(from: Ipv4Addr, to: SocketAddrV4) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to.into()).await.unwrap()
}

async fn ask(stream: &mut TcpStream, question: &str) -> std::io::Result<String> {
    stream.write_all(question.as_bytes()).await?;
    let mut buffer = [0; 1024];
    match stream.read(&mut buffer).await? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        n => Ok(String::from_utf8_lossy(&buffer[..n]).into_owned()),
    }
}

fn disturb(rules: &Rules, from: Option<Ipv4Addr>, disturbance: Option<Disturbance>) {
    rules.set(&Rule { link: "a".into(), from, disturbance }).unwrap();
}

fn is_reset<T: std::fmt::Debug>(result: &std::io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn the_target_sees_the_clients_own_address() {
    let (link, _rules) = proxied(target().await);
    let mut stream = connect(CLIENT, link).await;
    assert_eq!(ask(&mut stream, "hello").await.unwrap(), "127.9.1.7 hello");
}

#[tokio::test]
async fn a_delay_holds_each_way_and_ends_on_the_same_connection() {
    let (link, rules) = proxied(target().await);
    let mut stream = connect(CLIENT, link).await;
    disturb(&rules, Some(CLIENT), Some(Disturbance::Delay { milliseconds: 100 }));
    let asked = Instant::now();
    ask(&mut stream, "slow").await.unwrap();
    assert!(asked.elapsed() >= Duration::from_millis(200), "{:?}", asked.elapsed());
    disturb(&rules, Some(CLIENT), None);
    let asked = Instant::now();
    ask(&mut stream, "fast").await.unwrap();
    assert!(asked.elapsed() < Duration::from_millis(100), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_delay_costs_time_and_no_throughput() {
    let (link, rules) = proxied(target().await);
    disturb(&rules, None, Some(Disturbance::Delay { milliseconds: 50 }));
    let mut stream = connect(CLIENT, link).await;
    let asked = Instant::now();
    for _ in 0..100 {
        stream.write_all(b"x").await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stream.shutdown().await.unwrap();
    let mut all = String::new();
    timeout(SOON, stream.read_to_string(&mut all)).await.unwrap().unwrap();
    assert_eq!(all.matches('x').count(), 100);
    // One after the other, a hundred round trips would take ten seconds.
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_black_hole_is_silent_and_loses_nothing_once_it_ends() {
    let (link, rules) = proxied(target().await);
    let mut stream = connect(CLIENT, link).await;
    ask(&mut stream, "before").await.unwrap();
    disturb(&rules, Some(CLIENT), Some(Disturbance::Drop));
    assert!(timeout(A_WHILE, ask(&mut stream, "during")).await.is_err());
    let mut new = connect(CLIENT, link).await;
    assert!(timeout(A_WHILE, ask(&mut new, "also")).await.is_err());
    disturb(&rules, Some(CLIENT), None);
    let mut buffer = [0; 64];
    let n = timeout(SOON, stream.read(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer[..n], b"127.9.1.7 during");
    let n = timeout(SOON, new.read(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer[..n], b"127.9.1.7 also");
}

#[tokio::test]
async fn a_cut_resets_old_and_new_connections_of_that_network_only() {
    let (link, rules) = proxied(target().await);
    let (mut stream, mut other) = (connect(CLIENT, link).await, connect(OTHER_CLIENT, link).await);
    ask(&mut stream, "before").await.unwrap();
    disturb(&rules, Some(CLIENT), Some(Disturbance::Cut));
    let mut buffer = [0; 64];
    let old = timeout(SOON, stream.read(&mut buffer)).await.unwrap();
    assert!(is_reset(&old), "{old:?}");
    let mut new = connect(CLIENT, link).await;
    let new = timeout(SOON, new.read(&mut buffer)).await.unwrap();
    assert!(is_reset(&new), "{new:?}");
    assert_eq!(ask(&mut other, "still").await.unwrap(), "127.9.2.7 still");
}

#[tokio::test]
async fn a_target_that_refuses_is_a_reset_for_the_client() {
    let (link, _rules) = proxied("127.0.0.1:1".parse().unwrap());
    let mut stream = connect(CLIENT, link).await;
    let read = timeout(SOON, stream.read(&mut [0; 64])).await.unwrap();
    assert!(is_reset(&read), "{read:?}");
}

#[tokio::test]
async fn a_half_closed_connection_still_carries_the_answer() {
    let (link, _rules) = proxied(target().await);
    let mut stream = connect(CLIENT, link).await;
    stream.write_all(b"last words").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut all = String::new();
    timeout(SOON, stream.read_to_string(&mut all)).await.unwrap().unwrap();
    assert_eq!(all, "127.9.1.7 last words");
}

#[tokio::test]
async fn a_thousand_connections_at_once_are_carried() {
    let (link, _rules) = proxied(target().await);
    let all = (0..1000).map(|n| {
        tokio::spawn(async move {
            let mut stream = connect(CLIENT, link).await;
            ask(&mut stream, &n.to_string()).await.unwrap()
        })
    });
    for (n, answer) in futures::future::join_all(all).await.into_iter().enumerate() {
        assert_eq!(answer.unwrap(), format!("127.9.1.7 {n}"));
    }
}

#[tokio::test]
async fn the_control_port_takes_and_shows_rules() {
    let control: SocketAddrV4 = "127.9.0.9:19474".parse().unwrap();
    let spec =
        LinkSpec { name: "a".into(), listen: "127.9.0.9:19475".parse().unwrap(), target: target().await };
    tokio::spawn(server::serve(vec![spec], control));
    let rule = r#"{"link": "a", "from": "127.9.1.0", "disturbance": {"kind": "delay", "milliseconds": 5}}"#;
    let mut stream = loop {
        if let Ok(stream) = TcpStream::connect(control).await {
            break stream;
        }
        tokio::task::yield_now().await;
    };
    let put = format!(
        "PUT /rules HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{rule}",
        rule.len()
    );
    assert!(ask(&mut stream, &put).await.unwrap().starts_with("HTTP/1.1 204"));
    let shown = ask(&mut stream, "GET /rules HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(
        shown.ends_with(
            r#"[{"link":"a","from":"127.9.1.0","disturbance":{"kind":"delay","milliseconds":5}}]"#
        )
    );
}
