//! What is wanted on members gets there: each member is watched and written to on its own connection, with its own
//! deadlines. One that hangs costs the others nothing.

mod connection;
mod observe;
mod place;
mod registry;
mod session;
mod status;
mod sweep;

pub(crate) use registry::cluster;
