//! Certificates for hosts, and clients that trust who issued them.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair as Key};
use region_gateway::config::{Certificates, Config, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::client::{Answer, collect};

/// An authority that clients trust.
pub struct Issuer {
    issuer: rcgen::Issuer<'static, Key>,
    root: CertificateDer<'static>,
}

impl Issuer {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = Key::generate().unwrap();
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: rcgen::Issuer::new(params, key), root }
    }

    /// A certificate for these names.
    pub fn issue(&self, names: &[&str]) -> KeyPair {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = Key::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        KeyPair { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }

    /// A certificate for each of these hosts, named as it is.
    pub fn certificates(&self, hosts: &[&str]) -> Certificates {
        let named = |host: &&str| ((*host).to_owned(), (*host).to_owned());
        Certificates {
            pairs: hosts.iter().map(|host| ((*host).to_owned(), Arc::new(self.issue(&[host])))).collect(),
            hosts: hosts.iter().map(named).collect::<BTreeMap<_, _>>(),
            default: None,
        }
    }

    pub fn certified(&self, config: Config, hosts: &[&str]) -> Config {
        Config { certificates: self.certificates(hosts), ..config }
    }

    /// A connection to the door at `address` of `host`.
    pub async fn connect(
        &self,
        address: SocketAddr,
        host: &str,
        protocols: &[&str],
    ) -> io::Result<TlsStream<TcpStream>> {
        self.connect_by(rustls::ALL_VERSIONS, address, host, protocols).await
    }

    pub async fn connect_by(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        address: SocketAddr,
        host: &str,
        protocols: &[&str],
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// Sends one request, by HTTP/2 or HTTP/1.1, and reads the whole answer.
    pub async fn ask(&self, address: SocketAddr, host: &str, path: &str, http2: bool) -> io::Result<Answer> {
        let protocol = if http2 { "h2" } else { "http/1.1" };
        let stream = self.connect(address, host, &[protocol]).await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        let stream = TokioIo::new(stream);
        let request = Request::builder();
        Ok(if http2 {
            let request =
                request.uri(format!("https://{host}{path}")).body(Full::<Bytes>::default()).unwrap();
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            tokio::spawn(connection);
            collect(sender.send_request(request).await.map_err(io::Error::other)?).await
        } else {
            let request = request.uri(path).header("host", host).body(Full::<Bytes>::default()).unwrap();
            let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            collect(sender.send_request(request).await.map_err(io::Error::other)?).await
        })
    }
}
