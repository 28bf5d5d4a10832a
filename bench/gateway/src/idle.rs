//! Connections that have asked once and are silent since.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use memchr::memmem;

use crate::case::HOST;

const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// Opens so many; they stay as long as they are held.
pub(crate) fn connect(port: u16, count: usize) -> anyhow::Result<Vec<TcpStream>> {
    let deadline = Instant::now() + PATIENCE;
    // A proxy may listen before it knows its routes.
    while let Err(error) = asked(port) {
        ensure!(Instant::now() < deadline, error);
        thread::sleep(PAUSE);
    }
    (0..count).map(|number| asked(port).with_context(|| format!("connection {number} of {count}"))).collect()
}

fn asked(port: u16) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET /p00/1k HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes())?;
    let (mut answer, mut buffer) = (vec![], [0; 4096]);
    while !is_whole(&answer) {
        let count = stream.read(&mut buffer)?;
        ensure!(count > 0, "closed by the proxy: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&buffer[..count]);
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "not served: {}", String::from_utf8_lossy(&answer));
    }
    Ok(stream)
}

/// The body is 1 KB of one letter, which no proxy here sends in chunks: its length is known.
fn is_whole(answer: &[u8]) -> bool {
    memmem::find(answer, b"\r\n\r\n").is_some_and(|end| answer.len() >= end + 4 + (1 << 10))
}
