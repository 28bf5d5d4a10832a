//! The JSON schema of the file, for editors and for `--check`; the types are its source.

use schemars::Schema;
use serde_json::Value;

use super::GatewayFile;

/// The schema as a checked-in file holds it.
#[must_use]
pub fn text() -> String {
    let value = Value::from(schema());
    format!("{value:#}\n")
}

/// The schema of [`GatewayFile`].
#[must_use]
pub(super) fn schema() -> Schema {
    schemars::schema_for!(GatewayFile)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// `cargo run -p region-gateway -- --print-schema > docs/gateway-file.schema.json` makes it new.
    #[test]
    fn the_checked_in_schema_is_what_the_types_say() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/gateway-file.schema.json");
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == super::text(),
            "{} is stale: run `region-gateway --print-schema > {}`",
            path.display(),
            path.display()
        );
    }
}
