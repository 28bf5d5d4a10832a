//! The routes of a file, as the Ingresses that would say the same.

use spillway_decide::routes::{
    BackendRef, Ingress, IngressPath, IngressRule, LimitedTo, PathType, Policy, PortRef, Rejection,
    RouteTable, SpillPolicy, compile,
};

use super::{FileLimit, FilePathType, FileRoute, FileSpill, GatewayFile};

/// Stands where a namespace does for objects.
const NAMESPACE: &str = "file";
/// Stands where a Service's port does.
const PORT: &str = "endpoints";

/// The routes, and those that cannot be used.
pub(super) fn compile_routes(file: &GatewayFile) -> (RouteTable, Vec<Rejection>) {
    compile((0..).zip(&file.routes).map(|(order, route)| read_route(order, route)).collect())
}

fn read_route(order: i64, route: &FileRoute) -> Ingress {
    let path = IngressPath {
        path: Some(route.path.clone()),
        path_type: match route.path_type {
            FilePathType::Prefix => PathType::Prefix,
            FilePathType::Exact => PathType::Exact,
        },
        service: route.backend.clone(),
        port: PortRef::Name(PORT.to_owned()),
    };
    Ingress {
        namespace: NAMESPACE.to_owned(),
        name: route.name.clone(),
        // The first in the file is the oldest.
        created: order,
        priority: route.priority.clone(),
        redirect_aliases: route.redirect_aliases.clone(),
        probe_path: route.probe.as_ref().map(|probe| probe.path.clone()),
        probe_host: route.probe.as_ref().and_then(|probe| probe.host.clone()),
        spill: match route.spill {
            FileSpill::All => SpillPolicy::All,
            FileSpill::SafeMethods => SpillPolicy::SafeMethods,
            FileSpill::None => SpillPolicy::None,
        },
        max_body_bytes: route.max_body_bytes,
        strip_prefix: route.strip_prefix,
        rewrite_links: route.rewrite_links,
        https_redirect: route.https_redirect,
        policy: read_policy(route),
        rules: vec![IngressRule { host: route.host.clone(), paths: vec![path] }],
        default_backend: None,
    }
}

fn read_policy(route: &FileRoute) -> Policy {
    let usual = Policy::default();
    Policy {
        connect_timeout_milliseconds: route
            .connect_timeout_milliseconds
            .unwrap_or(usual.connect_timeout_milliseconds),
        response_timeout_milliseconds: route
            .response_timeout_milliseconds
            .unwrap_or(usual.response_timeout_milliseconds),
        idle_timeout_milliseconds: route.idle_timeout_milliseconds,
        retries: route.retries.unwrap_or(usual.retries),
        retry_on_status: route.retry_on_status.clone(),
        slow_start_seconds: route.slow_start_seconds.unwrap_or(usual.slow_start_seconds),
        affinity_cookie: route.affinity_cookie.clone(),
        concurrency_limit: match route.concurrency_limit {
            FileLimit::None => LimitedTo::None,
            FileLimit::Spilled => LimitedTo::Spilled,
            FileLimit::All => LimitedTo::All,
        },
    }
}

/// A backend of the file, as a route names it.
pub(super) fn reference(name: &str) -> BackendRef {
    BackendRef { namespace: NAMESPACE.into(), service: name.to_owned(), port: PortRef::Name(PORT.to_owned()) }
}
