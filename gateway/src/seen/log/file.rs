//! Where lines end up: a file that may be moved away under the writer, or standard output.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// An open log.
pub(super) struct Output {
    to: To,
    /// Said once, until it works again.
    broken: bool,
}

enum To {
    Stdout,
    File { path: PathBuf, file: File },
}

impl Output {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let to = if path == Path::new("-") {
            To::Stdout
        } else {
            To::File { path: path.to_owned(), file: append(path)? }
        };
        Ok(Self { to, broken: false })
    }

    /// Whether everything was written.
    pub(super) fn write(&mut self, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let written = match &mut self.to {
            To::Stdout => io::stdout().lock().write_all(bytes).and_then(|()| io::stdout().flush()),
            To::File { file, .. } => file.write_all(bytes),
        };
        let broke = written.as_ref().err();
        if let Some(error) = broke.filter(|_| !self.broken) {
            tracing::error!(%error, "the access log cannot be written; its lines are counted as lost");
        } else if broke.is_none() && self.broken {
            tracing::info!("the access log is written again");
        }
        self.broken = broke.is_some();
        !self.broken
    }

    /// Opens the file anew if that is asked, or if another one, or none, lies where it was.
    pub(super) fn follow(&mut self, asked: bool) {
        let To::File { path, file } = &mut self.to else { return };
        if !asked && is_same(path, file) {
            return;
        }
        match append(path) {
            Ok(opened) => *file = opened,
            Err(error) if !self.broken => {
                tracing::error!(%error, path = %path.display(), "the access log cannot be opened again");
                self.broken = true;
            }
            Err(_) => {}
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn is_same(path: &Path, file: &File) -> bool {
    let id = |metadata: Metadata| (metadata.dev(), metadata.ino());
    match (std::fs::metadata(path), file.metadata()) {
        (Ok(there), Ok(ours)) => id(there) == id(ours),
        _ => false,
    }
}
