//! Small writes put off to the end of a turn of the event loop, and then sent in a row.
//!
//! A `send` wakes whoever waits for it, and a task that reads, asks and writes one request after the other wakes them
//! again and again. Where everything runs on one core, tasks put what they write into a heap instead; a task of its own,
//! which the first of them wakes and which so comes after all that are ready now, sends it: clients and backends then
//! find much at once, as `HAProxy`'s do (docs/gateway-bench.md). With more cores there is no such turn, and every write
//! goes at once.

mod heap;
mod sending;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use heap::Turn;
pub(crate) use sending::FAREWELL;
pub(crate) use stream::Turned;
