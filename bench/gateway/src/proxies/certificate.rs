//! The certificate that all proxies show to clients.

use std::fs;
use std::path::{Path, PathBuf};

use crate::case::HOST;

/// PEM files.
pub(super) struct Certificate {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// A fresh one for the host that is asked for (ECDSA P-256).
pub(super) fn write(folder: &Path) -> anyhow::Result<Certificate> {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
    let files = Certificate { certificate: folder.join("tls.crt"), key: folder.join("tls.key") };
    fs::write(&files.certificate, made.cert.pem())?;
    fs::write(&files.key, made.signing_key.serialize_pem())?;
    Ok(files)
}
