//! Keeps redirects on the host that the client asked.
//!
//! A backend that names itself in a redirect (`http://portal.sz.example:8080/login`) would pin the client to
//! its region: no DNS answer could bring it back. So every response header that carries a URL of one of the
//! route's own [`AliasSet`] gets the public scheme and authority instead, and nothing else of it changes: the
//! path, query and fragment stay byte for byte, and what is not an alias stays wholly.
//!
//! No URL library parses here, on purpose: they normalise (`%2e%2e`, `//`, default ports), and what browsers
//! and libraries disagree about must be left alone rather than guessed.

mod aliases;
mod cookie;
mod link;
mod location;
mod reference;
mod refresh;

use std::borrow::Cow;

pub use aliases::{AliasError, AliasSet};
pub use cookie::rewrite_set_cookie;
pub use link::rewrite_link;
pub use location::rewrite_location;
pub use reference::{Authority, Host};
pub use refresh::rewrite_refresh;

/// What the client asked, and which names are ours.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The scheme of the request as the client made it.
    pub scheme: Scheme,
    /// Its authority, byte for byte: host, and port if one was given.
    pub authority: &'a str,
    /// The alias sets of the route: what people wrote, and what the backend is known by.
    pub aliases: &'a [&'a AliasSet],
    /// A prefix that was taken off the path before the backend saw it.
    pub stripped_prefix: Option<&'a str>,
}

/// The schemes that a redirect is rewritten for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// As in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port of a URL that names none.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// What becomes of a header value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stays as it is.
    Same,
    /// It is replaced by these bytes.
    Rewritten(Vec<u8>),
    /// It stays as it is, because it is no URL that all parsers agree about.
    Invalid,
}

impl Outcome {
    /// The value to send on.
    #[must_use]
    pub fn apply(self, value: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Same | Self::Invalid => Cow::Borrowed(value),
            Self::Rewritten(bytes) => Cow::Owned(bytes),
        }
    }
}

impl Context<'_> {
    fn is_alias(&self, host: &Host, port: u16) -> bool {
        self.aliases.iter().any(|aliases| aliases.contains(host, port))
    }

    fn is_alias_host(&self, host: &Host) -> bool {
        self.aliases.iter().any(|aliases| aliases.contains_host(host))
    }

    /// The public host without its port.
    fn public_host(&self) -> &str {
        let end = match self.authority.rfind(':') {
            Some(colon) if !self.authority[colon..].contains(']') => colon,
            _ => self.authority.len(),
        };
        &self.authority[..end]
    }
}

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;
