//! Which images are under test: those of `make image`, or quick ones of a development build.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::tool::run;
use crate::chart::root;

/// The tag of what is made here.
const TAG: &str = "e2e";
/// The demo app.
pub(super) const APP: &str = "world:e2e";
/// The product.
pub(super) const CONTROLLER: &str = "spillway-controller";
pub(super) const GATEWAY: &str = "region-gateway";

/// The product's images.
pub enum Images {
    /// Made of the programs beside ours, with the libraries that they need: a second, where `make image` takes half an hour.
    Development,
    /// What `make image` left in this folder, under the tag that the chart takes by default.
    Release(PathBuf),
}

impl Images {
    /// The archives of the controller and the gateway.
    pub(super) async fn product(&self, programs: &Path, dir: &Path) -> Result<[PathBuf; 2]> {
        Ok(match self {
            Self::Development => {
                [pack(CONTROLLER, programs, dir).await?, pack(GATEWAY, programs, dir).await?]
            }
            Self::Release(archives) => {
                let version = env!("CARGO_PKG_VERSION");
                [released(CONTROLLER, version, archives)?, released(GATEWAY, version, archives)?]
            }
        })
    }

    /// The chart's values for them. Nothing is ever pulled.
    pub(super) fn values(&self) -> String {
        match self {
            Self::Development => format!("image.pullPolicy=Never,image.tag={TAG}"),
            Self::Release(_) => "image.pullPolicy=Never".to_owned(),
        }
    }
}

/// The archive of the demo app, which is always made here.
pub(super) async fn app(programs: &Path, dir: &Path) -> Result<PathBuf> {
    pack("world", programs, dir).await
}

async fn pack(program: &str, programs: &Path, dir: &Path) -> Result<PathBuf> {
    let (from, to) = (programs.join(program), dir.join(format!("{program}.tar")));
    let name = format!("{program}:{TAG}");
    let script = root().join("image/archive.sh");
    run(&script, &[from.as_os_str(), name.as_ref(), architecture().as_ref(), to.as_os_str()]).await?;
    Ok(to)
}

/// What `make image` of a version left in a folder.
pub(super) fn released(program: &str, version: &str, archives: &Path) -> Result<PathBuf> {
    let archive = archives.join(format!("{program}-{version}-{}.tar", architecture()));
    ensure!(
        archive.is_file(),
        "there is no {}: run `make image` without TAG and REGISTRY",
        archive.display()
    );
    Ok(archive)
}

/// The same image under another tag: Docker loads it, names it, and lets the name go again.
pub(super) async fn tagged(program: &str, tag: &str, archive: &Path, dir: &Path) -> Result<PathBuf> {
    let (to, name) = (dir.join(format!("{program}-{tag}.tar")), format!("{program}:{tag}"));
    let said = run("docker", &["load".as_ref(), "-q".as_ref(), "-i".as_ref(), archive.as_os_str()]).await?;
    let loaded = said.trim().strip_prefix("Loaded image: ");
    let loaded = loaded.with_context(|| format!("docker load said {said:?}"))?;
    run("docker", &["tag", loaded, &name]).await?;
    run("docker", &["save".as_ref(), name.as_ref(), "-o".as_ref(), to.as_os_str()]).await?;
    run("docker", &["rmi", &name]).await?;
    Ok(to)
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}
