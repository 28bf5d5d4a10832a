//! `Refresh: 5; url='http://…'`: a redirect that browsers obey though no RFC defines it.

use super::{Context, Outcome, rewrite_location};

/// Rewrites the URL of a `Refresh` value and keeps everything around it.
#[must_use]
pub fn rewrite_refresh(value: &[u8], context: &Context<'_>) -> Outcome {
    let Some((start, end)) = url_span(value) else { return Outcome::Same };
    match rewrite_location(&value[start..end], context) {
        Outcome::Rewritten(url) => Outcome::Rewritten([&value[..start], &url, &value[end..]].concat()),
        outcome => outcome,
    }
}

/// Where the URL begins and ends: after the seconds, an optional `url=`, within optional quotes.
fn url_span(value: &[u8]) -> Option<(usize, usize)> {
    let separator = value.iter().position(|byte| matches!(byte, b';' | b','))?;
    let mut start = skip_spaces(value, separator + 1);
    if value.get(start..start + 3).is_some_and(|word| word.eq_ignore_ascii_case(b"url")) {
        let equals = skip_spaces(value, start + 3);
        if value.get(equals) == Some(&b'=') {
            start = skip_spaces(value, equals + 1);
        }
    }
    match value.get(start)? {
        quote @ (b'\'' | b'"') => {
            let start = start + 1;
            let length = value[start..].iter().position(|byte| byte == quote);
            Some((start, length.map_or(value.len(), |length| start + length)))
        }
        _ => Some((start, value.trim_ascii_end().len())),
    }
}

fn skip_spaces(value: &[u8], from: usize) -> usize {
    let rest = value.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}
