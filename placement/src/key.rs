//! The identity of an object: its kind and its namespaced name on the hub.

use std::fmt;

use triomphe::ThinArc;

/// Stands between kind, namespace and name. No Kubernetes name holds it, and it sorts before everything that one
/// can hold, so that keys sort by kind, then namespace, then name.
const SEPARATOR: u8 = 0;

/// An object of the federation, by its identity on the hub. Cloning shares the text. It is one word that points to one
/// block of memory, because a hub holds hundreds of thousands of these.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(ThinArc<(), u8>);

impl ObjectKey {
    /// The key of `kind` `namespace/name`; a cluster-scoped object has an empty namespace.
    #[must_use]
    pub fn new(kind: &str, namespace: &str, name: &str) -> Self {
        let text = [kind, namespace, name].map(str::as_bytes).join(&SEPARATOR);
        Self(ThinArc::from_header_and_slice((), &text))
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
        self.0.slice.len()
    }

    fn part(&self, index: usize) -> &str {
        let part = self.0.slice.splitn(3, |byte| *byte == SEPARATOR).nth(index).unwrap_or_default();
        str::from_utf8(part).unwrap_or_default() // it was text, cut at an ASCII character
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
