//! Writes the definitions as YAML, one file a kind, into a directory, and the page of all their fields (`crds/yaml` and
//! `docs/api-fields.md` unless named). With `--check` it writes nothing and fails when a file is stale.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use spillway_crds::{reference, yaml};

const USAGE: &str = "usage: crdgen [--check] [DIRECTORY PAGE]";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let (mut checking, mut places) = (false, Vec::new());
    for argument in arguments {
        match argument.as_str() {
            "--check" => checking = true,
            flag if flag.starts_with('-') => return Err(format!("unknown flag {flag}; {USAGE}")),
            path => places.push(PathBuf::from(path)),
        }
    }
    let (dir, page) = match places.as_slice() {
        [] => (PathBuf::from("crds/yaml"), PathBuf::from("docs/api-fields.md")),
        [dir, page] => (dir.clone(), page.clone()),
        _ => return Err(format!("a directory and a page, or neither; {USAGE}")),
    };
    let done = if checking { check(&dir, page) } else { write(&dir, &page) };
    done.map_err(|error| format!("{}: {error}", dir.display()))
}

fn write(dir: &Path, page: &Path) -> std::io::Result<()> {
    reference::write(page)?;
    for path in yaml::write(dir)?.iter().map(PathBuf::as_path).chain([page]) {
        println!("{}", path.display());
    }
    Ok(())
}

fn check(dir: &Path, page: PathBuf) -> std::io::Result<()> {
    let mut stale = yaml::stale(dir)?;
    if reference::is_stale(&page) {
        stale.push(page);
    }
    if stale.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = stale.iter().map(|path| path.display().to_string()).collect();
    Err(std::io::Error::other(format!("stale: {}; run `{}`", names.join(", "), yaml::COMMAND)))
}
