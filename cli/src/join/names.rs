//! What `join` calls the things it makes, and `unjoin` finds them by.

/// The hub's account on a member.
pub(super) const ACCOUNT: &str = "spillway-hub";
/// The Secret that Kubernetes fills with its token.
pub(super) const TOKEN: &str = "spillway-hub-token";
/// The label of what `join` makes, and `unjoin` may delete.
pub(super) const JOINED_BY: (&str, &str) = ("app.kubernetes.io/created-by", "kubectl-spillway");

/// The name of a member's kubeconfig Secret on the hub.
pub(super) fn kubeconfig_secret(member: &str) -> String {
    format!("{member}-kubeconfig")
}
