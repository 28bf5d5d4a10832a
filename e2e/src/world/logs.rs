//! The logs of a world that failed, kept where somebody can read them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Result;

/// How many last lines of a log are shown.
const LINES: usize = 20;

/// Copies the logs of the world in `dir` out of it: to the directory that `KEEP_LOGS` names, else to
/// `spillway-logs` among the temporary files.
pub(super) fn keep(dir: &Path, number: u8) -> Result<PathBuf> {
    let root = std::env::var_os("KEEP_LOGS").filter(|dir| !dir.is_empty());
    let root = root.map_or_else(|| std::env::temp_dir().join("spillway-logs"), PathBuf::from);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let kept = root.join(format!("world-{number}-{now}"));
    fs::create_dir_all(&kept)?;
    for entry in fs::read_dir(dir.join("logs"))? {
        let entry = entry?;
        fs::copy(entry.path(), kept.join(entry.file_name()))?;
    }
    Ok(kept)
}

/// The last lines of the logs whose names begin with one of `prefixes`.
pub(super) fn last_lines(logs: &Path, prefixes: &[&str]) -> String {
    let Ok(entries) = fs::read_dir(logs) else { return String::new() };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let named = |file: &PathBuf| {
        let base = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        prefixes.iter().any(|prefix| base.starts_with(prefix))
    };
    files.iter().filter(|path| named(path)).map(|path| excerpt(path)).collect()
}

fn excerpt(path: &Path) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    format!("--- the end of {}\n{last}\n", path.display())
}
