//! Identities: the CA that the hub keeps, and the certificates by which gateways and the hub know each other.

mod authority;
mod facts;
mod issue;
mod secret;

pub use authority::{Authority, AuthorityError};
pub use facts::{Facts, Verdict, examine};
pub use issue::{Certificate, IssueError, LIFETIME, RENEW_AFTER};
pub use secret::{Issued, secret};
