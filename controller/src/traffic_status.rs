//! What the gateways decided, mirrored as status: asked each second, written when it changes. Nothing here
//! decides anything, and nothing waits for it.

mod aggregate;
mod client;
mod poll;
mod write;

pub(crate) use poll::poll;
pub(crate) use write::mirror;
