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
                [pack(CONTROLLER, TAG, programs, dir).await?, pack(GATEWAY, TAG, programs, dir).await?]
            }
            Self::Release(archives) => {
                let version = env!("CARGO_PKG_VERSION");
                [released(CONTROLLER, version, archives)?, released(GATEWAY, version, archives)?]
            }
        })
    }

    /// The same under another tag.
    pub(super) async fn tagged(&self, tag: &str, programs: &Path, dir: &Path) -> Result<[PathBuf; 2]> {
        let Self::Release(_) = self else {
            return Ok([
                pack(CONTROLLER, tag, programs, dir).await?,
                pack(GATEWAY, tag, programs, dir).await?,
            ]);
        };
        let [controller, gateway] = self.product(programs, dir).await?;
        Ok([retag(CONTROLLER, tag, &controller, dir).await?, retag(GATEWAY, tag, &gateway, dir).await?])
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
    pack("world", TAG, programs, dir).await
}

async fn pack(program: &str, tag: &str, programs: &Path, dir: &Path) -> Result<PathBuf> {
    let (from, to) = (programs.join(program), dir.join(format!("{program}-{tag}.tar")));
    let name = format!("{program}:{tag}");
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

/// The same image under another tag: Docker loads it, as `make image` did, names it, and lets the name go again.
async fn retag(program: &str, tag: &str, archive: &Path, dir: &Path) -> Result<PathBuf> {
    let (to, name) = (dir.join(format!("{program}-{tag}.tar")), format!("{program}:{tag}"));
    let said = run("docker", &["load".as_ref(), "-q".as_ref(), "-i".as_ref(), archive.as_os_str()]).await?;
    // What else it says: that another image loses this name.
    let loaded = said.lines().find_map(|line| line.strip_prefix("Loaded image: "));
    let loaded = loaded.with_context(|| format!("docker load said {said:?}"))?;
    run("docker", &["tag", loaded, &name]).await?;
    run("docker", &["save".as_ref(), name.as_ref(), "-o".as_ref(), to.as_os_str()]).await?;
    run("docker", &["rmi", &name]).await?;
    Ok(to)
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}
