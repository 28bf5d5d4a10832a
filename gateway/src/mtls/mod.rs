//! Gateways know each other by certificate: both ends present one, and its URI name is who they are.
//!
//! No DNS name is involved: a peer is reached at an address, and proves the identity that its `GatewayPeer`
//! announces. Credentials are read afresh for every new connection, so a renewed Secret takes effect without
//! dropping the connections that live.

mod client;
mod connect;
mod error;
mod server;
mod tls;

pub use client::{PeerClient, SendFailure};
pub use error::PeerError;
pub use server::{AcceptError, SpillAcceptor};
pub use spillway_identity::{CallerIdentity, IdentityError};
pub use tls::{TlsError, own_identity};

pub(crate) use connect::tcp;
pub(crate) use tls::server_config;
