//! Ours, from a file (docs/gateway-file.md).

use std::fmt::Write as _;
use std::fs;

use super::{Prepared, Site};
use crate::case::INTERNAL;

pub(super) fn prepare(site: &Site<'_>) -> Prepared {
    if site.case.tls() {
        return Ok(None);
    }
    let file = site.folder.join("gateway.yaml");
    fs::write(&file, config(site)?)?;
    Ok(Some(vec!["--config".into(), file.into(), "--lame-duck-seconds=0".into()]))
}

fn config(site: &Site<'_>) -> Result<String, std::fmt::Error> {
    let (port, backend) = (site.port, site.backend);
    let mut text = format!(
        "listen: {{http: \"127.0.0.1:{port}\", admin: \"127.0.0.1:0\"}}\n\
         priorities:\n  here: {{regions: [{{name: local}}]}}\n\
         backends:\n  back: {{endpoints: [\"{backend}\"], aliases: [\"{INTERNAL}:{}\"]}}\n\
         routes:\n",
        backend.port()
    );
    // A route without a priority is served and not judged: no SLIs.
    let priority = if site.case.everything() { ", priority: here" } else { "" };
    for (number, (host, path)) in site.case.routes().into_iter().enumerate() {
        writeln!(text, "- {{name: r{number}, host: {host}, path: {path}, backend: back{priority}}}")?;
    }
    Ok(text)
}
