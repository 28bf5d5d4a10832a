//! What reaches the HTTP/1.1 parser: only messages about whose beginning and end nobody can disagree.
//!
//! Request smuggling lives on messages that two parsers take apart differently. hyper accepts some of them, as
//! RFC 9112 allows: bare line feeds, a length beside chunks. So every head is read here first, byte for byte,
//! and a doubtful one never gets further. In its place the parser gets a well-formed request that says nothing,
//! and the handler answers it with the [`Refusal`]: in order behind what was asked before, counted and logged
//! like every other answer.

mod conversation;
mod framing;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod head;
mod refusal;
mod stream;

pub(crate) use conversation::Conversation;
pub(crate) use refusal::Refusal;
pub(crate) use stream::Guard;
