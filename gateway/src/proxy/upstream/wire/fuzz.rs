//! What holds of any bytes that an endpoint may answer.

use bytes::BytesMut;
use http::{HeaderMap, Method};

use super::body::Rest;
use super::chunks::Piece;
use super::{Garbage, head};

/// An answer as far as it has come.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    head: Option<(u16, HeaderMap, bool)>,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
    over: bool,
    /// What has come behind it.
    more: Vec<u8>,
}

/// An answer is the same one, or none, whether its bytes come at once or in pieces. The first byte tells their size.
pub(crate) fn cut_anywhere(bytes: &[u8]) {
    let Some((size, bytes)) = bytes.split_first() else { return };
    for method in [Method::GET, Method::HEAD] {
        let (at_once, in_pieces) =
            (read([bytes], &method), read(bytes.chunks(usize::from(*size) + 1), &method));
        // Of two faults in the same bytes, either may be found first.
        assert_eq!(at_once.ok(), in_pieces.ok(), "{bytes:?}");
    }
}

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, method: &Method) -> Result<Answer, Garbage> {
    let (mut buffer, mut answer, mut rest) = (BytesMut::new(), Answer::default(), None);
    for piece in pieces {
        buffer.extend_from_slice(piece);
        if rest.is_none()
            && let Some(head) = head::take_final(&mut buffer, method)?
        {
            let (response, ()) = head.response.into_parts();
            answer.head = Some((response.status.as_u16(), response.headers, head.keep_alive));
            rest = Some(Rest::of(head.framing));
        }
        if let Some(rest) = &mut rest {
            read_body(rest, &mut buffer, &mut answer)?;
        }
    }
    if answer.over {
        answer.more = buffer.into();
    }
    Ok(answer)
}

fn read_body(rest: &mut Rest, buffer: &mut BytesMut, answer: &mut Answer) -> Result<(), Garbage> {
    while !answer.over {
        match rest.next(buffer)? {
            Piece::Data(data) => answer.body.extend_from_slice(&data),
            Piece::End(trailers) => (answer.trailers, answer.over) = (trailers, true),
            Piece::Missing => break,
        }
    }
    Ok(())
}
