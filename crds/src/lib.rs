//! The API that people write: the kinds of `kube-federation.io/v1alpha1`.
//!
//! One file a kind. Whatever a schema or a CEL rule can say about a field is said here, so that a bad
//! object is refused by the API server with a message that names the field, and no other room has to
//! meet it. [`definitions`] is the one list of what gets installed.

mod definitions;
pub mod federated_ingress;
pub mod gateway_peer;
pub mod member_cluster;
pub mod names;
pub mod percent;
pub mod permissions;
pub mod reference;
pub mod region_priority;
mod schema;
pub mod yaml;

pub use definitions::definitions;
pub use federated_ingress::{FederatedIngress, FederatedIngressSpec, FederatedIngressStatus};
pub use gateway_peer::{GatewayPeer, GatewayPeerSpec};
pub use member_cluster::{MemberCluster, MemberClusterSpec, MemberClusterStatus};
pub use percent::Percent;
pub use region_priority::{RegionPriority, RegionPrioritySpec, RegionPriorityStatus};
