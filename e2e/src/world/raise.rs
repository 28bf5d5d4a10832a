//! Raising a world, and taking hold of one that stands.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::address::{Addresses, MAX_MEMBERS, Ports};
use super::cluster::{self, Identity};
use super::programs::{Setting, find};
use super::{HUB, Options, Process, World, logs};
use crate::controlplane::{Binaries, Plane};
use crate::process::{Owner, claim};

/// How long gateways and controller may take to be ready on a busy machine.
const READY: Duration = Duration::from_mins(1);

/// What `world.json` in a world's directory says, so that others can take hold of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Saved {
    pub(super) options: Options,
    pub(super) ports: Ports,
}

fn saved(number: u8) -> Result<Saved> {
    let path = claim::dir(&std::env::temp_dir(), number).join("world.json");
    let text = std::fs::read(path).with_context(|| format!("there is no world {number}"))?;
    Ok(serde_json::from_slice(&text)?)
}

/// What a world that stands was raised with.
pub fn saved_options(number: u8) -> Result<Options> {
    saved(number).map(|saved| saved.options)
}

impl World {
    /// Raises a world: control planes in parallel, CRDs, RBAC, backends, then the programs asked for.
    /// Returns when every API server, gateway and the controller say that they are ready.
    pub async fn raise(options: Options) -> Result<Self> {
        check(&options.members)?;
        let binaries = tokio::task::spawn_blocking(|| {
            Binaries::find_or_build(&mut |progress| eprintln!("world: {progress}"))
        })
        .await??;
        let exe = find("world")?;
        let owner = tokio::task::spawn_blocking(move || Owner::start(&exe)).await??;
        let saved = Saved { ports: Ports::free(owner.number())?, options };
        let path = owner.dir().join("world.json");
        std::fs::write(&path, serde_json::to_vec_pretty(&saved)?)
            .with_context(|| format!("write {}", path.display()))?;
        // The owner lives on until the logs of a failure are copied.
        let planes =
            raise_clusters(&owner, &saved, &binaries).await.map_err(|error| failed(&owner, error))?;
        let identities = identities(owner.number(), &saved.options);
        let world = Self::of(owner, saved, identities, planes)?;
        world.furnish().await.map_err(|error| failed(&world.owner, error))?;
        Ok(world)
    }

    /// A handle on a world that `world up` left running. Dropping it leaves the world up.
    pub async fn attach(number: u8) -> Result<Self> {
        let root = std::env::temp_dir();
        ensure!(claim::living(&root).contains(&number), "there is no world {number}");
        let saved = saved(number)?;
        let owner = Owner::attach(number, claim::dir(&root, number));
        let identities = identities(number, &saved.options);
        let planes = identities.iter().map(|id| Plane::attach(id.place(&owner, &saved.ports)));
        let planes = try_join_all(planes).await?;
        Self::of(owner, saved, identities, planes)
    }

    /// Lets the world outlive this process: `world down N` ends it.
    pub fn detach(mut self) -> Result<u8> {
        self.owner.detach()?;
        Ok(self.number())
    }

    fn of(owner: Owner, saved: Saved, identities: Vec<Identity>, planes: Vec<Plane>) -> Result<Self> {
        let hub = planes.first().context("a world without a hub")?.client().clone();
        let planes = identities.iter().map(|id| id.name.clone()).zip(planes).collect();
        Ok(Self { owner, saved, identities, planes, hub, adding: tokio::sync::Mutex::default() })
    }

    /// Applies a `MemberCluster` for each member, and the Secrets with the kubeconfigs that they name.
    pub async fn declare_members(&self) -> Result<()> {
        let members =
            self.members().map(|member| cluster::declare(self.hub(), member, &self.owner, self.ports()));
        try_join_all(members).await.map(drop)
    }

    /// Starts one more replica of the controller and returns which ([`Process::Controller`]).
    pub async fn start_replica(&self) -> Result<Process> {
        let running = self.owner.list().await?;
        let replica = running.iter().filter(|status| status.name.starts_with("controller-"));
        let replica =
            replica.filter_map(|status| status.name.strip_prefix("controller-")?.parse::<u8>().ok());
        let next = replica.max().map_or(0, |last| last + 1);
        self.owner.spawn(self.setting().controller(next)?).await?;
        Ok(Process::Controller(next))
    }

    pub(super) fn setting(&self) -> Setting<'_> {
        Setting {
            options: &self.saved.options,
            ports: &self.saved.ports,
            dir: self.owner.dir(),
            number: self.owner.number(),
        }
    }

    /// What stands on the clusters: services, members, programs.
    async fn furnish(&self) -> Result<()> {
        self.wait_ready(&Process::FaultProxy, READY).await?;
        if self.saved.options.api_gateway {
            self.add_service("default", "api-gateway", 1).await?;
        }
        if self.saved.options.declare_members {
            self.declare_members().await?;
        }
        self.start_programs().await
    }

    async fn start_programs(&self) -> Result<()> {
        let setting = self.setting();
        let mut started = Vec::new();
        if self.saved.options.controller {
            self.owner.spawn(setting.controller(0)?).await?;
            started.push(Process::Controller(0));
        }
        if self.saved.options.gateways {
            for member in self.members() {
                self.owner.spawn(setting.gateway(member)?).await?;
                started.push(Process::Gateway(member.name.clone()));
            }
        }
        try_join_all(started.iter().map(|process| self.wait_ready(process, READY))).await.map(drop)
    }
}

/// The helpers that a cluster needs, then all control planes at once.
async fn raise_clusters(owner: &Owner, saved: &Saved, binaries: &Binaries) -> Result<Vec<Plane>> {
    let identities = identities(owner.number(), &saved.options);
    let setting =
        Setting { options: &saved.options, ports: &saved.ports, dir: owner.dir(), number: owner.number() };
    for id in &identities {
        std::fs::create_dir_all(owner.dir().join(&id.name))?;
    }
    owner.spawn(setting.faultproxy(&identities)?).await?;
    for id in identities.iter().filter(|id| !id.hub) {
        owner.spawn(setting.backend(id)?).await?;
    }
    try_join_all(identities.iter().map(|id| cluster::raise(id, &saved.ports, binaries, owner))).await
}

/// Regions in order, the hub first.
fn identities(world: u8, options: &Options) -> Vec<Identity> {
    let names = std::iter::once(HUB).chain(options.members.iter().map(String::as_str));
    names
        .zip(0..)
        .map(|(name, region)| Identity {
            name: name.to_owned(),
            addresses: Addresses::of(world, region),
            hub: region == 0,
        })
        .collect()
}

/// A world that cannot be raised is gone by the time its error is read: take the logs along.
fn failed(owner: &Owner, error: anyhow::Error) -> anyhow::Error {
    let number = owner.number();
    match logs::keep(owner.dir(), number) {
        Ok(kept) => error.context(format!("world {number} cannot be raised; its logs: {}", kept.display())),
        Err(_) => error.context(format!("world {number} cannot be raised")),
    }
}

/// Members become names of objects, directories and links.
fn check(members: &[String]) -> Result<()> {
    ensure!(members.len() <= MAX_MEMBERS, "members: {MAX_MEMBERS} at most, not {}", members.len());
    for (at, name) in members.iter().enumerate() {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = (1..=40).contains(&name.len())
            && name.chars().all(inner)
            && !name.starts_with('-')
            && !name.ends_with('-');
        ensure!(fits, "members: {name:?} must be 1 to 40 of a to z, 0 to 9 and '-', with no '-' at its ends");
        ensure!(name != HUB, "members: {HUB:?} is the hub's own name");
        ensure!(!members[..at].contains(name), "members: {name:?} is there twice");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn members_that_cannot_be_are_refused_by_name() {
        for (members, said) in [
            (vec!["Shenzhen_1"], "\"Shenzhen_1\" must be"),
            (vec!["a b"], "\"a b\" must be"),
            (vec!["x", "x"], "\"x\" is there twice"),
            (vec!["hub"], "the hub's own name"),
        ] {
            let members: Vec<String> = members.into_iter().map(str::to_owned).collect();
            let error = check(&members).unwrap_err().to_string();
            assert!(error.contains(said), "{members:?}: {error}");
        }
        assert!(check(&["shenzhen".to_owned(), "chengdu-2".to_owned()]).is_ok());
    }
}
