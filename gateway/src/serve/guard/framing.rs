//! Where messages begin and end in a stream of bytes. Pure: bytes in, how many of them are in order out.

use memchr::memchr;

use super::Refusal;
use super::head::{Body, Head, is_token, split_field};

/// A line of a chunk: a size of 16 digits and some extensions, which mean nothing to us.
const MAX_CHUNK_LINE: usize = 512;
/// Fields that say where a message begins, ends or belongs are no trailers (RFC 9110 section 6.5.1).
const NO_TRAILERS: [&[u8]; 6] =
    [b"content-length", b"transfer-encoding", b"host", b"trailer", b"connection", b"te"];

/// Bounds of a head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) uri: usize,
    pub(super) head: usize,
}

/// The place in the stream.
#[derive(Debug)]
pub(super) struct Framing {
    sizes: Sizes,
    phase: Phase,
    /// Heads that are in order.
    pub(super) heads: u64,
}

#[derive(Debug)]
enum Phase {
    Head,
    Length(u64),
    ChunkSize,
    ChunkData(u64),
    /// The line end behind a chunk.
    ChunkEnd,
    /// Trailers, and how many bytes of them there were.
    Trailers(usize),
}

/// Why there is no more to pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// More bytes have to come.
    More,
    /// A head is refused.
    Head(Refusal),
    /// A body is refused, whose head has passed.
    Body(Refusal),
}

/// One step: so many bytes are in order, or none yet.
type Step = Result<usize, Stop>;

impl Framing {
    pub(super) fn new(sizes: Sizes) -> Self {
        Self { sizes, phase: Phase::Head, heads: 0 }
    }

    /// Whether the next byte belongs to a head.
    pub(super) const fn is_in_head(&self) -> bool {
        matches!(self.phase, Phase::Head)
    }

    /// How many of `bytes`, which begin where the last call ended, are in order; and why not more.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> (usize, Stop) {
        let mut passed = 0;
        loop {
            match self.step(&bytes[passed..]) {
                Ok(count) => passed += count,
                Err(stop) => return (passed, stop),
            }
        }
    }

    fn step(&mut self, bytes: &[u8]) -> Step {
        if bytes.is_empty() {
            return Err(Stop::More);
        }
        match self.phase {
            Phase::Head => self.head(bytes),
            Phase::Length(left) => {
                let count = at_most(bytes, left);
                self.phase = Phase::length(left - count as u64);
                Ok(count)
            }
            Phase::ChunkSize => self.chunk_size(bytes),
            Phase::ChunkData(left) => {
                let count = at_most(bytes, left);
                let left = left - count as u64;
                self.phase = if left == 0 { Phase::ChunkEnd } else { Phase::ChunkData(left) };
                Ok(count)
            }
            Phase::ChunkEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    self.phase = Phase::ChunkSize;
                    Ok(2)
                }
                [b'\r'] => Err(Stop::More),
                _ => Err(Stop::Body(Refusal::bad("a chunk is longer or shorter than it says"))),
            },
            Phase::Trailers(seen) => self.trailers(bytes, seen),
        }
    }

    /// A head passes whole or not at all.
    fn head(&mut self, bytes: &[u8]) -> Step {
        // Empty lines before a request are old clients' custom (RFC 9112 section 2.2).
        if bytes.starts_with(b"\r\n") {
            return Ok(2);
        }
        let mut head = Head::default();
        let mut at = 0;
        if bytes.first().is_some_and(|first| !is_token(*first) && *first != b'\r') {
            return Err(Stop::Head(Refusal::bad("this is not HTTP")));
        }
        while let Some(line) = next_line(&bytes[at..]).map_err(Stop::Head)? {
            if at + line.len() + 2 > self.sizes.head {
                break;
            }
            at += line.len() + 2;
            if line.is_empty() {
                let body = head.end().map_err(Stop::Head)?;
                self.heads += 1;
                self.phase = match body {
                    Body::Length(length) => Phase::length(length),
                    Body::Chunked => Phase::ChunkSize,
                };
                return Ok(at);
            }
            head.line(line, self.sizes.uri).map_err(Stop::Head)?;
        }
        match (bytes.len() > self.sizes.head, head.is_new()) {
            (true, true) => Err(Stop::Head(Refusal::URI_TOO_LONG)),
            (true, false) => Err(Stop::Head(Refusal::HEAD_TOO_LARGE)),
            (false, _) => Err(Stop::More),
        }
    }

    fn chunk_size(&mut self, bytes: &[u8]) -> Step {
        let Some(line) = next_line(bytes).map_err(Stop::Body)? else {
            let long = bytes.len() > MAX_CHUNK_LINE;
            return Err(if long {
                Stop::Body(Refusal::bad("a chunk's line is too long"))
            } else {
                Stop::More
            });
        };
        let size = chunk_size(line).ok_or(Stop::Body(Refusal::bad("a chunk's size must be hexadecimal")))?;
        self.phase = if size == 0 { Phase::Trailers(0) } else { Phase::ChunkData(size) };
        Ok(line.len() + 2)
    }

    fn trailers(&mut self, bytes: &[u8], seen: usize) -> Step {
        let too_large = Err(Stop::Body(Refusal::HEAD_TOO_LARGE));
        let Some(line) = next_line(bytes).map_err(Stop::Body)? else {
            // Half of the line end behind the last trailer is none of theirs.
            let whole = bytes == b"\r" || seen + bytes.len() <= self.sizes.head;
            return if whole { Err(Stop::More) } else { too_large };
        };
        if line.is_empty() {
            self.phase = Phase::Head;
            return Ok(2);
        }
        let (name, _) = split_field(line).map_err(Stop::Body)?;
        if NO_TRAILERS.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden)) {
            return Err(Stop::Body(Refusal::bad("a trailer must not say how a message is framed")));
        }
        let seen = seen + line.len() + 2;
        self.phase = Phase::Trailers(seen);
        if seen > self.sizes.head { too_large } else { Ok(line.len() + 2) }
    }
}

impl Phase {
    fn length(left: u64) -> Self {
        if left == 0 { Self::Head } else { Self::Length(left) }
    }
}

fn at_most(bytes: &[u8], left: u64) -> usize {
    usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()))
}

/// The line that `bytes` begin with, without its CRLF; none if its end is still to come.
fn next_line(bytes: &[u8]) -> Result<Option<&[u8]>, Refusal> {
    let Some(end) = memchr(b'\n', bytes) else {
        // A carriage return may still be followed by its line feed, if it is the last byte.
        let so_far = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        return if memchr(b'\r', so_far).is_some() { Err(BARE_CR) } else { Ok(None) };
    };
    match bytes[..end].split_last() {
        Some((b'\r', line)) if memchr(b'\r', line).is_none() => Ok(Some(line)),
        Some((b'\r', _)) => Err(BARE_CR),
        _ => Err(Refusal::bad("a line must end in CR LF")),
    }
}

const BARE_CR: Refusal = Refusal::bad("a carriage return must be followed by a line feed");

/// Up to 16 hexadecimal digits, and extensions that are visible text.
fn chunk_size(line: &[u8]) -> Option<u64> {
    if line.len() > MAX_CHUNK_LINE {
        return None;
    }
    let digits = line.iter().position(|byte| *byte == b';').unwrap_or(line.len());
    let (digits, extension) = line.split_at(digits);
    if digits.is_empty() || digits.len() > 16 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let visible = |byte: &u8| *byte == b'\t' || (b' '..0x7f).contains(byte);
    let size = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    extension.iter().all(visible).then_some(size)
}
