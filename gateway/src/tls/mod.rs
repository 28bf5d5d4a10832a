//! TLS at the front door: each host its certificate, exchanged while connections live.
//!
//! The listener's TLS configuration is made once; only the table in which a handshake finds its certificate is
//! exchanged, so that nothing that is open notices.

mod certificate;
mod metrics;
mod table;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use certificate::CertificateError;
pub(crate) use certificate::certify;
pub(crate) use table::{Shown, shown};

use crate::config::ConfigReceiver;
use crate::turn::Turned;
use table::Table;

/// A client that has not finished its handshake by then is let go.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// The front door's TLS; clones share everything.
#[derive(Clone)]
pub(crate) struct FrontTls {
    acceptor: TlsAcceptor,
    keys: Arc<Keys>,
}

/// Where a handshake finds its certificate.
#[derive(Debug, Default)]
struct Keys {
    table: ArcSwap<Table>,
    /// Handshakes that did not come about.
    failed: Counter,
    /// Of these, those for which there was no certificate.
    unknown: Counter,
}

impl ResolvesServerCert for Keys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let found = self.table.load().lookup(hello.server_name());
        if found.is_none() {
            self.unknown.inc();
        }
        found
    }
}

impl FrontTls {
    /// TLS 1.2 and 1.3, HTTP/2 before HTTP/1.1, with the certificates of the present config.
    pub(crate) fn new(config: &ConfigReceiver) -> Result<Self, rustls::Error> {
        let keys = Arc::new(Keys::default());
        let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&keys) as _);
        server.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
        // Clients that come back need no second signature; the tickets' keys change by themselves.
        server.ticketer = ring::Ticketer::new()?;
        let tls = Self { acceptor: TlsAcceptor::from(Arc::new(server)), keys };
        tls.take(config);
        Ok(tls)
    }

    /// Adds its figures to a registry.
    pub(crate) fn register(&self, registry: &mut Registry) {
        metrics::register(&self.keys, registry);
    }

    /// Runs the handshake; tells whether HTTP/2 was agreed on.
    pub(crate) async fn accept(&self, stream: Turned) -> io::Result<(TlsStream<Turned>, bool)> {
        let accepted = match timeout(HANDSHAKE_TIMEOUT, self.acceptor.accept(stream)).await {
            Ok(accepted) => accepted,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        let stream = accepted.inspect_err(|_| {
            self.keys.failed.inc();
        })?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
        Ok((stream, http2))
    }

    /// Takes up the certificates of every config, until the config's writer is gone.
    pub(crate) async fn follow(self, mut config: ConfigReceiver) {
        while config.changed().await.is_ok() {
            config.mark_unchanged();
            self.take(&config);
        }
    }

    fn take(&self, config: &ConfigReceiver) {
        let certificates = config.borrow().certificates.clone();
        let present = self.keys.table.load_full();
        if !present.is_of(&certificates) {
            self.keys.table.store(Arc::new(Table::new(certificates, &present)));
        }
    }
}
