//! Writes the definitions as YAML, one file a kind, into a directory (`crds/yaml` unless named). With
//! `--check` it writes nothing and fails when a file is stale.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use spillway_crds::yaml;

const USAGE: &str = "usage: crdgen [--check] [DIRECTORY]";

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
    let (mut checking, mut dir) = (false, PathBuf::from("crds/yaml"));
    for argument in arguments {
        match argument.as_str() {
            "--check" => checking = true,
            flag if flag.starts_with('-') => return Err(format!("unknown flag {flag}; {USAGE}")),
            path => dir = path.into(),
        }
    }
    let done = if checking { check(&dir) } else { write(&dir) };
    done.map_err(|error| format!("{}: {error}", dir.display()))
}

fn write(dir: &Path) -> std::io::Result<()> {
    for path in yaml::write(dir)? {
        println!("{}", path.display());
    }
    Ok(())
}

fn check(dir: &Path) -> std::io::Result<()> {
    let stale = yaml::stale(dir)?;
    if stale.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = stale.iter().map(|path| path.display().to_string()).collect();
    Err(std::io::Error::other(format!("stale: {}; run `{}`", names.join(", "), yaml::COMMAND)))
}
