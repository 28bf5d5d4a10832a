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

/// Where the URL begins and ends, as browsers find it (HTML, "shared declarative refresh steps"): after the seconds
/// and a separator, which may be a blank alone, an optional `url=`, within optional quotes.
fn url_span(value: &[u8]) -> Option<(usize, usize)> {
    let seconds = skip(value, skip_spaces(value, 0), |byte| byte.is_ascii_digit() || byte == b'.');
    let mut start = skip_spaces(value, seconds);
    match value.get(start)? {
        b';' | b',' => start = skip_spaces(value, start + 1),
        _ if start > seconds => {}
        _ => return None,
    }
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
        // Line ends, which no field has, are no blanks before the URL but are after it.
        _ => Some((start, value.trim_ascii_end().len().max(start))),
    }
}

fn skip_spaces(value: &[u8], from: usize) -> usize {
    skip(value, from, |byte| matches!(byte, b' ' | b'\t'))
}

fn skip(value: &[u8], from: usize, these: impl Fn(u8) -> bool) -> usize {
    let rest = value.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| these(**byte)).count()
}
