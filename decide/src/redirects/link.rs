//! `Link: <http://…>; rel=next`: only for routes that ask for it, since links are data more often than
//! directions.

use super::{Context, Outcome, rewrite_location};

/// Rewrites every target of a `Link` value.
#[must_use]
pub fn rewrite_link(value: &[u8], context: &Context<'_>) -> Outcome {
    let mut rewritten = Vec::with_capacity(value.len());
    let (mut rest, mut changed, mut quoted) = (value, false, false);
    while let Some((&byte, tail)) = rest.split_first() {
        rewritten.push(byte);
        rest = tail;
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => {
                if let Some((&escaped, tail)) = rest.split_first() {
                    rewritten.push(escaped);
                    rest = tail;
                }
            }
            b'<' if !quoted => {
                let end = rest.iter().position(|byte| *byte == b'>').unwrap_or(rest.len());
                let outcome = rewrite_location(&rest[..end], context);
                changed |= matches!(outcome, Outcome::Rewritten(_));
                rewritten.extend_from_slice(&outcome.apply(&rest[..end]));
                rest = &rest[end..];
            }
            _ => {}
        }
    }
    if changed { Outcome::Rewritten(rewritten) } else { Outcome::Same }
}
