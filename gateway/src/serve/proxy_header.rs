//! The PROXY protocol, versions 1 and 2: who the client of a load balancer is.

use std::io;
use std::net::{IpAddr, SocketAddr};

use ppp::{HeaderResult, PartialResult, v1, v2};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::PEEK_AGAIN;

/// Addresses, and extensions that we do not read. Balancers send up to some hundred bytes.
const MAX: usize = 4096;
/// The longest line of version 1, by its specification.
const MAX_LINE: usize = 107;
/// How lines of version 1 begin.
const LINES: [&[u8]; 4] = [b"PROXY TCP4 ", b"PROXY TCP6 ", b"PROXY UNKNOWN\r", b"PROXY UNKNOWN "];

/// What the first bytes of a connection are.
#[derive(Debug, PartialEq, Eq)]
enum Judged {
    /// More bytes have to come.
    More,
    /// A header of this length. No client: the balancer speaks for itself (a health check), or does not know.
    Header { length: usize, client: Option<SocketAddr> },
    /// No header.
    Bad,
}

/// Takes the header off the stream.
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut bytes = vec![0; MAX];
    loop {
        let count = stream.peek(&mut bytes).await?;
        match judge(bytes.get(..count).unwrap_or_default()) {
            Judged::More => sleep(PEEK_AGAIN).await,
            Judged::Header { length, client } => {
                let mut header = vec![0; length];
                stream.read_exact(&mut header).await?;
                return Ok(client);
            }
            Judged::Bad => return Err(io::Error::new(io::ErrorKind::InvalidData, "no PROXY header")),
        }
    }
}

fn judge(seen: &[u8]) -> Judged {
    if seen.starts_with(v1::PROTOCOL_PREFIX.as_bytes()) { judge_line(seen) } else { judge_v2(seen) }
}

/// Version 1 is a line, and ends where that ends: the parser would look for a later line end behind a bare LF.
fn judge_line(seen: &[u8]) -> Judged {
    let Some(end) = seen.iter().take(MAX_LINE).position(|byte| *byte == b'\n') else {
        let agrees = |begin: &&[u8]| begin.starts_with(seen) || seen.starts_with(begin);
        return if seen.len() < MAX_LINE && LINES.iter().any(agrees) { Judged::More } else { Judged::Bad };
    };
    let Some(line) = seen[..=end].strip_suffix(b"\r\n") else { return Judged::Bad };
    // What follows is to be ignored, whatever it is; the parser takes so many words only.
    let client = if line == b"PROXY UNKNOWN" || line.starts_with(b"PROXY UNKNOWN ") {
        None
    } else {
        match v1::Header::try_from(&seen[..=end]) {
            Ok(header) => client_v1(&header),
            Err(_) => return Judged::Bad,
        }
    };
    Judged::Header { length: end + 1, client }
}

fn judge_v2(seen: &[u8]) -> Judged {
    let parsed = HeaderResult::parse(seen);
    if parsed.is_incomplete() && (1..MAX).contains(&seen.len()) && may_become_one(seen) {
        return Judged::More;
    }
    match parsed {
        HeaderResult::V2(Ok(header)) => Judged::Header { length: header.len(), client: client_v2(&header) },
        _ => Judged::Bad,
    }
}

/// Both versions begin with bytes that no HTTP request begins with.
fn may_become_one(seen: &[u8]) -> bool {
    let agrees = |prefix: &[u8]| prefix.starts_with(seen) || seen.starts_with(prefix);
    agrees(v1::PROTOCOL_PREFIX.as_bytes()) || agrees(v2::PROTOCOL_PREFIX)
}

fn client_v1(header: &v1::Header<'_>) -> Option<SocketAddr> {
    match header.addresses {
        v1::Addresses::Tcp4(tcp) => Some(address(tcp.source_address, tcp.source_port)),
        v1::Addresses::Tcp6(tcp) => Some(address(tcp.source_address, tcp.source_port)),
        v1::Addresses::Unknown => None,
    }
}

fn client_v2(header: &v2::Header<'_>) -> Option<SocketAddr> {
    if header.command == v2::Command::Local {
        return None;
    }
    match header.addresses {
        v2::Addresses::IPv4(tcp) => Some(address(tcp.source_address, tcp.source_port)),
        v2::Addresses::IPv6(tcp) => Some(address(tcp.source_address, tcp.source_port)),
        v2::Addresses::Unix(_) | v2::Addresses::Unspecified => None,
    }
}

fn address(ip: impl Into<IpAddr>, port: u16) -> SocketAddr {
    SocketAddr::new(ip.into().to_canonical(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_one_line_that_ends_as_lines_do() {
        let header = |length| Judged::Header { length, client: None };
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(91));
        for (seen, judged) in [
            ("PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n", header(15)),
            ("PROXY UNKNOWN a b c d e f g\r\n", header(29)),
            ("PROXY UNKNOWN UNK \nGET / HTTP/1.1\r\n", Judged::Bad),
            ("PROXY UNKNOWNS\r\n", Judged::Bad),
            ("PROXY TCP4 192.0.2.1\r\n", Judged::Bad),
            ("PROXY TCP4 192.0.2.1", Judged::More),
            (&long, header(107)),
            (&long.replacen('x', "xx", 1), Judged::Bad),
            (&long[..106], Judged::More),
            (&long.replace("\r\n", "xx"), Judged::Bad),
            ("PROXY FOO", Judged::Bad),
            ("PROXYfoo", Judged::Bad),
            ("GET / HTTP/1.1\r\n", Judged::Bad),
            ("PRO", Judged::More),
        ] {
            assert_eq!(judge(seen.as_bytes()), judged, "{seen:?}");
        }
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz {
    use super::{Judged, judge};

    /// A header is within what was seen, and what follows it does not change it.
    pub(crate) fn stays(bytes: &[u8]) {
        let judged = judge(bytes);
        if let Judged::Header { length, .. } = judged {
            assert!(length <= bytes.len(), "{length} of {bytes:?}");
            assert_eq!(judge(&[bytes, b"GET / HTTP/1.1\r\n"].concat()), judged, "{bytes:?}");
            assert_eq!(judge(&bytes[..length]), judged, "{bytes:?}");
        }
    }
}
