//! The server side: accepts TLS with a client certificate of the federation and says who called.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::ServerConfig;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::tls::{self, TlsError};
use crate::config::{ConfigReceiver, Credentials};
use spillway_identity::{CallerIdentity, IdentityError};

/// A caller that has not finished its handshake by then never will.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a connection was not accepted.
#[derive(Debug, Error)]
pub enum AcceptError {
    /// Our own Secret is missing.
    #[error("no credentials yet: the identity Secret has not been delivered")]
    NoCredentials,
    /// Our own Secret is unusable.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The handshake failed.
    #[error("handshake: {0}")]
    Handshake(#[from] std::io::Error),
    /// The handshake took too long.
    #[error("handshake: not finished within 5 s")]
    Slow,
    /// The caller's certificate names nobody.
    #[error(transparent)]
    Caller(#[from] IdentityError),
    /// The caller belongs to somebody else's federation.
    #[error("the caller {0} belongs to another federation")]
    Foreign(CallerIdentity),
}

/// Accepts connections of peers with the credentials of the latest config.
#[derive(Clone)]
pub struct SpillAcceptor {
    config: ConfigReceiver,
    current: Arc<Mutex<Option<Current>>>,
}

#[derive(Clone)]
struct Current {
    credentials: Arc<Credentials>,
    own: CallerIdentity,
    tls: Arc<ServerConfig>,
}

impl SpillAcceptor {
    /// An acceptor that follows `config`.
    #[must_use]
    pub fn new(config: ConfigReceiver) -> Self {
        Self { config, current: Arc::default() }
    }

    /// Runs the handshake on an accepted connection.
    pub async fn accept(
        &self,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, CallerIdentity), AcceptError> {
        let current = self.current()?;
        let handshake = TlsAcceptor::from(current.tls).accept(stream);
        let stream = timeout(HANDSHAKE_TIMEOUT, handshake).await.map_err(|_| AcceptError::Slow)??;
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let caller = CallerIdentity::from_certificate(certificate.ok_or(IdentityError::UriNames(0))?)?;
        if caller.federation == current.own.federation {
            Ok((stream, caller))
        } else {
            Err(AcceptError::Foreign(caller))
        }
    }

    /// Whether the caller is a member now. Its certificate outlives its membership, so that is asked of the
    /// latest config for every request. The hub is no member; it may ask for reports.
    #[must_use]
    pub fn is_member(&self, caller: &CallerIdentity) -> bool {
        let name = caller.to_string();
        !caller.hub && self.config.borrow().peers.iter().any(|peer| peer.identity == name)
    }

    /// The TLS configuration of the latest credentials, built once for each.
    fn current(&self) -> Result<Current, AcceptError> {
        let credentials = self.config.borrow().credentials.clone().ok_or(AcceptError::NoCredentials)?;
        let mut current = self.current.lock();
        if let Some(known) = current.as_ref().filter(|known| known.credentials == credentials) {
            return Ok(known.clone());
        }
        let fresh = Current {
            own: tls::own_identity(&credentials)?,
            tls: tls::server_config(&credentials)?,
            credentials,
        };
        *current = Some(fresh.clone());
        Ok(fresh)
    }
}
