//! Who is at the other end of a connection within a federation.
//!
//! Gateways, the hub and operators know each other by certificate: both ends present one of the federation's
//! authority, and its one URI name is who they are. No DNS name and no address is involved. What a name may
//! look like, how it is checked, and how TLS is set up around it stands here once, for all who connect.

mod material;
mod name;
mod verify;

pub use material::{Material, MaterialError, Part, expiry_of_pem};
pub use name::{CallerIdentity, IdentityError, uri_name};
pub use verify::Expected;
