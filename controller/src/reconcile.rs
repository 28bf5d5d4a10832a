//! From what people declare to what members get, a step a file:
//! dereference → validate → build → want; then, for status and finalizers, what became of it.

mod build;
mod dereference;
mod federated;
pub(crate) mod front_door;
mod priority;
mod source;
mod status;
mod validate;
mod want;

pub(crate) use federated::federated;
pub(crate) use priority::priority;
pub(crate) use source::{Told, source};
pub(crate) use want::{Wanted, want};
