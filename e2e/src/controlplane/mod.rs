//! One real control plane: etcd, kube-apiserver and kube-controller-manager on a loopback address.
//!
//! - [`binaries`]: where the programs come from
//! - [`pki`]: the certificates of one cluster
//! - [`kubeconfig`]: who talks to it, and as whom
//! - [`flags`]: how the programs are started
//! - [`plane`]: putting these together

pub mod binaries;
pub mod flags;
pub mod kubeconfig;
pub mod pki;
pub mod plane;

pub use binaries::Binaries;
pub use plane::Plane;
