//! The identity of an object: its kind and its namespaced name on the hub.

use std::{fmt, sync::Arc};

/// Stands between kind, namespace and name. No Kubernetes name holds it, and it sorts before everything that one
/// can hold, so that keys sort by kind, then namespace, then name.
const SEPARATOR: char = '\0';

/// An object of the federation, by its identity on the hub. Cloning shares the text, which is one block of memory:
/// a hub holds hundreds of thousands of these.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(Arc<str>);

impl ObjectKey {
    /// The key of `kind` `namespace/name`; a cluster-scoped object has an empty namespace.
    #[must_use]
    pub fn new(kind: &str, namespace: &str, name: &str) -> Self {
        Self([kind, namespace, name].join("\0").into())
    }

    /// The kind, as in `Ingress`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.part(0)
    }

    /// The namespace; empty for cluster-scoped objects.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.part(1)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.part(2)
    }

    /// How many bytes of text the key holds.
    pub(crate) fn text_len(&self) -> usize {
        self.0.len()
    }

    fn part(&self, index: usize) -> &str {
        self.0.splitn(3, SEPARATOR).nth(index).unwrap_or_default()
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace().is_empty() {
            write!(f, "{} {}", self.kind(), self.name())
        } else {
            write!(f, "{} {}/{}", self.kind(), self.namespace(), self.name())
        }
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectKey({self})")
    }
}
