//! How the product's programs and the world's own helpers are started.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::address::{Addresses, Ports, at};
use super::cluster::Identity;
use super::options::Options;
use crate::faultproxy::LinkSpec;
use crate::process::Spec;

/// Finds one of our programs: in `SPILLWAY_BIN_DIR`, beside the running program, or one directory above it
/// (tests run in `deps/`).
pub(crate) fn find(name: &str) -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let near = exe.ancestors().skip(1).take(2).map(Path::to_owned);
    let dirs: Vec<PathBuf> =
        std::env::var_os("SPILLWAY_BIN_DIR").map(PathBuf::from).into_iter().chain(near).collect();
    dirs.iter().map(|dir| dir.join(name)).find(|path| path.is_file()).with_context(|| {
        format!("{name} is in none of {dirs:?}: build it first (cargo build), or set SPILLWAY_BIN_DIR")
    })
}

/// What a program's command line is made of.
pub(super) struct Setting<'a> {
    pub(super) options: &'a Options,
    pub(super) ports: &'a Ports,
    pub(super) dir: &'a Path,
    pub(super) number: u8,
}

impl Setting<'_> {
    /// Where a replica of the controller listens.
    pub(super) fn controller_listens(&self, replica: u8) -> SocketAddrV4 {
        let hub = Addresses::of(self.number, 0);
        at(if replica == 0 { hub.gateway() } else { hub.backend(replica) }, self.ports.admin)
    }

    pub(super) fn controller(&self, replica: u8) -> Result<Spec> {
        let flags = [
            ("--kubeconfig", self.path("hub", "controller.kubeconfig")),
            ("--namespace", "spillway-system".to_owned()),
            ("--listen", self.controller_listens(replica).to_string()),
            ("--identity", format!("controller-{replica}")),
        ];
        self.program(
            "spillway-controller",
            format!("controller-{replica}"),
            &flags,
            &self.options.controller_flags,
        )
    }

    pub(super) fn gateway(&self, member: &Identity) -> Result<Spec> {
        let (addresses, ports) = (member.addresses, self.ports);
        let own = |port| at(addresses.gateway(), port).to_string();
        let flags = [
            ("--kubeconfig", self.path(&member.name, "gateway.kubeconfig")),
            ("--region", member.name.clone()),
            ("--member", member.name.clone()),
            ("--namespace", "spillway-system".to_owned()),
            ("--http", own(ports.http)),
            ("--spill", own(ports.spill)),
            ("--dns", at(addresses.front_door(), ports.dns).to_string()),
            ("--admin", own(ports.admin)),
            ("--snapshot-dir", self.path(&member.name, "snapshot")),
            ("--source-address", addresses.gateway().to_string()),
        ];
        self.program(
            "region-gateway",
            format!("gateway-{}", member.name),
            &flags,
            &self.options.gateway_flags,
        )
    }

    pub(super) fn backend(&self, member: &Identity) -> Result<Spec> {
        let flags = [
            ("--region", member.name.clone()),
            ("--control", at(member.addresses.control(), self.ports.control).to_string()),
            ("--state", self.path(&member.name, "backends.json")),
        ];
        self.helper("backend", format!("backend-{}", member.name), &flags)
    }

    /// The fault proxy reads its links from a file that this writes.
    pub(super) fn faultproxy(&self, clusters: &[Identity]) -> Result<Spec> {
        let links: Vec<LinkSpec> = clusters.iter().flat_map(|cluster| self.links(cluster)).collect();
        let path = self.path("", "links.json");
        std::fs::write(&path, serde_json::to_vec_pretty(&links)?)?;
        let control = at(Addresses::of(self.number, 0).control(), self.ports.control).to_string();
        self.helper("faultproxy", "faultproxy".to_owned(), &[("--links", path), ("--control", control)])
    }

    fn links(&self, cluster: &Identity) -> Vec<LinkSpec> {
        let (addresses, ports) = (cluster.addresses, self.ports);
        let link = |kind: &str, listen, target, port| LinkSpec {
            name: format!("{kind}/{}", cluster.name),
            listen: at(listen, port),
            target: at(target, port),
        };
        let plane = addresses.control_plane();
        let mut links = vec![
            link("controller-api", addresses.controller_link(), plane, ports.api),
            link("gateway-api", addresses.gateway_link(), plane, ports.api),
        ];
        if !cluster.hub {
            links.push(link("http", addresses.front_door(), addresses.gateway(), ports.http));
            links.push(link("spill", addresses.front_door(), addresses.gateway(), ports.spill));
        }
        links
    }

    fn program(
        &self,
        program: &str,
        name: String,
        flags: &[(&str, String)],
        more: &[String],
    ) -> Result<Spec> {
        let mut spec = self.spec(find(program)?, name, flags);
        spec.args.extend(more.iter().cloned());
        Ok(spec)
    }

    fn helper(&self, subcommand: &str, name: String, flags: &[(&str, String)]) -> Result<Spec> {
        let mut spec = self.spec(find("world")?, name, flags);
        spec.args.insert(0, subcommand.to_owned());
        Ok(spec)
    }

    fn spec(&self, program: PathBuf, name: String, flags: &[(&str, String)]) -> Spec {
        Spec {
            name,
            program,
            args: flags.iter().flat_map(|(flag, value)| [(*flag).to_owned(), value.clone()]).collect(),
            env: BTreeMap::from([
                ("RUST_LOG".to_owned(), self.options.log.clone()),
                ("RUST_BACKTRACE".to_owned(), "1".to_owned()),
                ("NO_COLOR".to_owned(), "1".to_owned()),
            ]),
        }
    }

    fn path(&self, cluster: &str, file: &str) -> String {
        self.dir.join(cluster).join(file).display().to_string()
    }
}
