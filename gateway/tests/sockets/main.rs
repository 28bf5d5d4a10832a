//! The gateway over real sockets, without Kubernetes: configs are made by hand and published as the watcher
//! would.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may fail loudly")]
#![allow(unreachable_pub, missing_docs, reason = "helpers of one test program")]

mod alone;
mod balancing;
mod bounds;
mod broken_backends;
mod commands;
mod corpus;
mod dns;
mod emptied;
mod faults;
mod gameday;
mod grpc;
mod hops;
mod life;
mod program;
mod protocols;
mod proxy;
mod rotation;
mod seen;
mod smuggling;
mod spill;
mod support;
mod takeover;
mod tls;
mod traffic;
mod websocket;
