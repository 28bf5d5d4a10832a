//! The backend: answers by the last segment of the path, and costs as little as it can.
//!
//! A server of a library would cost as much as the proxies that are measured, on the core that drives them. This one
//! reads a head without looking at its fields, which is enough for what proxies send to it: GET without a body, one at
//! a time on a connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;

use anyhow::Context;
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::case::INTERNAL;

const HEAD: usize = 16 << 10;
const FIELDS: &str = "server: backend\r\ndate: Mon, 23 Nov 2026 11:00:00 GMT\r\ncontent-type: text/plain\r\n\
                      cache-control: no-store\r\nx-request-id: 4fd1c5a4e3b0\r\n";

/// Answers, made once.
struct Answers {
    small: Vec<u8>,
    large: Vec<u8>,
    redirect: Vec<u8>,
    unknown: Vec<u8>,
}

/// Starts the backend on a thread of its own, for as long as this process lives.
pub(crate) fn start() -> anyhow::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let serve = move || {
        if let Err(error) = runtime.block_on(accept(listener, Answers::new(address.port()))) {
            eprintln!("the backend has ended: {error}");
        }
    };
    thread::Builder::new().name("backend".to_owned()).spawn(serve).context("the backend's thread")?;
    Ok(address)
}

async fn accept(listener: std::net::TcpListener, answers: Answers) -> std::io::Result<()> {
    let (listener, answers) = (TcpListener::from_std(listener)?, Arc::new(answers));
    loop {
        let (stream, _) = listener.accept().await?;
        // A connection that breaks is the proxy's affair, and shows in the figures of the load.
        tokio::spawn(converse(stream, Arc::clone(&answers)));
    }
}

async fn converse(mut stream: TcpStream, answers: Arc<Answers>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; HEAD];
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        let Some(end) = memmem::find(&buffer[..filled], b"\r\n\r\n") else { continue };
        stream.write_all(answers.to(&buffer[..end])).await?;
        buffer.copy_within(end + 4..filled, 0);
        filled -= end + 4;
    }
}

impl Answers {
    fn new(port: u16) -> Self {
        let whole = |status: &str, more: &str, length: usize| {
            let head = format!("HTTP/1.1 {status}\r\n{FIELDS}{more}content-length: {length}\r\n\r\n");
            [head.into_bytes(), vec![b'x'; length]].concat()
        };
        Self {
            small: whole("200 OK", "", 1 << 10),
            large: whole("200 OK", "", 64 << 10),
            redirect: whole("302 Found", &format!("location: http://{INTERNAL}:{port}/next?a=b\r\n"), 0),
            unknown: whole("404 Not Found", "", 0),
        }
    }

    /// By the request line's path.
    fn to(&self, head: &[u8]) -> &[u8] {
        let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        match path.rsplit(|byte| *byte == b'/').next() {
            Some(b"1k") => &self.small,
            Some(b"64k") => &self.large,
            Some(b"redirect") => &self.redirect,
            _ => &self.unknown,
        }
    }
}
