//! The number of a world: the first free one of 10 to 120, held by a file lock for as long as the world's
//! supervisor lives. Its addresses are 127.N.0.0/16 and its directory is `spillway-world-N`, both in the
//! system's directory for temporary files, so that several worlds of several users can stand side by side.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The numbers there are.
pub const NUMBERS: std::ops::RangeInclusive<u8> = 10..=120;

/// A number that is ours until this is dropped, and an empty directory for it.
#[derive(Debug)]
pub struct Claim {
    number: u8,
    dir: PathBuf,
    lock_path: PathBuf,
    _lock: File,
}

/// The directory of world `number` under `root`.
#[must_use]
pub fn dir(root: &Path, number: u8) -> PathBuf {
    root.join(format!("spillway-world-{number}"))
}

impl Claim {
    /// Claims the first free number under `root`.
    pub fn first_free(root: &Path) -> Result<Self> {
        for number in NUMBERS {
            if let Some(claim) = Self::of(root, number)? {
                return Ok(claim);
            }
        }
        bail!("all world numbers from {} to {} are taken", NUMBERS.start(), NUMBERS.end())
    }

    fn of(root: &Path, number: u8) -> Result<Option<Self>> {
        let lock_path = root.join(format!("spillway-world-{number}.lock"));
        let Some(lock) = lock(&lock_path)? else { return Ok(None) };
        let dir = dir(root, number);
        // What a supervisor left that was killed itself. Another user's cannot be removed: next number.
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Ok(None),
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(&dir).with_context(|| format!("create {}", dir.display()))?;
        Ok(Some(Self { number, dir, lock_path, _lock: lock }))
    }

    /// The claimed number.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.number
    }

    /// The claimed directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Best effort: whatever stays is removed by the next claim of this number.
        let _ = std::fs::remove_dir_all(&self.dir);
        let _ = std::fs::remove_file(&self.lock_path);
    }
}

/// The lock on a file, unless another holds it. A lock on a file that was removed meanwhile guards nothing,
/// so the path must still lead to the file that was locked.
fn lock(path: &Path) -> Result<Option<File>> {
    for _ in 0..16 {
        let file = match open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("open {}", path.display())),
        };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("lock {}", path.display()));
            }
            Ok(()) => {}
        }
        if std::fs::metadata(path)
            .is_ok_and(|there| file.metadata().is_ok_and(|ours| ours.ino() == there.ino()))
        {
            return Ok(Some(file));
        }
    }
    bail!("{} is replaced again and again", path.display())
}

/// Opens for reading where the file is there: another user's file in a sticky directory may not be opened with
/// `O_CREAT`, and a lock needs no write access.
fn open(path: &Path) -> std::io::Result<File> {
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o644).open(path)
        }
        other => other,
    }
}

/// The numbers under `root` that are held by a living supervisor.
#[must_use]
pub fn living(root: &Path) -> Vec<u8> {
    let held = |path: &Path| {
        File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    };
    NUMBERS.filter(|number| held(&root.join(format!("spillway-world-{number}.lock")))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worlds_side_by_side_have_different_numbers() {
        let root = tempfile::tempdir().unwrap();
        let first = Claim::first_free(root.path()).unwrap();
        let second = Claim::first_free(root.path()).unwrap();
        assert_eq!((first.number(), second.number()), (10, 11));
        assert_eq!(living(root.path()), [10, 11]);
    }

    #[test]
    fn a_dropped_claim_leaves_nothing_and_frees_the_number() {
        let root = tempfile::tempdir().unwrap();
        let claim = Claim::first_free(root.path()).unwrap();
        std::fs::write(claim.dir().join("data"), "x").unwrap();
        drop(claim);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
        assert_eq!(Claim::first_free(root.path()).unwrap().number(), 10);
    }

    #[test]
    fn the_directory_of_a_killed_supervisor_is_taken_over_empty() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir(root.path(), 10)).unwrap();
        std::fs::write(dir(root.path(), 10).join("data"), "x").unwrap();
        let claim = Claim::first_free(root.path()).unwrap();
        assert_eq!(claim.number(), 10);
        assert_eq!(std::fs::read_dir(claim.dir()).unwrap().count(), 0);
    }
}
