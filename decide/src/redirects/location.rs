//! `Location` and `Content-Location`: the whole value is one URL reference.

use super::reference::{Authority, Host, Reference};
use super::{Context, Outcome, Scheme};

/// Rewrites a `Location` or `Content-Location` value.
#[must_use]
pub fn rewrite_location(value: &[u8], context: &Context<'_>) -> Outcome {
    match Reference::parse(value) {
        Reference::Absolute { scheme, authority, rest } => absolute(value, scheme, &authority, rest, context),
        Reference::AbsolutePath => match context.stripped_prefix {
            Some(prefix) => Outcome::Rewritten([prefix.as_bytes(), value].concat()),
            None => Outcome::Same,
        },
        Reference::Other => Outcome::Same,
        Reference::Invalid => Outcome::Invalid,
    }
}

fn absolute(
    value: &[u8],
    scheme: Option<Scheme>,
    authority: &Authority,
    rest: &[u8],
    context: &Context<'_>,
) -> Outcome {
    if !is_ours(scheme, authority, context) || would_downgrade(scheme, &authority.host, context) {
        return Outcome::Same;
    }
    let mut rewritten = Vec::with_capacity(value.len() + context.authority.len() + 8);
    if scheme.is_some() {
        rewritten.extend_from_slice(context.scheme.as_str().as_bytes());
        rewritten.push(b':');
    }
    rewritten.extend_from_slice(b"//");
    rewritten.extend_from_slice(context.authority.as_bytes());
    rewritten.extend_from_slice(context.stripped_prefix.unwrap_or_default().as_bytes());
    if rest.first() != Some(&b'/') {
        rewritten.push(b'/');
    }
    rewritten.extend_from_slice(rest);
    if rewritten == value { Outcome::Same } else { Outcome::Rewritten(rewritten) }
}

/// A reference without a scheme takes that of the page, which may be either by the time it is followed.
fn is_ours(scheme: Option<Scheme>, authority: &Authority, context: &Context<'_>) -> bool {
    match (authority.port, scheme) {
        (Some(port), _) => context.is_alias(&authority.host, port),
        (None, Some(scheme)) => context.is_alias(&authority.host, scheme.default_port()),
        (None, None) => [80, 443].iter().any(|port| context.is_alias(&authority.host, *port)),
    }
}

/// A backend that sends a client from http to https on the public host itself means it.
fn would_downgrade(scheme: Option<Scheme>, host: &Host, context: &Context<'_>) -> bool {
    scheme == Some(Scheme::Https)
        && context.scheme == Scheme::Http
        && host.as_str().eq_ignore_ascii_case(Host::name(context.public_host()).as_str())
}
