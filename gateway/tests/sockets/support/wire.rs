//! Bytes on a connection, and what comes back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

const PATIENCE: Duration = Duration::from_secs(10);

/// Something that carries bytes.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A client that knows nothing of HTTP.
pub struct Wire {
    stream: Box<dyn Stream>,
    seen: Vec<u8>,
}

impl Wire {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    pub fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), seen: Vec::new() }
    }

    /// Sends; a gateway that has already closed is no fault of the client's.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// Reads until `enough` or the end; tells whether it ended.
    async fn read_until(&mut self, enough: impl Fn(&str) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if enough(&self.text()) {
                return false;
            }
            let mut piece = [0; 4096];
            match timeout_at(deadline, self.stream.read(&mut piece)).await {
                Ok(Ok(0) | Err(_)) => return true,
                Ok(Ok(read)) => self.seen.extend_from_slice(&piece[..read]),
                Err(late) => panic!("{late} after {PATIENCE:?}; seen: {}", self.text()),
            }
        }
    }

    /// The statuses of the first `count` answers, or of fewer if the connection ends before.
    pub async fn statuses(&mut self, count: usize) -> Vec<u16> {
        self.read_until(|text| statuses(text).len() >= count && text.contains("\r\n\r\n")).await;
        statuses(&self.text())
    }

    /// Everything until the other side closes.
    pub async fn rest(&mut self) -> String {
        assert!(self.read_until(|_| false).await);
        self.text()
    }

    /// Everything until this text has come.
    pub async fn until(&mut self, expected: &str) -> String {
        let ended = self.read_until(|text| text.contains(expected)).await;
        assert!(!ended, "{expected:?} has not come: {}", self.text());
        self.text()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }
}

fn statuses(text: &str) -> Vec<u16> {
    let lines = text.split("HTTP/1.").skip(1);
    lines.filter_map(|line| line.get(2..5)?.parse().ok()).collect()
}
