//! `HAProxy`: one thread, routes from a map, redirects by a regular expression.

use std::fmt::Write as _;
use std::fs;

use super::{Prepared, Site, certificate};
use crate::case::INTERNAL;

pub(super) fn prepare(site: &Site<'_>) -> Prepared {
    let file = site.folder.join("haproxy.cfg");
    fs::write(&file, config(site)?)?;
    Ok(Some(vec!["-db".into(), "-f".into(), file.into()]))
}

fn config(site: &Site<'_>) -> anyhow::Result<String> {
    let scheme = if site.case.tls() { "https" } else { "http" };
    let mut text = format!(
        "global\n  nbthread 1\n  no strict-limits\n  maxconn 12000\n{}\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 75s\n  timeout server 75s\n\
         \x20 timeout http-keep-alive 75s\n  http-reuse always\n{}\
         frontend front\n  bind 127.0.0.1:{}{}\n  option forwardfor\n\
         \x20 http-request set-header X-Forwarded-Proto {scheme}\n",
        if site.case.logs() { "  log stdout format raw local0\n" } else { "" },
        if site.case.logs() { "  log global\n  option httplog\n" } else { "" },
        site.port,
        binding(site)?,
    );
    if site.case.redirects() {
        let name = INTERNAL.replace('.', r"\.");
        text += "  http-request set-var(txn.host) req.hdr(host)\n";
        writeln!(
            text,
            r"  http-response replace-header Location ^http://{name}:{}(/.*)$ http://%[var(txn.host)]\1",
            site.backend.port()
        )?;
    }
    let routes = site.case.routes();
    if routes.len() > 1 {
        writeln!(text, "  use_backend %[base,map_beg({})]", map(site, &routes)?)?;
    } else {
        text += "  default_backend back\n";
    }
    write!(text, "backend back\n  server back {}\n", site.backend)?;
    Ok(text)
}

fn binding(site: &Site<'_>) -> anyhow::Result<String> {
    if site.case.tls() {
        let files = certificate::write(site.folder)?;
        let both = site.folder.join("both.pem");
        fs::write(&both, fs::read_to_string(files.certificate)? + &fs::read_to_string(files.key)?)?;
        return Ok(format!(" ssl crt {}", both.display()));
    }
    Ok(if site.case.http2() { " proto h2".to_owned() } else { String::new() })
}

/// Host and path together, as the client writes them.
fn map(site: &Site<'_>, routes: &[(String, String)]) -> anyhow::Result<String> {
    let file = site.folder.join("routes.map");
    let lines = routes.iter().map(|(host, path)| format!("{host}:{}{path}/ back\n", site.port));
    fs::write(&file, lines.collect::<String>())?;
    Ok(file.display().to_string())
}
