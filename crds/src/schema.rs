//! What schemars cannot say by itself: CEL rules, as `#[schemars(extend("x-kubernetes-validations" = ..))]`
//! wants them.

use serde_json::{Value, json};

/// CEL rules, each with the message that a person reads when it is broken.
pub(crate) fn rules(rules: &[(&str, &str)]) -> Value {
    rules.iter().map(|(rule, message)| json!({"rule": rule, "message": message})).collect()
}
