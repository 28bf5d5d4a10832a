//! nginx: one worker, a server for each host, a location for each path.

use std::fmt::Write as _;
use std::fs;

use super::{Prepared, Site, certificate};
use crate::case::INTERNAL;

pub(super) fn prepare(site: &Site<'_>) -> Prepared {
    let file = site.folder.join("nginx.conf");
    fs::write(&file, config(site)?)?;
    let (folder, errors) = (site.folder.as_os_str().to_owned(), "stderr".into());
    Ok(Some(vec!["-p".into(), folder, "-e".into(), errors, "-c".into(), file.into()]))
}

fn config(site: &Site<'_>) -> anyhow::Result<String> {
    let redirect = if site.case.redirects() {
        format!("http://{INTERNAL}:{}/ http://$http_host/", site.backend.port())
    } else {
        "off".to_owned()
    };
    let log = if site.case.logs() { "/dev/null combined" } else { "off" };
    let mut text = format!(
        "daemon off;\nuser root;\nworker_processes 1;\nworker_rlimit_nofile 20000;\npid nginx.pid;\nerror_log stderr crit;\n\
         events {{ worker_connections 15000; }}\n\
         http {{\naccess_log {log};\nkeepalive_timeout 75;\nkeepalive_requests 1000000000;\ntcp_nodelay on;\n\
         client_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\n\
         scgi_temp_path scgi;\nproxy_buffers 32 8k;\nserver_names_hash_max_size 4096;\nserver_names_hash_bucket_size 128;\n\
         upstream back {{ server {}; keepalive 256; keepalive_requests 1000000000; }}\n\
         proxy_http_version 1.1;\nproxy_set_header Connection \"\";\nproxy_set_header Host $http_host;\n\
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\nproxy_set_header X-Forwarded-Proto $scheme;\n\
         proxy_redirect {redirect};\n",
        site.backend
    );
    if site.case.tls() {
        let files = certificate::write(site.folder)?;
        writeln!(text, "ssl_certificate {};", files.certificate.display())?;
        writeln!(text, "ssl_certificate_key {};", files.key.display())?;
    }
    servers(site, &mut text)?;
    text.push_str("}\n");
    Ok(text)
}

/// Routes stand together by host.
fn servers(site: &Site<'_>, text: &mut String) -> std::fmt::Result {
    let routes = site.case.routes();
    let listen = match (site.case.tls(), site.case.http2()) {
        (true, _) => " ssl",
        (_, true) => " http2",
        _ => "",
    };
    for of_host in routes.chunk_by(|(a, _), (b, _)| a == b) {
        let Some((host, _)) = of_host.first() else { continue };
        writeln!(text, "server {{ listen 127.0.0.1:{}{listen}; server_name {host};", site.port)?;
        for (_, path) in of_host {
            writeln!(text, "location {path} {{ proxy_pass http://back; }}")?;
        }
        text.push_str("}\n");
    }
    Ok(())
}
