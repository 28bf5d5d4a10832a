//! What schemars cannot say by itself: CEL rules, as `#[schemars(extend("x-kubernetes-validations" = ..))]`
//! wants them, and the few that several kinds share.
//!
//! A rule without a bound on what it walks costs more than the API server allows, so each list and string
//! that a rule touches has a stated size beside it.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

/// A DNS label, or several with dots between them.
const HOST: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

/// One CEL rule, with the message that a person reads when it is broken.
pub(crate) fn rule(rule: &str, message: &str) -> Value {
    json!({"rule": rule, "message": message})
}

/// A region's name: it becomes part of DNS answers, identities and metrics.
pub(crate) fn region_name(field: &str) -> Value {
    rule(
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        &format!(
            "{field} must be an RFC 1123 label: lower case letters, digits and '-', a letter or digit at both ends"
        ),
    )
}

/// The name of another object, or a DNS name.
pub(crate) fn dns_name(field: &str) -> Value {
    rule(
        &format!("self.matches('^{HOST}$')"),
        &format!(
            "{field} must be a DNS name: lower case labels of letters, digits and '-', with '.' between"
        ),
    )
}

/// The names of other objects.
pub(crate) fn dns_names(field: &str) -> Value {
    rule(
        &format!("self.all(name, name.matches('^{HOST}$'))"),
        &format!("{field} must be names of objects: lower case letters, digits, '-' and '.'"),
    )
}

/// A percentage as a decimal string.
pub(crate) fn percent(field: &str) -> Value {
    rule(
        "self.matches('^(100([.]0+)?|[0-9]{1,2}([.][0-9]+)?)$')",
        &format!("{field} must be a decimal string from \"0\" to \"100\", such as \"99.9\""),
    )
}

/// Addresses that a socket can be reached at.
pub(crate) fn addresses(field: &str) -> Value {
    rule(
        "self.all(address, isIP(address) && !ip(address).isUnspecified() && !ip(address).isLinkLocalMulticast())",
        &format!(
            "{field} must be IP addresses, such as 203.0.113.7 or 2001:db8::7; no host names, not 0.0.0.0 or ::"
        ),
    )
}

/// Steps of a shift: percentages that ascend...
pub(crate) fn ascending(field: &str) -> Value {
    rule(
        "self.isSorted() && self.all(step, self.exists_one(other, other == step))",
        &format!("{field} must ascend, each step once, such as [10, 65, 100]"),
    )
}

/// ... to the whole.
pub(crate) fn ends_whole(field: &str) -> Value {
    rule("size(self) == 0 || self[size(self) - 1] == 100", &format!("{field} must end in 100"))
}

/// `host:port` of things that are connected to.
pub(crate) fn host_ports(field: &str) -> Value {
    rule(
        &format!("self.all(address, {})", authority("address", "{1}")),
        &format!("{field} must be host:port, such as 192.0.2.1:53 or [2001:db8::1]:53, port 1 to 65535"),
    )
}

/// `host` or `host:port` of things that a URL may name.
pub(crate) fn authorities(field: &str) -> Value {
    rule(
        &format!("self.all(alias, {})", authority("alias", "?")),
        &format!("{field} must be host or host:port without a scheme or a path, such as portal.example:8080"),
    )
}

/// CEL that tells whether `name` is a host and, `{1}` or `?` times, a port.
fn authority(name: &str, times: &str) -> String {
    let ipv6 = "[[][0-9a-f:.]+[]]";
    format!(
        "{name}.matches('^({HOST}|{ipv6})(:[1-9][0-9]{{0,4}}){times}$') \
         && (!{name}.matches(':[0-9]+$') || {name}.endsWith(']') \
         || int({name}.substring({name}.lastIndexOf(':') + 1)) <= 65535)"
    )
}

/// The spec of an Ingress, with the bounds and rules that the Ingress API has in code and not in its
/// schema: a template that no member would take is refused on the hub, where people see it.
pub(crate) fn ingress_spec(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = k8s_openapi::api::networking::v1::IngressSpec::json_schema(generator);
    set(&mut schema, "", "x-kubernetes-validations", backend_or_rules());
    set(&mut schema, "/properties/rules", "maxItems", json!(256));
    set(&mut schema, "/properties/rules/items/properties/host", "maxLength", json!(253));
    let paths = "/properties/rules/items/properties/http/properties/paths";
    set(&mut schema, paths, "minItems", json!(1));
    set(&mut schema, paths, "maxItems", json!(256));
    let path = format!("{paths}/items");
    set(&mut schema, &format!("{path}/properties/path"), "maxLength", json!(1024));
    let types = json!(["Exact", "ImplementationSpecific", "Prefix"]);
    set(&mut schema, &format!("{path}/properties/pathType"), "enum", types);
    set(&mut schema, &path, "x-kubernetes-validations", path_rules());
    for backend in [format!("{path}/properties/backend"), "/properties/defaultBackend".to_owned()] {
        let number = format!("{backend}/properties/service/properties/port/properties/number");
        set(&mut schema, &number, "minimum", json!(1));
        set(&mut schema, &number, "maximum", json!(65535));
    }
    schema
}

fn backend_or_rules() -> Value {
    json!([rule("has(self.rules) || has(self.defaultBackend)", "spec must have rules or a defaultBackend")])
}

fn path_rules() -> Value {
    json!([
        rule(
            "self.pathType == 'ImplementationSpecific' || (has(self.path) && self.path.startsWith('/'))",
            "path must start with '/' where pathType is Exact or Prefix",
        ),
        rule("has(self.backend.service)", "backend must name a service: gateways route to Services only"),
        rule(
            "!has(self.backend.service) || (has(self.backend.service.port) \
             && has(self.backend.service.port.name) != has(self.backend.service.port.number))",
            "backend.service.port must have exactly one of name and number",
        ),
    ])
}

/// Sets one keyword of the schema that `pointer` leads to; nothing when there is none, which the table of
/// bad objects would notice.
fn set(schema: &mut Schema, pointer: &str, keyword: &str, value: Value) {
    if let Some(Value::Object(part)) = schema.pointer_mut(pointer) {
        part.insert(keyword.to_owned(), value);
    }
}
