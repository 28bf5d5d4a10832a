//! The other regions, imitated: front doors that are open, spill listeners that answer with a report, and a report to the
//! gateway from each of them every second. What they say is what a well federation says, and as long.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::ServerName;
use spillway_decide::Answer;
use spillway_decide::report::{PriorityReport, PriorityView, RegionView, Report, VERSION};
use spillway_decide::sli::Sli;
use spillway_decide::votes::{Opinion, Vote};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::Size;
use super::gateway::{Gateway, priority, region};
use super::tls;

const PERIOD: Duration = Duration::from_secs(1);

/// All peers, until it is dropped.
pub(super) struct Company {
    calls: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

/// One of them.
#[derive(Clone)]
struct Peer {
    /// Its report, as bytes.
    report: Bytes,
    from: IpAddr,
    to: SocketAddr,
    calls: Arc<AtomicU64>,
}

impl Company {
    /// Every region but the gateway's own begins to listen and to tell.
    pub(super) fn begin(gateway: &Gateway) -> Result<Self> {
        let (calls, mut tasks) = (Arc::<AtomicU64>::default(), JoinSet::new());
        let ports = gateway.ports();
        for n in 1..gateway.size.regions {
            let address = gateway.address(n);
            let (server, client) = tls::ends(&gateway.pair(n)?, gateway.authorities())?;
            let peer = Peer {
                report: serde_json::to_vec(&report(gateway.size, n, address.into()))?.into(),
                from: address.into(),
                to: SocketAddr::from((gateway.address(0), ports.spill)),
                calls: Arc::clone(&calls),
            };
            let (door, spill) = (listen(address.into(), ports.http)?, listen(address.into(), ports.spill)?);
            tasks.spawn(open_door(door, Bytes::new()));
            tasks.spawn(answer_reports(spill, server, peer.report.clone()));
            tasks.spawn(tell(peer, client));
        }
        Ok(Self { calls, _tasks: tasks })
    }

    /// Reports that were taken, from all of them.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

fn listen(address: IpAddr, port: u16) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::new(address, port)).with_context(|| format!("{address}:{port}"))?;
    Ok(socket.listen(1024)?)
}

async fn open_door(listener: TcpListener, body: Bytes) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, body.clone()));
    }
}

async fn answer_reports(listener: TcpListener, tls: Arc<ServerConfig>, report: Bytes) {
    let acceptor = TlsAcceptor::from(tls);
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, report) = (acceptor.clone(), report.clone());
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, report).await;
            }
        });
    }
}

/// Answers everything with 200 and this body.
async fn serve<S>(stream: S, body: Bytes)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let body = body.clone();
        async move {
            let _ = request.into_body().collect().await;
            Ok::<_, Infallible>(Response::new(Full::new(body)))
        }
    });
    // An error here is a client that went away.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// Sends the report every second.
async fn tell(peer: Peer, tls: Arc<ClientConfig>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection = None;
    loop {
        ticks.tick().await;
        match timeout(PERIOD, call(&peer, &tls, &mut connection)).await {
            Ok(Ok(())) => drop(peer.calls.fetch_add(1, Ordering::Relaxed)),
            Ok(Err(error)) => {
                tracing::debug!("{}: {error:#}", peer.from);
                connection = None;
            }
            Err(_) => connection = None,
        }
    }
}

async fn call(
    peer: &Peer,
    tls: &Arc<ClientConfig>,
    kept: &mut Option<SendRequest<Full<Bytes>>>,
) -> Result<()> {
    let mut sender = match kept.take() {
        Some(sender) => sender,
        None => connect(peer, tls).await?,
    };
    let request = Request::post(format!("https://{}/.well-known/spillway/exchange", peer.to))
        .header("content-type", "application/json")
        .body(Full::new(peer.report.clone()))?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    answer.into_body().collect().await?;
    anyhow::ensure!(status.is_success(), "{status}");
    *kept = Some(sender);
    Ok(())
}

async fn connect(peer: &Peer, tls: &Arc<ClientConfig>) -> Result<SendRequest<Full<Bytes>>> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(peer.from, 0))?;
    let stream: TcpStream = socket.connect(peer.to).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::IpAddress(peer.to.ip().into());
    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
    let (sender, driver) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    Ok(sender)
}

/// What region `n` says while all is well.
fn report(size: Size, n: usize, address: IpAddr) -> Report {
    let about = about(size, n, address);
    Report {
        version: VERSION,
        region: region(n),
        member: region(n),
        commands: Vec::new(),
        priorities: (0..size.priorities).map(|p| (priority(p), about.clone())).collect(),
        ..Report::default()
    }
}

fn about(size: Size, n: usize, address: IpAddr) -> PriorityReport {
    let others = || (0..size.regions).filter(move |other| *other != n).map(region);
    let vote = Vote {
        opinion: Opinion::Good,
        reason: "it answers".to_owned(),
        age_milliseconds: 400,
        quiet_milliseconds: 3_600_000,
        ..Vote::default()
    };
    PriorityReport {
        reason: "within bounds".to_owned(),
        home_percent: 100,
        votes: others().map(|other| (other, vote.clone())).collect(),
        grants: others().map(|other| (other, 270)).collect(),
        view: view(size, n, address),
        ..PriorityReport::default()
    }
}

fn view(size: Size, n: usize, address: IpAddr) -> PriorityView {
    let sli = Sli { requests: 3120, error_percent: 0.2, latency_p95_milliseconds: 140, ..Sli::default() };
    let seen = |of: usize| RegionView {
        reason: "within bounds".to_owned(),
        since: "2026-01-01T00:00:00.000Z".to_owned(),
        voters: u32::try_from(size.regions - 1).unwrap_or_default(),
        sli: (of == n).then(|| sli.clone()),
        ..RegionView::default()
    };
    PriorityView {
        regions: (0..size.regions).map(|of| (region(of), seen(of))).collect(),
        shares: [(region(n), 100)].into(),
        shares_reason: "its own arrivals".to_owned(),
        answer: Some(Answer { region: region(n), addresses: vec![address], ttl_seconds: 30 }),
        ..PriorityView::default()
    }
}
