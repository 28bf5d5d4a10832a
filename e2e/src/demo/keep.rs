//! What to do with a world that was left up: where it is, and five things to try. Commands are whole, so that
//! they can be pasted.

use std::{fmt::Write as _, path::Path};

use anyhow::Result;

use super::terms::Terms;
use crate::{
    controlplane::Binaries,
    world::{HUB, World},
};

/// Everything about a world that its visitor needs.
pub(super) fn guide(world: &World, host: &str, terms: &Terms) -> Result<String> {
    let exe = std::env::current_exe()?;
    let (world_exe, kubectl) = (exe.with_file_name("world"), kubectl()?);
    let (number, ports) = (world.number(), world.ports());
    let mut text = format!("World {number} stays up. Kubeconfigs:\n");
    for region in std::iter::once(HUB).chain(world.regions().iter().map(String::as_str)) {
        writeln!(text, "  {region:<10} {}", world.kubeconfig(region).display())?;
    }
    text.push_str("Front doors, DNS servers and what each gateway believes:\n");
    for region in world.regions() {
        let (door, gateway) = (world.front_door(region)?, world.gateway_address(region)?);
        writeln!(
            text,
            "  {region:<10} http://{door}:{http}/  {door}:{dns}  http://{gateway}:{admin}/debug/state",
            http = ports.http,
            dns = ports.dns,
            admin = ports.admin,
        )?;
    }
    text.push_str("Five things to try:\n");
    for (index, (why, command)) in (1..).zip(things(world, host, terms, &world_exe, &kubectl)?) {
        writeln!(text, "  {index}. {why}\n     {command}")?;
    }
    write!(text, "It ends with:\n     {} down {number}", world_exe.display())?;
    Ok(text)
}

fn things(
    world: &World,
    host: &str,
    terms: &Terms,
    exe: &Path,
    kubectl: &str,
) -> Result<[(String, String); 5]> {
    let (number, ports, region) = (world.number(), world.ports(), &terms.region);
    let last = terms.regions.last().unwrap_or(region);
    let (door, other) = (world.front_door(region)?, world.front_door(last)?);
    let (hub, exe) = (world.kubeconfig(HUB), exe.display());
    let http = ports.http;
    Ok([
        (
            "Ask a gateway's DNS server where the host lives, and for how long (dig: package dnsutils)."
                .to_owned(),
            format!("dig +noall +answer @{door} -p {} {host}", ports.dns),
        ),
        (
            format!("Ask {last}'s front door: {region} serves, while all is well."),
            format!(
                "curl -si --resolve {host}:{http}:{other} http://{host}:{http}/api/ -H 'x-request-id: 1'"
            ),
        ),
        (
            "See what the hub thinks of it all.".to_owned(),
            format!(
                "{kubectl} --kubeconfig {} get memberclusters,regionpriorities,federatedingresses -A",
                hub.display()
            ),
        ),
        (
            format!(
                "Kill {region}'s gateway, and ask the other DNS servers ten seconds later; then start it again."
            ),
            format!(
                "{exe} fault {number} kill gateway {region}; sleep 10; dig +short @{other} -p {} {host}; {exe} fault {number} restart gateway {region}",
                ports.dns
            ),
        ),
        (
            "Stop the hub's whole control plane: nothing that people see changes. Then mend everything."
                .to_owned(),
            format!(
                "{exe} fault {number} kill controlplane hub; curl -s --resolve {host}:{http}:{door} http://{host}:{http}/api/; {exe} fault {number} heal"
            ),
        ),
    ])
}

/// The world's own kubectl, where it has one.
fn kubectl() -> Result<String> {
    let binaries = Binaries::find_or_build(&mut |_| ())?;
    Ok(binaries.kubectl.map_or_else(|| "kubectl".to_owned(), |path| path.display().to_string()))
}
