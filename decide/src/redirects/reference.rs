//! Taking a URL reference apart without changing a byte of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::Scheme;

/// A host in the one form that comparing needs: lower case, no trailing dot, addresses canonical.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Host(String);

impl Host {
    /// A name as it stands in a URL or an object.
    #[must_use]
    pub fn name(name: &str) -> Self {
        Self(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase())
    }

    /// Its canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self(address.to_string()),
            IpAddr::V6(address) => Self(format!("[{address}]")),
        }
    }
}

/// `userinfo@host:port`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The host.
    pub host: Host,
    /// The port, if digits follow the colon.
    pub port: Option<u16>,
    /// Whether there is a userinfo part.
    pub userinfo: bool,
}

impl Authority {
    /// Parses strictly: none where RFC 3986 and browsers would not both see the same host.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.bytes().all(is_authority_byte))?;
        let (userinfo, text) = match text.rsplit_once('@') {
            Some((_, text)) => (true, text),
            None => (false, text),
        };
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']')?;
            (Host::from(IpAddr::V6(address.parse::<Ipv6Addr>().ok()?)), port)
        } else {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (Host::name(name), port)
        };
        let port = Port::parse(port)?;
        is_plain(&host).then_some(Self { host, port: port.number(), userinfo })
    }
}

/// Whether every parser takes the host for what it says: no escapes, which some decode, and no number in the place
/// of the last label, which some read as an address (`127.1`, `0x7f000001`), unless it is one.
fn is_plain(host: &Host) -> bool {
    let name = host.as_str();
    if name.starts_with('[') {
        return true;
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = match last.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => last.bytes().all(|byte| byte.is_ascii_digit()),
    };
    let escaped = name.bytes().any(|byte| matches!(byte, b'%' | b'[' | b']'));
    !escaped && !last.is_empty() && (!is_number || name.parse::<Ipv4Addr>().is_ok())
}

/// What may follow a host.
enum Port {
    /// Nothing, or a colon and nothing.
    Default,
    /// A colon and digits.
    Number(u16),
}

impl Port {
    fn parse(text: &str) -> Option<Self> {
        let digits = match text.strip_prefix(':') {
            Some(digits) => digits,
            None if text.is_empty() => return Some(Self::Default),
            None => return None,
        };
        if digits.is_empty() {
            return Some(Self::Default);
        }
        let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        if only_digits { digits.parse().ok().map(Self::Number) } else { None }
    }

    const fn number(self) -> Option<u16> {
        match self {
            Self::Default => None,
            Self::Number(number) => Some(number),
        }
    }
}

/// Unreserved, sub-delims, percent, and the delimiters of an authority; no backslash, space or control.
const fn is_authority_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&')
        || matches!(byte, b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' | b'[' | b']')
}

/// A reference, as far as rewriting cares.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reference<'a> {
    /// It names an authority over HTTP; `rest` begins at the path, query or fragment.
    Absolute { scheme: Option<Scheme>, authority: Authority, rest: &'a [u8] },
    /// It begins with a single slash.
    AbsolutePath,
    /// It stays wherever the client is, or belongs to another scheme.
    Other,
    /// Parsers would disagree about it.
    Invalid,
}

impl<'a> Reference<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Self {
        if is_trimmed(value) {
            return Self::Invalid;
        }
        let (scheme, rest) = match split_scheme(value) {
            Some((name, rest)) if name.eq_ignore_ascii_case(b"http") => (Some(Scheme::Http), rest),
            Some((name, rest)) if name.eq_ignore_ascii_case(b"https") => (Some(Scheme::Https), rest),
            Some(_) => return Self::Other,
            None => (None, value),
        };
        let Some(rest) = rest.strip_prefix(b"//") else {
            return match rest {
                // Browsers go on to a host after `http:` without slashes, and take `\` for `/`.
                _ if scheme.is_some() => Self::Invalid,
                [b'\\', ..] | [b'/', b'\\', ..] => Self::Invalid,
                [b'/', ..] => Self::AbsolutePath,
                _ => Self::Other,
            };
        };
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        match Authority::parse(authority) {
            Some(authority) => Self::Absolute { scheme, authority, rest },
            None => Self::Invalid,
        }
    }
}

/// Whether browsers would drop bytes before they read it: blanks at the beginning, tabs and line ends anywhere.
fn is_trimmed(value: &[u8]) -> bool {
    value.first().is_some_and(|byte| *byte <= b' ')
        || value.iter().any(|byte| matches!(byte, b'\t' | b'\r' | b'\n'))
}

/// The scheme and what follows its colon.
fn split_scheme(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = value.iter().position(|byte| matches!(byte, b':' | b'/' | b'?' | b'#'))?;
    let (name, rest) = value.split_at(colon);
    let rest = rest.strip_prefix(b":")?;
    let letters = name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    (letters && name.first().is_some_and(u8::is_ascii_alphabetic)).then_some((name, rest))
}
