//! Which images are under test: those of `make image`, or quick ones of a development build.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::tool::run;
use crate::chart::root;

/// The tag of what is made here.
const TAG: &str = "e2e";
/// The demo app.
pub(super) const APP: &str = "world:e2e";
/// The product's images, in the order of [`Images::archives`].
const PRODUCT: [&str; 2] = ["spillway-controller", "region-gateway"];

/// The product's images.
pub enum Images {
    /// Made of the programs beside ours, with the libraries that they need: a second, where `make image` takes half an hour.
    Development,
    /// What `make image` left in this folder, under the tag that the chart takes by default.
    Release(PathBuf),
}

impl Images {
    /// The archives of the controller, the gateway and the demo app. The app's is always made here.
    pub(super) async fn archives(&self, programs: &Path, dir: &Path) -> Result<[PathBuf; 3]> {
        let mut made = Vec::new();
        for program in PRODUCT {
            made.push(match self {
                Self::Development => pack(program, programs, dir).await?,
                Self::Release(archives) => released(program, archives)?,
            });
        }
        made.push(pack("world", programs, dir).await?);
        <[PathBuf; 3]>::try_from(made).ok().context("three archives")
    }

    /// The chart's values for them. Nothing is ever pulled.
    pub(super) fn values(&self) -> String {
        match self {
            Self::Development => format!("image.pullPolicy=Never,image.tag={TAG}"),
            Self::Release(_) => "image.pullPolicy=Never".to_owned(),
        }
    }
}

async fn pack(program: &str, programs: &Path, dir: &Path) -> Result<PathBuf> {
    let (from, to) = (programs.join(program), dir.join(format!("{program}.tar")));
    let name = format!("{program}:{TAG}");
    let script = root().join("image/archive.sh");
    run(&script, &[from.as_os_str(), name.as_ref(), architecture().as_ref(), to.as_os_str()]).await?;
    Ok(to)
}

fn released(program: &str, archives: &Path) -> Result<PathBuf> {
    let name = format!("{program}-{}-{}.tar", env!("CARGO_PKG_VERSION"), architecture());
    let archive = archives.join(&name);
    ensure!(
        archive.is_file(),
        "there is no {}: run `make image` without TAG and REGISTRY",
        archive.display()
    );
    Ok(archive)
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}
