//! What holds of any bytes in any pieces.

use super::framing::{Framing, Sizes, Stop};

const SIZES: Sizes = Sizes { uri: 64, head: 256 };

/// The same bytes pass and the same kind of end is found, whether they come at once or one by one.
pub(crate) fn cut_anywhere(bytes: &[u8]) {
    let (mut whole, mut pieces) = (Framing::new(SIZES), Framing::new(SIZES));
    let (at_once, stop) = whole.advance(bytes);
    assert!(at_once <= bytes.len());
    let mut passed = 0;
    let mut stopped = Stop::More;
    for end in 1..=bytes.len() {
        let (count, stop) = pieces.advance(&bytes[passed..end]);
        passed += count;
        stopped = stop;
        if stop != Stop::More {
            break;
        }
    }
    assert_eq!((passed, pieces.heads, kind(stopped)), (at_once, whole.heads, kind(stop)), "{bytes:?}");
}

/// Of two faults in the same bytes, either may be found first.
const fn kind(stop: Stop) -> &'static str {
    match stop {
        Stop::More => "more",
        Stop::Head(_) => "head",
        Stop::Body(_) => "body",
    }
}
