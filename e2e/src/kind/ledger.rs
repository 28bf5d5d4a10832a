//! Which clusters are ours: their names, written before they are made and locked for as long as we live. A run that was killed
//! leaves its names and no lock; the next one ends those clusters, and no others.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::cluster::PREFIX;
use super::tool::run;

/// The names, in a file.
#[derive(Debug)]
pub struct Ledger {
    file: File,
    dir: PathBuf,
}

impl Ledger {
    /// Opens the ledger of `dir`; an error if another run has it.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join("clusters");
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let file = file.with_context(|| format!("open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, dir: dir.to_owned() }),
            Err(TryLockError::WouldBlock) => {
                bail!("another run has {}: wait for it, or give another --output", dir.display())
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("lock {}", path.display())),
        }
    }

    /// Writes a name down. To be called before the cluster is made.
    pub(super) fn add(&self, name: &str) -> Result<()> {
        writeln!(&self.file, "{name}").context("write the ledger")
    }

    /// The names in it. What does not look like ours is passed over.
    pub fn names(&self) -> Result<Vec<String>> {
        let (mut text, mut file) = (String::new(), &self.file);
        file.rewind()?;
        file.read_to_string(&mut text)?;
        Ok(text.lines().filter(|name| name.starts_with(PREFIX)).map(str::to_owned).collect())
    }

    /// Ends every cluster in it, also one that was only half made. What fails stays for the next run.
    pub async fn end_all(&self) -> Result<()> {
        // Not the user's own kubeconfig, which kind would look into.
        let kubeconfig = self.dir.join("ended.kubeconfig");
        let kubeconfig = kubeconfig.to_str().context("the kubeconfig's path")?;
        for name in self.names()? {
            run("kind", &["delete", "cluster", "-q", "--name", &name, "--kubeconfig", kubeconfig]).await?;
        }
        self.forget()
    }

    /// Leaves its clusters to the user.
    pub fn forget(&self) -> Result<()> {
        self.file.set_len(0).context("empty the ledger")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outlive_the_run_that_wrote_them() {
        let dir = tempfile::tempdir().unwrap();
        let killed = Ledger::open(dir.path()).unwrap();
        killed.add("spillway-e2e-1-hub").unwrap();
        killed.add("somebody-elses").unwrap();
        let error = Ledger::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("another run"), "{error}");
        drop(killed);
        let next = Ledger::open(dir.path()).unwrap();
        assert_eq!(next.names().unwrap(), ["spillway-e2e-1-hub"]);
        next.forget().unwrap();
        assert!(next.names().unwrap().is_empty());
    }
}
