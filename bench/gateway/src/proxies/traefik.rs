//! Traefik: a router for each route, from a file. It rewrites no redirects.

use std::fs;

use serde_json::{Map, Value, json};

use super::{Prepared, Site, certificate};

pub(super) fn prepare(site: &Site<'_>) -> Prepared {
    if site.case.redirects() {
        return Ok(None);
    }
    // JSON is YAML. Another name: Traefik takes a traefik.yaml beside it for its own settings.
    let file = site.folder.join("routes.yaml");
    fs::write(&file, config(site)?.to_string())?;
    let mut options = vec![
        format!("--entryPoints.web.address=127.0.0.1:{}", site.port),
        format!("--providers.file.filename={}", file.display()),
        "--global.checkNewVersion=false".to_owned(),
        "--global.sendAnonymousUsage=false".to_owned(),
        "--log.level=FATAL".to_owned(),
    ];
    if site.case.logs() {
        options.push("--accesslog.filepath=/dev/null".to_owned());
    }
    Ok(Some(options.into_iter().map(Into::into).collect()))
}

fn config(site: &Site<'_>) -> anyhow::Result<Value> {
    let routers: Map<String, Value> = site
        .case
        .routes()
        .into_iter()
        .enumerate()
        .map(|(number, (host, path))| {
            let rule = format!("Host(`{host}`) && PathPrefix(`{path}`)");
            let mut router = json!({"rule": rule, "entryPoints": ["web"], "service": "back"});
            if site.case.tls() {
                router["tls"] = json!({});
            }
            (format!("r{number}"), router)
        })
        .collect();
    let server = json!({"url": format!("http://{}", site.backend)});
    let services = json!({"back": {"loadBalancer": {"servers": [server]}}});
    let mut config = json!({"http": {"routers": routers, "services": services}});
    if site.case.tls() {
        let files = certificate::write(site.folder)?;
        config["tls"] = json!({"certificates": [{"certFile": files.certificate, "keyFile": files.key}]});
    }
    Ok(config)
}
