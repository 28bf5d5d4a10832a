//! The identity of an object: its kind and its namespaced name on the hub.

use std::{cmp::Ordering, fmt, sync::Arc};

/// An object of the federation, by its identity on the hub. Cloning shares the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ObjectKey(Arc<Parts>);

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Parts {
    kind: Arc<str>,
    namespace: Box<str>,
    name: Box<str>,
}

impl ObjectKey {
    /// The key of `kind` `namespace/name`; a cluster-scoped object has an empty namespace.
    pub fn new(kind: impl Into<Arc<str>>, namespace: &str, name: &str) -> Self {
        Self(Arc::new(Parts { kind: kind.into(), namespace: namespace.into(), name: name.into() }))
    }

    /// The kind, as in `Ingress`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The namespace; empty for cluster-scoped objects.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

impl Ord for ObjectKey {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl PartialOrd for ObjectKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
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
