//! One direction of one connection: what is read now is written later, or not at all.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep_until};

use super::protocol::Disturbance;
use super::rules::Watch;

/// The most that one read takes.
const CHUNK: usize = 32 * 1024;

/// How much may be under way on a delayed link before reading stops, as a long cable would fill up.
const UNDER_WAY: usize = 1024;

/// What travels: bytes, or (empty) the end of the stream.
struct Parcel {
    due: Instant,
    bytes: Bytes,
}

/// Carries bytes from one side to the other until the stream ends, as the rule allows at each moment.
pub(super) async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut rule: Watch) -> io::Result<()> {
    let mut under_way: VecDeque<Parcel> = VecDeque::new();
    let mut buffer = BytesMut::with_capacity(CHUNK);
    let mut ended = false;
    loop {
        let disturbance = *rule.borrow_and_update();
        let silent = disturbance == Some(Disturbance::Drop);
        let due = under_way.front().map_or_else(Instant::now, |parcel| parcel.due);
        tokio::select! {
            // A rule for a dead proxy never changes: then the process is ending anyway.
            changed = rule.changed() => if changed.is_err() { return Ok(()) },
            () = sleep_until(due), if !silent && !under_way.is_empty() => {
                let Some(parcel) = under_way.pop_front() else { continue };
                if parcel.bytes.is_empty() {
                    return to.shutdown().await;
                }
                to.write_all(&parcel.bytes).await?;
            }
            read = from.read_buf(&mut buffer), if !silent && !ended && under_way.len() < UNDER_WAY => {
                ended = read? == 0;
                match delay(disturbance) {
                    None if under_way.is_empty() && ended => return to.shutdown().await,
                    None if under_way.is_empty() => {
                        to.write_all(&buffer).await?;
                        buffer.clear();
                    }
                    after => under_way.push_back(Parcel {
                        due: Instant::now() + after.unwrap_or_default(),
                        bytes: buffer.split().freeze(),
                    }),
                }
                buffer.reserve(CHUNK);
            }
        }
    }
}

/// The delay of a disturbance, if it is one.
pub(super) fn delay(disturbance: Option<Disturbance>) -> Option<Duration> {
    match disturbance {
        Some(Disturbance::Delay { milliseconds }) => Some(Duration::from_millis(milliseconds)),
        _ => None,
    }
}
