//! Ingress objects as the plain data that routes are compiled from.

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, Ingress as Object, IngressBackend, IngressRule as RuleObject, IngressServiceBackend,
};
use spillway_crds::names::annotations;
use spillway_decide::routes::{
    Ingress, IngressPath, IngressRule, PathType, Policy, PortRef, Rejection, SpillPolicy,
};

/// Reads one Ingress; what cannot be used is named in `rejections` and left out.
pub(super) fn read(object: &Object, rejections: &mut Vec<Rejection>) -> Ingress {
    let metadata = &object.metadata;
    let namespace = metadata.namespace.clone().unwrap_or_default();
    let name = metadata.name.clone().unwrap_or_default();
    let mut reject = |message: String| {
        rejections.push(Rejection { ingress: format!("{namespace}/{name}"), message });
    };
    let annotation = |key: &str| metadata.annotations.as_ref().and_then(|all| all.get(key)).cloned();
    let spec = object.spec.as_ref();
    let rules: Vec<IngressRule> = spec
        .and_then(|spec| spec.rules.as_deref())
        .unwrap_or_default()
        .iter()
        .map(|rule| read_rule(rule, &mut reject))
        .collect();
    let default_backend = spec.and_then(|spec| spec.default_backend.as_ref());
    Ingress {
        created: metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second()),
        priority: annotation(annotations::PRIORITY),
        redirect_aliases: annotation(annotations::REDIRECT_ALIASES)
            .map(|list| {
                list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
            })
            .unwrap_or_default(),
        probe_path: annotation(annotations::PROBE_PATH).filter(|path| path.starts_with('/')),
        probe_host: annotation(annotations::PROBE_HOST).filter(|host| !host.is_empty()),
        spill: read_spill(annotation(annotations::SPILL).as_deref(), &mut reject),
        strip_prefix: false,
        rewrite_links: read_switch(annotations::REWRITE_LINKS, &annotation, &mut reject),
        https_redirect: read_switch(annotations::HTTPS_REDIRECT, &annotation, &mut reject),
        max_body_bytes: read_max_body(annotation(annotations::MAX_BODY_BYTES).as_deref(), &mut reject),
        policy: read_policy(&annotation, &mut reject),
        default_backend: default_backend.and_then(|backend| read_backend(backend, &mut reject)),
        rules,
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
    }
}

/// A bound that nobody understands bounds nothing, and is told.
fn read_max_body(text: Option<&str>, reject: &mut impl FnMut(String)) -> Option<u64> {
    let text = text?;
    let bytes = text.parse().ok();
    if bytes.is_none() {
        reject(format!(
            "annotation {}: {text:?} is no whole number of bytes, such as 1048576",
            annotations::MAX_BODY_BYTES
        ));
    }
    bytes
}

/// Never by surprise: what is not plainly `true` is off, and told.
fn read_switch(
    name: &str,
    annotation: &impl Fn(&str) -> Option<String>,
    reject: &mut impl FnMut(String),
) -> bool {
    match annotation(name).as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            reject(format!("annotation {name}: {other:?} is neither true nor false"));
            false
        }
    }
}

/// Settings that nobody understands are told, and stay as they are by default.
fn read_policy(annotation: &impl Fn(&str) -> Option<String>, reject: &mut impl FnMut(String)) -> Policy {
    let mut policy = Policy::default();
    for key in annotations::POLICY {
        let name = key.rsplit('/').next().unwrap_or(key);
        if let Some(Err(message)) = annotation(key).and_then(|text| policy.set(name, &text)) {
            reject(format!("annotation {key}: {message}"));
        }
    }
    policy
}

/// A policy that nobody understands keeps requests at home: the careful one of the two errors.
fn read_spill(text: Option<&str>, reject: &mut impl FnMut(String)) -> SpillPolicy {
    match text {
        None | Some("All") => SpillPolicy::All,
        Some("SafeMethods") => SpillPolicy::SafeMethods,
        Some("None") => SpillPolicy::None,
        Some(other) => {
            reject(format!("annotation {}: {other:?} is none of All, SafeMethods, None", annotations::SPILL));
            SpillPolicy::None
        }
    }
}

fn read_rule(rule: &RuleObject, reject: &mut impl FnMut(String)) -> IngressRule {
    let paths = rule.http.as_ref().map(|http| http.paths.as_slice()).unwrap_or_default();
    IngressRule {
        host: rule.host.clone(),
        paths: paths.iter().filter_map(|path| read_path(path, reject)).collect(),
    }
}

fn read_path(path: &HTTPIngressPath, reject: &mut impl FnMut(String)) -> Option<IngressPath> {
    let (service, port) = read_backend(&path.backend, reject)?;
    let path_type = match path.path_type.as_str() {
        "Exact" => PathType::Exact,
        "Prefix" => PathType::Prefix,
        _ => PathType::ImplementationSpecific,
    };
    Some(IngressPath { path: path.path.clone(), path_type, service, port })
}

fn read_backend(backend: &IngressBackend, reject: &mut impl FnMut(String)) -> Option<(String, PortRef)> {
    let Some(service) = &backend.service else {
        reject("backend.resource: only backends of kind Service are served".to_owned());
        return None;
    };
    let port = read_port(service);
    if port.is_none() {
        reject(format!("backend.service.port of {}: a name or a number from 1 to 65535", service.name));
    }
    port.map(|port| (service.name.clone(), port))
}

fn read_port(service: &IngressServiceBackend) -> Option<PortRef> {
    let port = service.port.as_ref()?;
    match (&port.name, port.number) {
        (Some(name), None) => Some(PortRef::Name(name.clone())),
        (None, Some(number)) => u16::try_from(number).ok().map(PortRef::Number),
        _ => None,
    }
}
