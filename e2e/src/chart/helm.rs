//! Helm: the program that `HELM` names, else compiled once a machine from its Go module, whose sums are pinned in
//! `e2e/helm`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};

use crate::controlplane::binaries::cache;

const SOURCES: [(&str, &str); 2] =
    [("go.mod", include_str!("../../helm/go.mod")), ("go.sum", include_str!("../../helm/go.sum"))];
const PACKAGE: &str = "helm.sh/helm/v4/cmd/helm";
/// The version in the folder's name and in what Helm says of itself.
const VERSION: &str = "v4.3.1";

/// Helm, with a home of its own: it neither reads nor writes the user's settings.
pub struct Helm {
    program: PathBuf,
    home: tempfile::TempDir,
}

impl Helm {
    /// Finds Helm, or compiles it (2 to 3 minutes of two cores, once). `None` where there is neither Helm nor Go.
    pub fn find_or_build(progress: &mut dyn FnMut(&str)) -> Result<Option<Self>> {
        let Some(program) = program(progress)? else { return Ok(None) };
        Ok(Some(Self { program, home: tempfile::tempdir()? }))
    }

    /// Runs it.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.program);
        for (variable, folder) in
            [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")]
        {
            command.env(variable, self.home.path().join(folder));
        }
        command.args(arguments).output().with_context(|| format!("run {}", self.program.display()))
    }

    /// Runs it; an error says what it said.
    pub fn succeed(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "helm {}: {said}", arguments.join(" "));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The chart's objects for these values (`a=b,c=d`), in the namespace `spillway-system`.
    pub fn render(&self, values: &str) -> Result<String> {
        let chart = super::directory();
        let chart = chart.to_str().context("the chart's path")?;
        self.succeed(&["template", "spillway", chart, "-n", "spillway-system", "--set", values])
    }
}

fn program(progress: &mut dyn FnMut(&str)) -> Result<Option<PathBuf>> {
    if let Some(named) = std::env::var_os("HELM").filter(|named| !named.is_empty()) {
        return Ok(Some(named.into()));
    }
    let dir = cache()?.join("helm").join(VERSION);
    let program = dir.join("helm");
    if program.is_file() {
        return Ok(Some(program));
    }
    if Command::new("go").arg("version").output().is_err() {
        return Ok(None);
    }
    build(&dir, &program, progress)?;
    Ok(Some(program))
}

fn build(dir: &Path, program: &Path, progress: &mut dyn FnMut(&str)) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    let lock = File::create(dir.join("lock"))?;
    lock.lock()?;
    if program.is_file() {
        return Ok(());
    }
    progress(&format!(
        "compiling Helm {VERSION} from its Go module: once on this machine, 2 to 3 minutes on two cores"
    ));
    for (name, text) in SOURCES {
        fs::write(dir.join(name), text)?;
    }
    let partial = dir.join("helm.partial");
    let flags = format!("-s -w -X helm.sh/helm/v4/internal/version.version={VERSION}");
    let status = Command::new("go")
        .args(["build", "-trimpath", "-ldflags", &flags, "-o"])
        .arg(&partial)
        .arg(PACKAGE)
        .current_dir(dir)
        .env("CGO_ENABLED", "0")
        .status()
        .context("run go build")?;
    if !status.success() {
        bail!("go build of {PACKAGE} in {} ended with {status}", dir.display());
    }
    fs::rename(&partial, program).context("put Helm in its place")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_in_go_mod() {
        assert!(SOURCES[0].1.contains(&format!("helm.sh/helm/v4 {VERSION}")));
    }
}
