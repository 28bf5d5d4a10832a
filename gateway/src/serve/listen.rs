//! Sockets to listen on, alone or beside a gateway that is to be taken over from.
//!
//! With `SO_REUSEPORT` two processes listen on one address, and the kernel deals new connections out among
//! them. What it has dealt to a socket is reset when that socket closes: connections that nobody has accepted
//! yet, and handshakes that have only begun (unless `net.ipv4.tcp_migrate_req` is set, which needs privileges).
//! So whoever leaves first has the kernel deal to the other one only ([`Successor`]), goes on accepting while
//! what was begun finishes, empties its queue, and then closes: nobody is refused.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::libc::{sock_filter, sock_fprog};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::AttachReusePortCbpf;
use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::config::ConfigReceiver;

/// Connections that may wait to be accepted; the system may allow fewer (`net.core.somaxconn`).
const BACKLOG: i32 = 1024;
/// Classic BPF: return a constant, the position of a socket in its group.
const RETURN: u16 = 0x06;

/// A bound socket.
pub(crate) enum Door {
    /// Listening.
    Open(TcpListener),
    /// To be opened once there is something to serve: until then the predecessor gets every connection.
    Shared(Socket),
}

impl Door {
    /// Binds `address` for the listener `name`.
    pub(crate) async fn bind(name: &str, address: SocketAddr, shared: bool) -> io::Result<Self> {
        let bound = if shared {
            socket(address, Type::STREAM, Protocol::TCP, shared).map(Self::Shared)
        } else {
            TcpListener::bind(address).await.map(Self::Open)
        };
        bound.map_err(|error| named(name, address, &error))
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Open(listener) => listener.local_addr(),
            Self::Shared(socket) => {
                socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::Unsupported.into())
            }
        }
    }

    /// The listener, at once.
    pub(crate) fn open_now(self) -> io::Result<TcpListener> {
        match self {
            Self::Open(listener) => Ok(listener),
            Self::Shared(socket) => listening(socket),
        }
    }

    /// The listener, once a config is loaded.
    pub(crate) async fn open(self, mut config: ConfigReceiver) -> io::Result<TcpListener> {
        if matches!(self, Self::Shared(_)) {
            let _ = config.wait_for(|config| config.is_loaded()).await;
        }
        self.open_now()
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Open(listener) => listener.as_fd(),
            Self::Shared(socket) => socket.as_fd(),
        }
    }
}

fn listening(socket: Socket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// The two doors of DNS.
pub(crate) struct DnsDoors {
    /// Absent where the address is shared: of datagrams, a bound socket gets its part at once. Those that come
    /// before there is an answer are the predecessor's.
    udp: Option<UdpSocket>,
    tcp: Door,
}

impl DnsDoors {
    /// Binds what may be bound now: UDP on the port of TCP.
    pub(crate) async fn bind(address: SocketAddr, shared: bool) -> io::Result<Self> {
        let tcp = Door::bind("dns", address, shared).await?;
        let udp = if shared { None } else { Some(udp(tcp.address()?, shared)?) };
        Ok(Self { udp, tcp })
    }

    pub(crate) const fn tcp(&self) -> &Door {
        &self.tcp
    }

    /// Both sockets, once a config is loaded where they are shared. A socket for UDP that is bound only then is
    /// left to the `successor`, too.
    pub(crate) async fn open(
        self,
        config: ConfigReceiver,
        successor: &Successor,
    ) -> io::Result<(UdpSocket, TcpListener)> {
        let address = self.tcp.address()?;
        let tcp = self.tcp.open(config).await?;
        if let Some(udp) = self.udp {
            return Ok((udp, tcp));
        }
        let udp = udp(address, true)?;
        successor.shares(&udp)?;
        Ok((udp, tcp))
    }
}

fn udp(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let bound = socket(address, Type::DGRAM, Protocol::UDP, shared);
    let bound = bound.and_then(|socket| UdpSocket::from_std(socket.into()));
    bound.map_err(|error| named("dns", address, &error))
}

fn socket(address: SocketAddr, kind: Type, protocol: Protocol, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind.nonblocking(), Some(protocol))?;
    if kind == Type::STREAM {
        // Connections of an earlier process that linger do not stand in the way.
        socket.set_reuse_address(true)?;
    }
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn named(name: &str, address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("--{name} {address}: {error}"))
}

/// The connections that wait in a listener's queue, and then closes it.
pub(super) fn close(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let waiting = std::iter::from_fn(|| listener.accept().ok());
    waiting
        .filter_map(|(stream, client)| {
            stream.set_nonblocking(true).ok()?;
            Some((TcpStream::from_std(stream).ok()?, client))
        })
        .collect()
}

/// Whoever listens on the same addresses and came later.
#[derive(Clone)]
pub(crate) struct Successor {
    /// None once new connections were left to it.
    sockets: Arc<Mutex<Option<Vec<OwnedFd>>>>,
}

impl Default for Successor {
    fn default() -> Self {
        Self { sockets: Arc::new(Mutex::new(Some(Vec::new()))) }
    }
}

impl Successor {
    /// Has this socket's group in mind. After [`Self::give_way`] it keeps no copy of it: a copy would hold the
    /// place of a socket that is closed, and what is dealt there is lost.
    pub(crate) fn shares(&self, socket: &impl AsFd) -> io::Result<()> {
        if let Some(sockets) = self.sockets.lock().as_mut() {
            sockets.push(socket.as_fd().try_clone_to_owned()?);
        }
        Ok(())
    }

    /// New connections and datagrams go to the second socket of each group, if there is one: the first that
    /// came is the first to leave. What is no position in the group (there is no successor; or it is alone,
    /// when we have closed) is no rule either, and the kernel deals as before.
    pub(crate) fn give_way(&self) {
        for socket in self.sockets.lock().take().into_iter().flatten() {
            let mut second = [sock_filter { code: RETURN, jt: 0, jf: 0, k: 1 }];
            let program = sock_fprog { len: 1, filter: second.as_mut_ptr() };
            if let Err(error) = setsockopt(&socket, AttachReusePortCbpf, &program) {
                tracing::warn!(%error, "new connections cannot be left to the successor alone");
            }
        }
    }
}
