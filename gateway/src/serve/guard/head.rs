//! One head, line by line: the request line, then fields (RFC 9112 sections 3, 5 and 6).

use http::StatusCode;

use super::Refusal;

/// As many as hyper takes.
const MAX_FIELDS: u32 = 100;

/// What has been seen of a head.
#[derive(Debug, Default)]
pub(super) struct Head {
    begun: bool,
    fields: u32,
    http_10: bool,
    hosts: u32,
    length: Option<u64>,
    chunked: bool,
}

/// How the body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes; 0: there is none.
    Length(u64),
    /// In chunks.
    Chunked,
}

impl Head {
    /// Whether the request line is still to come.
    pub(super) const fn is_new(&self) -> bool {
        !self.begun
    }

    /// Takes one line, without its end.
    pub(super) fn line(&mut self, line: &[u8], max_uri: usize) -> Result<(), Refusal> {
        if self.begun {
            return self.field(line);
        }
        self.begun = true;
        self.http_10 = request_line(line, max_uri)?;
        Ok(())
    }

    /// The empty line has come: how does the body end?
    pub(super) fn end(&self) -> Result<Body, Refusal> {
        if self.hosts == 0 && !self.http_10 {
            return Err(Refusal::bad("HTTP/1.1 needs a Host field"));
        }
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Refusal::bad("Transfer-Encoding and Content-Length exclude each other")),
            (true, None) => Ok(Body::Chunked),
            (false, length) => Ok(Body::Length(length.unwrap_or(0))),
        }
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return Err(Refusal::HEAD_TOO_LARGE);
        }
        let (name, value) = split_field(line)?;
        if name.eq_ignore_ascii_case(b"host") {
            self.hosts += 1;
            if self.hosts > 1 {
                return Err(Refusal::bad("a request has one Host field"));
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            if self.length.is_some() {
                return Err(Refusal::bad("a request has one Content-Length field"));
            }
            self.length = Some(number(value).ok_or(Refusal::bad("Content-Length must be a whole number"))?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.transfer_encoding(value)?;
        }
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.chunked || self.http_10 {
            return Err(Refusal::bad("Transfer-Encoding is allowed once, and only in HTTP/1.1"));
        }
        let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
        if !last.eq_ignore_ascii_case(b"chunked") {
            return Err(Refusal::bad("the last transfer coding of a request must be chunked"));
        }
        if last.len() < value.len() {
            return Err(Refusal::new(
                StatusCode::NOT_IMPLEMENTED,
                "no transfer coding but chunked is understood here",
            ));
        }
        self.chunked = true;
        Ok(())
    }
}

/// `method SP target SP version`, with single spaces; tells whether it is HTTP/1.0.
fn request_line(line: &[u8], max_uri: usize) -> Result<bool, Refusal> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::bad(
            "a request line is a method, a target and a version, with one space between",
        ));
    };
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return Err(Refusal::bad("the method is not a token"));
    }
    if target.len() > max_uri {
        return Err(Refusal::URI_TOO_LONG);
    }
    if target.is_empty() || !target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#') {
        return Err(Refusal::bad("the target has bytes that no URI has"));
    }
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        _ => Err(Refusal::new(
            StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            "the version must be HTTP/1.1 or HTTP/1.0",
        )),
    }
}

/// A field's name and its value without the white space around it.
pub(super) fn split_field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Refusal::bad("a field must not go on in the next line (obs-fold)"));
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return Err(Refusal::bad("a header field has no colon"));
    };
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Err(Refusal::bad("a field's name must be a token, with the colon right behind it"));
    }
    let printable = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    if value.iter().all(printable) && line[colon + 1..].iter().all(printable) {
        Ok((name, value))
    } else {
        Err(Refusal::bad("a field's value has control characters"))
    }
}

/// Digits alone: no sign, no list, no more than fits.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// RFC 9110 section 5.6.2.
pub(super) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
