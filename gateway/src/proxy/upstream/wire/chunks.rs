//! The chunks of an answer taken apart (RFC 9112 section 7.1). Pure.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use httparse::Status;

use super::Garbage;

/// Of a chunk's first line.
const MAX_LINE: usize = 4 << 10;
const MAX_TRAILERS: usize = 16 << 10;
const MAX_FIELDS: usize = 100;

/// The place in a chunked body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Chunks {
    /// Before a chunk's size.
    #[default]
    Size,
    /// Within a chunk.
    Data(u64),
    /// Before the line end behind a chunk.
    End,
    /// Behind the last chunk.
    Trailers,
}

/// What comes next of a body.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Data(Bytes),
    /// The end; with trailers, if there are any.
    End(Option<HeaderMap>),
    /// More has to come first.
    Missing,
}

impl Chunks {
    /// Takes the next piece off what has come.
    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Result<Piece, Garbage> {
        loop {
            match self {
                Self::Size => {
                    let Some((line, size)) = size(buffer)? else { return Ok(Piece::Missing) };
                    buffer.advance(line);
                    *self = if size == 0 { Self::Trailers } else { Self::Data(size) };
                }
                Self::Data(_) if buffer.is_empty() => return Ok(Piece::Missing),
                Self::Data(left) => {
                    let count = usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
                    *left -= count as u64;
                    if *left == 0 {
                        *self = Self::End;
                    }
                    return Ok(Piece::Data(buffer.split_to(count).freeze()));
                }
                Self::End => match &buffer[..] {
                    [b'\r', b'\n', ..] => {
                        buffer.advance(2);
                        *self = Self::Size;
                    }
                    [] | [b'\r'] => return Ok(Piece::Missing),
                    _ => return Err(Garbage("a chunk that is longer or shorter than it says".to_owned())),
                },
                Self::Trailers => return trailers(buffer),
            }
        }
    }
}

/// The length of the line and the size that it says.
fn size(buffer: &[u8]) -> Result<Option<(usize, u64)>, Garbage> {
    // No digit at all would be read as 0, the end.
    if buffer.first().is_some_and(|first| !first.is_ascii_hexdigit()) {
        return Err(Garbage("a chunk without a size".to_owned()));
    }
    match httparse::parse_chunk_size(buffer) {
        Ok(Status::Complete((line, size))) if line <= MAX_LINE => Ok(Some((line, size))),
        Ok(Status::Partial) if buffer.len() <= MAX_LINE => Ok(None),
        _ => Err(Garbage("a chunk without a size".to_owned())),
    }
}

fn trailers(buffer: &mut BytesMut) -> Result<Piece, Garbage> {
    let bad = || Garbage("trailers that are none".to_owned());
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut trailers = HeaderMap::new();
    let length = match httparse::parse_headers(buffer, &mut fields) {
        Ok(Status::Complete((length, fields))) => {
            for field in fields {
                let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| bad())?;
                trailers.append(name, HeaderValue::from_bytes(field.value).map_err(|_| bad())?);
            }
            length
        }
        Ok(Status::Partial) if buffer.len() <= MAX_TRAILERS => return Ok(Piece::Missing),
        _ => return Err(bad()),
    };
    buffer.advance(length);
    Ok(Piece::End(Some(trailers).filter(|trailers| !trailers.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body, its trailers and what is left, of bytes that come in pieces of this size.
    fn read(text: &str, size: usize) -> Result<(String, Option<HeaderMap>, String), Garbage> {
        let (mut chunks, mut buffer, mut body) = (Chunks::default(), BytesMut::new(), String::new());
        let mut rest = text.as_bytes();
        loop {
            match chunks.next(&mut buffer)? {
                Piece::Data(data) => body += std::str::from_utf8(&data).unwrap(),
                Piece::End(trailers) => {
                    buffer.extend_from_slice(rest);
                    return Ok((body, trailers, String::from_utf8(buffer.to_vec()).unwrap()));
                }
                Piece::Missing => {
                    assert!(!rest.is_empty(), "{text:?} does not end");
                    let (now, later) = rest.split_at(size.min(rest.len()));
                    buffer.extend_from_slice(now);
                    rest = later;
                }
            }
        }
    }

    #[test]
    fn chunks_come_out_whole_in_whatever_pieces_they_come() {
        for size in [1, 2, 3, 7, 1000] {
            let (body, trailers, rest) =
                read("4\r\nWiki\r\nA;ext=\"1\"\r\n0123456789\r\n0\r\n\r\nHTTP/1.1", size).unwrap();
            assert_eq!((&*body, trailers, &*rest), ("Wiki0123456789", None, "HTTP/1.1"), "{size}");
            let (body, trailers, rest) = read("1\r\na\r\n00\r\nX-Sum: 5\r\nX-Sum: 6\r\n\r\n", size).unwrap();
            let trailers: Vec<_> = trailers.unwrap().get_all("x-sum").iter().cloned().collect();
            assert_eq!(
                (&*body, &*trailers, &*rest),
                ("a", &["5", "6"].map(HeaderValue::from_static)[..], "")
            );
        }
    }

    #[test]
    fn what_is_no_chunk_is_garbage() {
        let long = format!("1;{}\r\n", "a".repeat(MAX_LINE + 1));
        for text in
            ["x\r\n", "\r\n", "-1\r\n", "1\r\nab\r\n", "10000000000000000\r\n", "0\r\na b\r\n\r\n", &long]
        {
            assert!(read(text, 1000).is_err(), "{text:?}");
        }
    }
}
