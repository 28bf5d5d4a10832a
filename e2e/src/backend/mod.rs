//! Demo backends: what stands behind a Service in a world, with switches for faults.
//!
//! One process a region holds any number of named backends, each on an address of its own. A backend answers
//! every path over HTTP/1.1 and HTTP/2 (prior knowledge) with JSON that names its region and repeats the
//! request's `x-request-id` and body, so that a client notices a mixed-up answer, and with `x-served-by:
//! <region>`. A request that carries `x-demo-redirect: <Location>` is answered with 302 and that Location.
//!
//! - [`behaviour`]: the switches
//! - [`answer`]: what one request gets
//! - [`listener`]: one backend's socket
//! - [`server`]: the process, `world backend`, and its control port

mod answer;
pub mod behaviour;
mod listener;
pub mod server;
#[cfg(test)]
mod tests;

pub use answer::REDIRECT;
pub use behaviour::{Behaviour, Latency, Named, Refusal};
