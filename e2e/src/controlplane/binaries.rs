//! Where the control plane's programs come from.
//!
//! `KUBEBUILDER_ASSETS` where it names a directory with etcd and kube-apiserver. Else they are compiled, once
//! a machine and version, from their Go modules: `controlplane/` in this crate is one Go program that is each
//! of them by the name it is called by. No binaries are downloaded that nobody has read.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The Kubernetes version that is compiled, as the linker is told.
const VERSION: &str = "v1.36.3";

const SOURCES: [(&str, &str); 3] = [
    ("go.mod", include_str!("../../controlplane/go.mod")),
    ("go.sum", include_str!("../../controlplane/go.sum")),
    ("main.go", include_str!("../../controlplane/main.go")),
];

const PROGRAMS: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];

/// The programs of a control plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The store.
    pub etcd: PathBuf,
    /// The API server.
    pub apiserver: PathBuf,
    /// Garbage collection and namespace deletion; `KUBEBUILDER_ASSETS` may lack it.
    pub controller_manager: Option<PathBuf>,
    /// For people; `KUBEBUILDER_ASSETS` may lack it.
    pub kubectl: Option<PathBuf>,
}

impl Binaries {
    /// Finds the programs, or compiles them (minutes, once), telling `progress` what happens.
    pub fn find_or_build(progress: &mut dyn FnMut(&str)) -> Result<Self> {
        if let Some(assets) = std::env::var_os("KUBEBUILDER_ASSETS").filter(|dir| !dir.is_empty()) {
            let dir = Path::new(&assets);
            return Self::in_dir(dir).with_context(|| {
                format!("KUBEBUILDER_ASSETS names {}: it must have etcd and kube-apiserver", dir.display())
            });
        }
        let dir = cache()?.join("controlplane").join(fingerprint());
        if let Some(found) = Self::in_dir(&dir) {
            return Ok(found);
        }
        build(&dir, progress)?;
        Self::in_dir(&dir).with_context(|| format!("the build left no programs in {}", dir.display()))
    }

    fn in_dir(dir: &Path) -> Option<Self> {
        let at = |name: &str| Some(dir.join(name)).filter(|path| path.is_file());
        Some(Self {
            etcd: at("etcd")?,
            apiserver: at("kube-apiserver")?,
            controller_manager: at("kube-controller-manager"),
            kubectl: at("kubectl"),
        })
    }
}

/// Spillway's directory for what is slow to make: `SPILLWAY_CACHE`, else `spillway` in the user's cache.
pub fn cache() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("SPILLWAY_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("spillway")))
        .or_else(|| set("HOME").map(|dir| dir.join(".cache/spillway")))
        .context("none of SPILLWAY_CACHE, XDG_CACHE_HOME and HOME is set")
}

/// A name for what is compiled: FNV-1a over the sources. No secret hangs on it, only the freshness of a cache.
fn fingerprint() -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in SOURCES.iter().flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()]).flatten() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{VERSION}-{hash:016x}")
}

fn build(dir: &Path, progress: &mut dyn FnMut(&str)) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    let lock = File::create(dir.join("lock"))?;
    if lock.try_lock().is_err() {
        progress("another process is compiling the control plane; waiting for it");
        lock.lock()?;
    }
    if Binaries::in_dir(dir).is_some() {
        return Ok(());
    }
    progress(&format!(
        "compiling etcd and Kubernetes {VERSION} from their Go modules: once on this machine, about 7 minutes on two cores"
    ));
    let source = dir.join("source");
    fs::create_dir_all(&source)?;
    for (name, text) in SOURCES {
        File::create(source.join(name))?.write_all(text.as_bytes())?;
    }
    compile(&source, &dir.join("controlplane"))?;
    for program in PROGRAMS {
        let link = dir.join(program);
        if link.symlink_metadata().is_err() {
            symlink("controlplane", &link).with_context(|| format!("link {}", link.display()))?;
        }
    }
    progress("the control plane is compiled");
    Ok(())
}

fn compile(source: &Path, output: &Path) -> Result<()> {
    let version = "k8s.io/component-base/version";
    let flags = format!(
        "-s -w -X {version}.gitVersion={VERSION} -X {version}.gitMajor=1 -X {version}.gitMinor=36 -X {version}.gitTreeState=clean"
    );
    let status = Command::new("go")
        .args(["build", "-trimpath", "-ldflags", &flags, "-o"])
        .arg(output)
        .arg(".")
        .current_dir(source)
        .env("CGO_ENABLED", "0")
        .status()
        .context("run go build: is Go installed? (or set KUBEBUILDER_ASSETS)")?;
    if !status.success() {
        bail!("go build in {} ended with {status}", source.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_need_etcd_and_an_api_server_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        File::create(dir.path().join("etcd")).unwrap();
        assert_eq!(Binaries::in_dir(dir.path()), None);
        File::create(dir.path().join("kube-apiserver")).unwrap();
        let found = Binaries::in_dir(dir.path()).unwrap();
        assert_eq!((found.etcd, found.kubectl), (dir.path().join("etcd"), None));
    }

    #[test]
    fn the_version_told_to_the_linker_is_the_one_in_go_mod() {
        assert!(SOURCES[0].1.contains(&format!("k8s.io/kubernetes {VERSION}")));
    }
}
