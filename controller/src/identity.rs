//! Identities: the CA that the hub keeps, and the certificates by which gateways and the hub know each other.

mod authority;
mod facts;
mod issue;
mod secret;

pub(crate) use authority::Authority;
pub(crate) use facts::{Facts, Verdict, examine};
pub(crate) use issue::{Certificate, IssueError, RENEW_AFTER};
pub(crate) use secret::{Issued, secret};
