//! The gateway over real sockets, without Kubernetes: configs are made by hand and published as the watcher
//! would.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may fail loudly")]
#![allow(unreachable_pub, missing_docs, reason = "helpers of one test program")]

mod alone;
mod dns;
mod emptied;
mod program;
mod proxy;
mod spill;
mod support;
mod traffic;
