//! One backend's listening socket and connections; both end while it refuses.

use std::net::SocketAddrV4;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::answer::{Shared, answer};
use super::behaviour::{Behaviour, Refusal};

const BACKLOG: u32 = 4096;

/// Serves one backend until its process ends. The first bind is the caller's, so that it can say what is wrong.
pub(super) async fn serve(shared: Arc<Shared>, listen: SocketAddrV4, first: TcpListener) {
    let mut listener = Some(first);
    let mut behaviour = shared.behaviour.subscribe();
    loop {
        if refuses(&behaviour.borrow_and_update()) {
            listener = None;
        } else if listener.is_none() {
            listener = bind(listen).inspect_err(|error| tracing::warn!("{listen}: {error}")).ok();
        }
        let Some(open) = &listener else {
            // Also tries a failed bind again.
            let _ = tokio::time::timeout(Duration::from_millis(200), behaviour.changed()).await;
            continue;
        };
        tokio::select! {
            changed = behaviour.changed() => if changed.is_err() { return },
            accepted = open.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(connection(Arc::clone(&shared), stream))),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
        }
    }
}

/// Listens, also where connections of a moment ago still linger.
pub(super) fn bind(listen: SocketAddrV4) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(listen.into())?;
    socket.listen(BACKLOG)
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    // A second handle on the socket, because hyper will own the first when a reset is due.
    let Ok(handle) = stream.as_fd().try_clone_to_owned() else { return };
    let mut behaviour = shared.behaviour.subscribe();
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    let http = auto::Builder::new(TokioExecutor::new());
    let served = http.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // An error here is a client that went away.
        _ = served => {}
        _ = behaviour.wait_for(refuses) => {
            let _ = SockRef::from(&handle).set_linger(Some(Duration::ZERO));
        }
    }
}

fn refuses(behaviour: &Behaviour) -> bool {
    behaviour.refusal == Refusal::Refuse
}
