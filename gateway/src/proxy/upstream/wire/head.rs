//! Heads of HTTP/1.1, of a request on its way out and of an answer on its way in (RFC 9112). Pure.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use httparse::{ParserConfig, Status};
use hyper::ext::ReasonPhrase;
use memchr::memchr_iter;

use super::Garbage;

/// A head that is longer is none; hyper's bound.
const MAX_HEAD: usize = 400 << 10;
/// As many as hyper takes.
const MAX_FIELDS: usize = 100;
/// Of one field, for the first guess of how long a head becomes.
const FIELD: usize = 48;

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    /// By the end of the connection.
    Close,
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) response: Response<()>,
    pub(super) framing: Framing,
    /// Whether the connection carries on after it.
    pub(super) keep_alive: bool,
}

/// A request without a body, as it goes out. Fields of the hop have been set before.
pub(super) fn encode<B>(request: &Request<B>) -> Vec<u8> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let mut out = Vec::with_capacity(2 * FIELD + target.len() + FIELD * request.headers().len());
    for piece in [request.method().as_str(), " ", target, " HTTP/1.1\r\n"] {
        out.extend_from_slice(piece.as_bytes());
    }
    for (name, value) in request.headers() {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Takes the head of the answer off what has come, with the interim ones before it, if it is whole.
pub(super) fn take_final(buffer: &mut BytesMut, method: &Method) -> Result<Option<Head>, Garbage> {
    while !buffer.is_empty() {
        match take(buffer, method)? {
            Some(head) if head.response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                return Err(Garbage("another protocol that nobody asked for".to_owned()));
            }
            Some(head) if head.response.status().is_informational() => {}
            Some(head) => return Ok(Some(head)),
            None if buffer.len() > MAX_HEAD => return Err(Garbage("a head without end".to_owned())),
            None => break,
        }
    }
    Ok(None)
}

/// Takes a head off what has come, if it is whole.
fn take(buffer: &mut BytesMut, method: &Method) -> Result<Option<Head>, Garbage> {
    match end(buffer) {
        Some(end) => parse(&buffer.split_to(end).freeze(), method).map(Some),
        None => promises(buffer).map(|()| None),
    }
}

/// Where the first block of lines ends. Line feeds alone are endings, too (RFC 9112 section 2.2).
fn end(bytes: &[u8]) -> Option<usize> {
    let begin = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    memchr_iter(b'\n', &bytes[begin..]).map(|at| begin + at + 1).find_map(|next| match &bytes[next..] {
        [b'\n', ..] => Some(next + 1),
        [b'\r', b'\n', ..] => Some(next + 2),
        _ => None,
    })
}

/// Whether what has come so far may become a head.
fn promises(bytes: &[u8]) -> Result<(), Garbage> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let parsed = httparse::Response::new(&mut fields).parse(bytes);
    parsed.map(drop).map_err(|error| Garbage(error.to_string()))
}

fn parse(bytes: &Bytes, method: &Method) -> Result<Head, Garbage> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    let status = ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, bytes, &mut fields);
    let (Ok(Status::Complete(_)), Some(code)) = (status, parsed.code) else {
        return Err(Garbage(
            status.err().map_or_else(|| "an unfinished head".to_owned(), |error| error.to_string()),
        ));
    };
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(code).map_err(|error| Garbage(error.to_string()))?;
    let modern = parsed.version == Some(1);
    *response.version_mut() = if modern { Version::HTTP_11 } else { Version::HTTP_10 };
    keep_reason(&mut response, parsed.reason);
    response.headers_mut().reserve(parsed.headers.len());
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        // A piece of the head, not a copy.
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(field.value));
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(Garbage("a field that is none".to_owned()));
        };
        response.headers_mut().append(name, value);
    }
    let fields = response.headers();
    // Who says both may mean one and send the other: nothing that follows is trusted (RFC 9112 section 6.3).
    let ambiguous = fields.contains_key(TRANSFER_ENCODING) && fields.contains_key(CONTENT_LENGTH);
    let framing = framing(&mut response, method, modern)?;
    let keep_alive = !ambiguous && framing != Framing::Close && keeps_alive(response.headers(), modern);
    Ok(Head { response, framing, keep_alive })
}

/// A phrase that is not the usual one is passed on.
fn keep_reason(response: &mut Response<()>, reason: Option<&str>) {
    let unusual = reason.filter(|reason| Some(*reason) != response.status().canonical_reason());
    if let Some(reason) = unusual.and_then(|reason| ReasonPhrase::try_from(reason.as_bytes()).ok()) {
        response.extensions_mut().insert(reason);
    }
}

/// RFC 9112 section 6.3. Of an answer that says both, the length goes: whoever comes next must not believe it.
fn framing(response: &mut Response<()>, method: &Method, modern: bool) -> Result<Framing, Garbage> {
    let status = response.status();
    let bodiless = status.is_informational() || matches!(status.as_u16(), 204 | 304);
    if bodiless || *method == Method::HEAD {
        return Ok(Framing::Length(0));
    }
    let headers = response.headers_mut();
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
        return match (modern, last_coding(headers)) {
            (false, _) => Err(Garbage("chunks in HTTP/1.0".to_owned())),
            (true, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            (true, _) => Ok(Framing::Close),
        };
    }
    if !headers.contains_key(CONTENT_LENGTH) {
        return Ok(Framing::Close);
    }
    length(headers).map(Framing::Length).ok_or_else(|| Garbage("a length that is none".to_owned()))
}

fn last_coding(headers: &HeaderMap) -> Option<&str> {
    let last = headers.get_all(TRANSFER_ENCODING).iter().next_back()?.to_str().ok()?;
    last.rsplit(',').next().map(str::trim)
}

/// The one length that all fields, and all elements of each, say.
fn length(headers: &HeaderMap) -> Option<u64> {
    let mut said = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        for element in value.to_str().ok()?.split(',').map(str::trim) {
            // `parse` alone would take a sign.
            let digits = element.bytes().all(|byte| byte.is_ascii_digit());
            let length = element.parse::<u64>().ok().filter(|_| digits)?;
            if said.is_some_and(|said| said != length) {
                return None;
            }
            said = Some(length);
        }
    }
    said
}

fn keeps_alive(headers: &HeaderMap, modern: bool) -> bool {
    let says = |word: &str| {
        let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case(word))
    };
    if modern { !says("close") } else { says("keep-alive") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, method: &Method) -> Result<Option<(u16, Framing, bool)>, Garbage> {
        let mut buffer = BytesMut::from(text);
        let head = take(&mut buffer, method)?;
        Ok(head.map(|head| (head.response.status().as_u16(), head.framing, head.keep_alive)))
    }

    #[test]
    fn the_head_says_how_the_body_ends_and_whether_the_connection_goes_on() {
        use Framing::{Chunked, Close, Length};
        for (head, framing, keep_alive) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", Length(5), true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", Length(5), true),
            ("HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\n", Length(5), true),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: Keep-Alive, Close\r\n\r\n",
                Length(5),
                false,
            ),
            ("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\n", Length(5), false),
            ("HTTP/1.0 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\n", Length(5), true),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, Chunked\r\n\r\n", Chunked, true),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n", Chunked, false),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", Close, false),
            ("HTTP/1.1 200 OK\r\n\r\n", Close, false),
            ("HTTP/1.1 204 No Content\r\n\r\n", Length(0), true),
            ("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", Length(0), true),
            ("\r\n\nHTTP/1.1 200\ncontent-length: 5\n\n", Length(5), true),
        ] {
            let status = head.split(' ').nth(1).unwrap()[..3].parse().unwrap();
            assert_eq!(read(head, &Method::GET).unwrap(), Some((status, framing, keep_alive)), "{head:?}");
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
        assert_eq!(read(head, &Method::HEAD).unwrap(), Some((200, Length(0), true)));
    }

    #[test]
    fn a_head_that_may_still_come_is_waited_for_and_no_other() {
        for head in ["", "\r\n", "HT", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\na: b\r\n"] {
            assert_eq!(read(head, &Method::GET).unwrap(), None, "{head:?}");
        }
        for head in [
            "\0\u{1} this is not HTTP",
            "SSH-2.0-x",
            "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n",
            "HTTP/1.1 99 Less\r\n\r\n",
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\n",
        ] {
            assert!(read(head, &Method::GET).is_err(), "{head:?}");
        }
    }

    #[test]
    fn interim_answers_are_passed_over_and_another_protocol_is_garbage() {
        let last = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        let head = take_final(&mut BytesMut::from(last), &Method::GET).unwrap().unwrap();
        assert_eq!(head.response.status(), 200);
        assert!(take_final(&mut BytesMut::from(&last[..40]), &Method::GET).unwrap().is_none());
        let other = last.replace("200 OK", "101 Switching Protocols");
        assert!(take_final(&mut BytesMut::from(&*other), &Method::GET).is_err());
    }

    #[test]
    fn of_two_framings_one_goes_on() {
        let mut buffer =
            BytesMut::from("HTTP/1.1 200 Fine\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0");
        let head = take(&mut buffer, &Method::GET).unwrap().unwrap();
        assert!(!head.response.headers().contains_key(CONTENT_LENGTH));
        assert_eq!(head.response.extensions().get::<ReasonPhrase>().unwrap().as_bytes(), b"Fine");
        assert_eq!(buffer, "0", "the rest stays");
    }

    #[test]
    fn a_request_goes_out_with_all_its_fields() {
        let request = Request::builder()
            .method("DELETE")
            .uri("/a?b")
            .header("Host", "h")
            .header("x", "1")
            .header("x", "2")
            .body(())
            .unwrap();
        assert_eq!(encode(&request), b"DELETE /a?b HTTP/1.1\r\nhost: h\r\nx: 1\r\nx: 2\r\n\r\n");
    }
}
