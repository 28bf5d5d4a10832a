//! Ours, from a file (docs/gateway-file.md).

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use super::{Prepared, Site, certificate};
use crate::case::INTERNAL;

pub(super) fn prepare(site: &Site<'_>) -> Prepared {
    let fields = fields(site)?;
    let offers = |field: &str| fields.get(field).is_some();
    if site.case.tls() && !offers("tls") {
        return Ok(None);
    }
    let mut text = config(site)?;
    if site.case.tls() {
        let files = certificate::write(site.folder)?;
        let (certificate, key) = (files.certificate.display(), files.key.display());
        writeln!(text, "tls: [{{certificate: {certificate}, key: {key}}}]")?;
    }
    if site.case.logs() && offers("observability") {
        writeln!(text, "observability: {{accessLog: /dev/null}}")?;
    }
    let file = site.folder.join("gateway.yaml");
    fs::write(&file, text)?;
    Ok(Some(vec!["--config".into(), file.into(), "--lame-duck-seconds=0".into()]))
}

/// The fields that this gateway's file may have, by its own schema: older ones have fewer.
fn fields(site: &Site<'_>) -> anyhow::Result<Value> {
    let output = Command::new(site.program).arg("--print-schema").output().context("--print-schema")?;
    let schema: Value = serde_json::from_slice(&output.stdout).context("--print-schema")?;
    Ok(schema["properties"].clone())
}

fn config(site: &Site<'_>) -> Result<String, std::fmt::Error> {
    let (port, backend) = (site.port, site.backend);
    let listen = if site.case.tls() {
        format!("http: \"127.0.0.1:0\", https: \"127.0.0.1:{port}\"")
    } else {
        format!("http: \"127.0.0.1:{port}\"")
    };
    let mut text = format!(
        "listen: {{{listen}, admin: \"127.0.0.1:0\"}}\n\
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
