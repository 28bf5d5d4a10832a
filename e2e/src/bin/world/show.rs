//! What a world looks like to a person.

use anyhow::Result;
use spillway_e2e::controlplane::Binaries;
use spillway_e2e::process::{Status, claim};
use spillway_e2e::world::{HUB, World, saved_options};

/// One line a world.
pub(crate) fn list() {
    let numbers = claim::living(&std::env::temp_dir());
    if numbers.is_empty() {
        println!("no world stands; raise one with `world up`");
    }
    for number in numbers {
        match saved_options(number) {
            Ok(options) => println!("{number}  {}  hub,{}", options.name, options.members.join(",")),
            Err(_) => println!("{number}  is being raised, or is another user's"),
        }
    }
}

/// Everything that a person needs to use a world.
pub(crate) async fn show(world: &World) -> Result<()> {
    let ports = world.ports();
    println!("world {} {}in {}", world.number(), named(&world.options().name), world.dir().display());
    println!("\nkubeconfigs (administrator):");
    for region in std::iter::once(HUB).chain(world.regions().iter().map(String::as_str)) {
        println!("  {region:<12} export KUBECONFIG={}", world.kubeconfig(region).display());
    }
    if let Ok(Some(kubectl)) = Binaries::find_or_build(&mut |_| {}).map(|binaries| binaries.kubectl) {
        println!("  a kubectl:   {}", kubectl.display());
    }
    println!("\nregions:");
    for region in world.regions() {
        let (door, gateway) = (world.front_door(region)?, world.gateway_address(region)?);
        println!("  {region:<12} front door http://{door}:{}   DNS {door}:{}", ports.http, ports.dns);
        println!("  {:<12} state http://{gateway}:{}/debug/state", "", ports.admin);
    }
    println!("\nprocesses (logs in {}):", world.dir().join("logs").display());
    for status in world.processes().await? {
        println!("  {}", line(&status));
    }
    Ok(())
}

fn named(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("({name}) ") }
}

fn line(status: &Status) -> String {
    let how = match (&status.pid, &status.ended) {
        (Some(pid), _) if status.frozen => format!("pid {pid}, frozen"),
        (Some(pid), _) => format!("pid {pid}"),
        (None, ended) => format!("ended: {}", ended.as_deref().unwrap_or("unknown")),
    };
    format!("{:<28} {how}", status.name)
}
