//! What the gateways decided, mirrored as status: asked each second, written when it changes. Nothing here
//! decides anything, and nothing waits for it.

mod aggregate;
mod board;
mod client;
mod poll;
mod write;

pub use aggregate::{Heard, status};
pub use board::Board;
pub use poll::poll;
pub use write::mirror;
