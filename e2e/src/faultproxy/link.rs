//! One listening socket of the fault proxy, and the connections over it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::protocol::{Disturbance, LinkSpec};
use super::pump::{delay, pump};
use super::rules::{Rules, Watch};

/// Connections that wait to be accepted: a load test opens many at once.
const BACKLOG: u32 = 4096;

/// Accepts on one link until the process ends.
pub(super) async fn serve(link: LinkSpec, listener: TcpListener, rules: Rules) {
    loop {
        match listener.accept().await {
            Ok((stream, SocketAddr::V4(client))) => {
                let rule = rules.watch(&link.name, *client.ip());
                tokio::spawn(connection(stream, *client.ip(), link.target, rule));
            }
            Ok(_) => {}
            Err(error) => {
                // Out of file descriptors, most likely: let some connections end.
                tracing::warn!("{} cannot accept: {error}", link.name);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Listens where a link says.
pub(super) fn listen(address: SocketAddrV4) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address.into())?;
    socket.listen(BACKLOG)
}

async fn connection(mut near: TcpStream, client: Ipv4Addr, target: SocketAddrV4, rule: Watch) {
    let far = tokio::select! {
        biased;
        () = cut(rule.clone()) => None,
        far = open(client, target, rule.clone()) => far.ok(),
    };
    let Some(mut far) = far else { return reset(&near) };
    if carry(&mut near, &mut far, &rule).await.is_err() {
        reset(&near);
        reset(&far);
    }
}

/// Both directions, until both have ended; an error of one, or a cut, ends both at once.
async fn carry(near: &mut TcpStream, far: &mut TcpStream, rule: &Watch) -> io::Result<()> {
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_read, near_write) = near.split();
    let (far_read, far_write) = far.split();
    tokio::select! {
        biased;
        () = cut(rule.clone()) => Err(io::ErrorKind::ConnectionReset.into()),
        both = async {
            tokio::try_join!(pump(near_read, far_write, rule.clone()), pump(far_read, near_write, rule.clone()))
        } => both.map(drop),
    }
}

/// Ends when the connection is to be cut.
async fn cut(mut rule: Watch) {
    if rule.wait_for(|now| *now == Some(Disturbance::Cut)).await.is_err() {
        // The rules are gone: the process is ending, and nothing is cut any more.
        std::future::pending::<()>().await;
    }
}

/// Connects to the target from the client's own address, once the rule lets anything pass.
async fn open(client: Ipv4Addr, target: SocketAddrV4, mut rule: Watch) -> io::Result<TcpStream> {
    let passing = rule.wait_for(|now| *now != Some(Disturbance::Drop)).await;
    let handshake = passing.map_or(None, |now| delay(*now));
    if let Some(one_way) = handshake {
        tokio::time::sleep(one_way * 2).await;
    }
    let socket = TcpSocket::new_v4()?;
    // The port is chosen at connect, so that it need only be unique together with the target.
    setsockopt(&socket, IpBindAddressNoPort, &true)?;
    socket.bind(SocketAddr::new(client.into(), 0))?;
    socket.connect(target.into()).await
}

/// The next close of the socket is a reset.
fn reset(stream: &TcpStream) {
    // Fails only on a socket that is gone already.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
