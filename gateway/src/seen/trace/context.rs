//! The W3C trace context of a request: `traceparent`, version 00.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

use crate::seen::Percent;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// `00-<32 hex>-<16 hex>-<2 hex>`
const LENGTH: usize = 55;
const SAMPLED: u8 = 1;
const HEX: [u8; 16] = *b"0123456789abcdef";

/// The name of a trace; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::seen) struct TraceId(pub(super) u128);

/// The name of a span; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::seen) struct SpanId(pub(super) u64);

/// Where a request stands in its trace.
#[derive(Clone, Debug)]
pub(in crate::seen) struct Context {
    pub(in crate::seen) trace: TraceId,
    /// Our own span; the caller's where we record none.
    pub(in crate::seen) span: SpanId,
    pub(super) parent: Option<SpanId>,
    /// Whether our span is recorded.
    pub(in crate::seen) sampled: bool,
    /// What the caller said, word for word, for the span.
    pub(super) state: Option<HeaderValue>,
    /// Whether the next hop hears something else than we did.
    ours: bool,
}

impl Context {
    /// Reads the caller's context. `begins` is the share of new traces that are recorded; none: we record
    /// nothing, and what the caller says is passed on as it is.
    pub(in crate::seen) fn of(headers: &mut HeaderMap, begins: Option<Percent>) -> Self {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let said =
            values.next().filter(|_| values.next().is_none()).and_then(|value| parse(value.as_bytes()));
        let Some((trace, parent, flags)) = said else {
            // Whose trace it would continue, nobody knows.
            headers.remove(TRACESTATE);
            return Self::begin(begins);
        };
        let sampled = begins.is_some() && flags & SAMPLED == SAMPLED;
        let state = headers.get(TRACESTATE).filter(|_| sampled).cloned();
        match begins {
            None => Self { trace, span: parent, parent: None, sampled, state, ours: false },
            Some(_) => Self { trace, span: SpanId::new(), parent: Some(parent), sampled, state, ours: true },
        }
    }

    fn begin(begins: Option<Percent>) -> Self {
        let trace = TraceId(rand::random::<u128>().max(1));
        let sampled = begins.is_some_and(|percent| percent.takes(trace.low()));
        Self { trace, span: SpanId::new(), parent: None, sampled, state: None, ours: true }
    }

    /// Tells the next hop. A trace that others record goes on being recorded by them.
    pub(in crate::seen) fn tell(&self, headers: &mut HeaderMap) {
        if !self.ours {
            return;
        }
        let mut text = [b'-'; LENGTH];
        text[..2].copy_from_slice(b"00");
        text[3..35].copy_from_slice(&self.trace.digits());
        text[36..52].copy_from_slice(&self.span.digits());
        text[53..].copy_from_slice(&digits::<2>(self.sampled.into()));
        if let Ok(value) = HeaderValue::from_bytes(&text) {
            headers.insert(TRACEPARENT, value);
        }
    }

    /// The same number at every hop, evenly spread where the trace began with a random name.
    pub(in crate::seen) const fn random(&self) -> u64 {
        self.trace.low()
    }
}

/// Strictly, as the recommendation wants it: lower case, no zeros; later versions may say more at the end.
fn parse(value: &[u8]) -> Option<(TraceId, SpanId, u8)> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.is_ascii() && text.len() >= LENGTH)?;
    let (known, rest) = text.split_at(LENGTH);
    let mut parts = known.split('-');
    let version = hex(parts.next()?, 2)?;
    let (trace, span) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?);
    let flags = hex(parts.next()?, 2)?;
    let ends_well = match version {
        0 => rest.is_empty(),
        0xff => false,
        _ => rest.is_empty() || rest.starts_with('-'),
    };
    let good = ends_well && parts.next().is_none() && trace != 0 && span != 0;
    good.then_some((TraceId(trace), SpanId(u64::try_from(span).ok()?), u8::try_from(flags).ok()?))
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_hex = text.len() == digits && text.bytes().all(lower);
    if is_hex { u128::from_str_radix(text, 16).ok() } else { None }
}

impl TraceId {
    fn digits(self) -> [u8; 32] {
        digits(self.0)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
    const fn low(self) -> u64 {
        self.0 as u64
    }
}

impl SpanId {
    fn digits(self) -> [u8; 16] {
        digits(self.0.into())
    }

    fn new() -> Self {
        Self(rand::random::<u64>().max(1))
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text(&self.digits()))
    }
}

impl Serialize for SpanId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text(&self.digits()))
    }
}

/// The last so many hexadecimal digits. Formatting would take longer than all else that is done about a trace, and it
/// is done for every request.
fn digits<const N: usize>(number: u128) -> [u8; N] {
    std::array::from_fn(|place| HEX[((number >> (4 * (N - 1 - place))) & 0xf) as usize])
}

fn text(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(parents: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for parent in parents {
            headers.append(TRACEPARENT, HeaderValue::from_str(parent).unwrap());
        }
        headers.insert(TRACESTATE, HeaderValue::from_static("a=1"));
        headers
    }

    fn all() -> Option<Percent> {
        "100".parse().ok()
    }

    #[test]
    fn a_caller_is_believed_about_the_trace_and_whether_it_is_recorded() {
        for (flags, sampled) in [("01", true), ("00", false), ("03", true)] {
            let mut headers = headers(&[&format!("{}{flags}", &GOOD[..53])]);
            let context = Context::of(&mut headers, all());
            context.tell(&mut headers);
            assert_eq!(context.sampled, sampled);
            assert_eq!(context.parent, Some(SpanId(0xb7ad_6b71_6920_3331)));
            let told = headers[TRACEPARENT].to_str().unwrap();
            assert_eq!(told[..36], GOOD[..36], "the same trace");
            assert_ne!(told[36..52], GOOD[36..52], "our span");
            assert_eq!(told[52..], format!("-0{}", u8::from(sampled)));
            assert_eq!(headers[TRACESTATE], "a=1");
        }
    }

    #[test]
    fn names_are_written_with_all_their_digits() {
        let context = Context {
            trace: TraceId(0xaf7_6519_16cd_43dd_8448_eb21_1c80_319c),
            span: SpanId(0x7ad_6b71_6920_3331),
            parent: None,
            sampled: true,
            state: None,
            ours: true,
        };
        let mut headers = HeaderMap::new();
        context.tell(&mut headers);
        let told = "00-0af7651916cd43dd8448eb211c80319c-07ad6b7169203331-01";
        assert_eq!(headers[TRACEPARENT], told);
        let names = serde_json::to_value((context.trace, context.span)).unwrap();
        assert_eq!(names, serde_json::json!([&told[3..35], &told[36..52]]));
    }

    #[test]
    fn who_records_nothing_passes_on_what_it_got() {
        let mut headers = headers(&[GOOD]);
        let context = Context::of(&mut headers, None);
        context.tell(&mut headers);
        assert_eq!(headers[TRACEPARENT], GOOD);
        assert!(!context.sampled);
    }

    #[test]
    fn what_is_no_context_begins_a_new_trace() {
        let later = format!("01{}-more", &GOOD[2..]);
        assert!(parse(later.as_bytes()).is_some(), "a later version may say more");
        let upper = GOOD.to_uppercase();
        for bad in [
            "",
            &GOOD[..54],
            &format!("{GOOD}-more"),
            &format!("ff{}", &GOOD[2..]),
            &upper,
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033310-1",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            let mut headers = headers(&[bad]);
            let context = Context::of(&mut headers, all());
            context.tell(&mut headers);
            assert!(context.parent.is_none() && context.sampled, "{bad}");
            assert!(!headers.contains_key(TRACESTATE), "{bad}");
            assert!(parse(headers[TRACEPARENT].as_bytes()).is_some(), "{bad}");
        }
        let mut twice = headers(&[GOOD, GOOD]);
        assert!(Context::of(&mut twice, all()).parent.is_none());
    }
}
