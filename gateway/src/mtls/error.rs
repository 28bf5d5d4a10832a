//! Why a peer could not be asked: told by who connects, and by who sends.

use std::net::SocketAddr;

use thiserror::Error;

/// Why a peer could not be asked.
#[derive(Clone, Debug, Error)]
pub enum PeerError {
    /// The hub has not delivered our certificate yet.
    #[error("no credentials yet: the identity Secret has not been delivered")]
    NoCredentials,
    /// Our own Secret is unusable.
    #[error("{0}")]
    Credentials(String),
    /// The peer's object names no spill address.
    #[error("the peer has no spill address")]
    NoAddress,
    /// TCP, TLS or HTTP/2 could not be set up.
    #[error("{address}: {reason}")]
    Connect {
        /// The last address tried.
        address: SocketAddr,
        /// What went wrong.
        reason: String,
    },
    /// The connection broke while the request was on its way.
    #[error("the connection broke: {0}")]
    Broken(String),
}
