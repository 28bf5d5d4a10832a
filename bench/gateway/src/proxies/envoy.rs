//! Envoy: one worker, a virtual host for each host, a prefix for each path. It rewrites no redirects.

use std::fs;

use serde_json::{Value, json};

use super::{Prepared, Site, certificate};

const HTTP: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const LOG: &str = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
const TLS: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
/// Enough to be never in the way.
const MANY: u32 = 20_000;

pub(super) fn prepare(site: &Site<'_>) -> Prepared {
    if site.case.redirects() {
        return Ok(None);
    }
    let file = site.folder.join("envoy.json");
    fs::write(&file, config(site)?.to_string())?;
    let options = ["--concurrency", "1", "--disable-hot-restart", "-l", "error", "-c"];
    Ok(Some(options.iter().map(Into::into).chain([file.into()]).collect()))
}

fn config(site: &Site<'_>) -> anyhow::Result<Value> {
    let mut chain = json!({"filters": [{
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": HTTP,
            "stat_prefix": "front",
            "use_remote_address": true,
            "route_config": {"virtual_hosts": virtual_hosts(site)},
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}],
        },
    }]});
    if site.case.logs() {
        let log = json!([{"name": "file", "typed_config": {"@type": LOG, "path": "/dev/null"}}]);
        chain["filters"][0]["typed_config"]["access_log"] = log;
    }
    if site.case.tls() {
        let files = certificate::write(site.folder)?;
        let pair = json!({
            "certificate_chain": {"filename": files.certificate},
            "private_key": {"filename": files.key},
        });
        let context = json!({"@type": TLS, "common_tls_context": {"tls_certificates": [pair]}});
        chain["transport_socket"] = json!({"name": "envoy.transport_sockets.tls", "typed_config": context});
    }
    let listener = json!({"address": address("127.0.0.1", site.port), "filter_chains": [chain]});
    Ok(json!({"static_resources": {"listeners": [listener], "clusters": [cluster(site)]}}))
}

fn virtual_hosts(site: &Site<'_>) -> Vec<Value> {
    let routes = site.case.routes();
    let of_hosts = routes.chunk_by(|(a, _), (b, _)| a == b).filter_map(|of_host| {
        let (host, _) = of_host.first()?;
        let to_back =
            |(_, path): &(String, String)| json!({"match": {"prefix": path}, "route": {"cluster": "back"}});
        let paths: Vec<Value> = of_host.iter().map(to_back).collect();
        Some(json!({"name": host, "domains": [host, format!("{host}:{}", site.port)], "routes": paths}))
    });
    of_hosts.collect()
}

fn cluster(site: &Site<'_>) -> Value {
    let endpoint =
        json!({"endpoint": {"address": address(&site.backend.ip().to_string(), site.backend.port())}});
    let threshold = json!({"max_connections": MANY, "max_pending_requests": MANY, "max_requests": MANY});
    json!({
        "name": "back",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [threshold]},
        "load_assignment": {"cluster_name": "back", "endpoints": [{"lb_endpoints": [endpoint]}]},
    })
}

fn address(host: &str, port: u16) -> Value {
    json!({"socket_address": {"address": host, "port_value": port}})
}
