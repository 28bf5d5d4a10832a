//! `Set-Cookie: …; Domain=…`: a cookie for an internal name would be refused by the client's browser.

use super::reference::Host;
use super::{Context, Outcome};

/// Rewrites the `Domain` attribute where it is one of ours; a parent domain is the backend's own business.
#[must_use]
pub fn rewrite_set_cookie(value: &[u8], context: &Context<'_>) -> Outcome {
    // A `__Host-` cookie must not have a Domain: leave it for the browser to refuse.
    if value.trim_ascii_start().to_ascii_lowercase().starts_with(b"__host-") {
        return Outcome::Same;
    }
    let mut changed = false;
    let parts: Vec<Vec<u8>> = value
        .split(|byte| *byte == b';')
        .enumerate()
        .map(|(position, part)| match rewrite_attribute(part, context).filter(|_| position > 0) {
            Some(part) => {
                changed = true;
                part
            }
            None => part.to_vec(),
        })
        .collect();
    if changed { Outcome::Rewritten(parts.join(&b';')) } else { Outcome::Same }
}

/// The new text of a `Domain` attribute that names an alias, with the spaces it came with.
fn rewrite_attribute(part: &[u8], context: &Context<'_>) -> Option<Vec<u8>> {
    let equals = part.iter().position(|byte| *byte == b'=')?;
    if !part[..equals].trim_ascii().eq_ignore_ascii_case(b"domain") {
        return None;
    }
    let domain = std::str::from_utf8(part[equals + 1..].trim_ascii()).ok()?;
    let host = Host::name(domain.strip_prefix('.').unwrap_or(domain));
    let public = context.public_host();
    let differs = !host.as_str().eq_ignore_ascii_case(public);
    (differs && context.is_alias_host(&host)).then(|| [&part[..=equals], public.as_bytes()].concat())
}
