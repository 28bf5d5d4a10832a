//! `join` and `unjoin`: what makes a cluster a member, and takes that back.
//!
//! Joining makes an account with the least rights on the member, and tells the hub where the member is. It installs
//! nothing: the chart does.

mod clusters;
mod kubeconfig;
mod names;
mod objects;
mod undo;

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use spillway_crds::names::SYSTEM_NAMESPACE;

use clusters::{Cluster, apply, token};
pub(crate) use kubeconfig::Access;
use kubeconfig::Reached;
use objects::Wanted;

/// What names a member, and the way to it.
#[derive(Args, Clone)]
pub(crate) struct Member {
    /// Name of the member: of its `MemberCluster`, and `member.name` of its chart
    #[arg(value_parser = label)]
    name: String,
    /// An administrator's kubeconfig of the member; else that of the hub, with --member-context
    #[arg(id = "member_kubeconfig", long = "member-kubeconfig", value_name = "PATH")]
    kubeconfig: Option<PathBuf>,
    /// The member's context there; else the current one
    #[arg(id = "member_context", long = "member-context", value_name = "NAME")]
    context: Option<String>,
    /// Spillway's namespace, on the hub and on the member
    #[arg(short, long, default_value = SYSTEM_NAMESPACE, value_parser = label)]
    namespace: String,
}

/// Make a cluster a member: an account for the hub there, a kubeconfig and a `MemberCluster` on the hub
#[derive(Args)]
pub(crate) struct Join {
    #[command(flatten)]
    member: Member,
    /// Region of the member; it cannot be changed later
    #[arg(long, value_name = "NAME", value_parser = label)]
    region: String,
    /// Public addresses of the member's gateways
    #[arg(long, value_name = "IP", value_delimiter = ',', required = true)]
    front_door: Vec<IpAddr>,
    /// Their port for people's requests
    #[arg(long, value_name = "PORT", default_value_t = 80, value_parser = clap::value_parser!(u16).range(1..))]
    http_port: u16,
    /// Their port for spill between regions
    #[arg(long, value_name = "PORT", default_value_t = 8443, value_parser = clap::value_parser!(u16).range(1..))]
    spill_port: u16,
    /// Requests a second that the member can serve; without it, only a fixed bound holds
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    max_requests_per_second: Option<u32>,
    /// The member's API server as the hub reaches it; else as the kubeconfig names it
    #[arg(long, value_name = "URL", value_parser = server)]
    member_server: Option<String>,
    /// Print what would be applied, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Take back what `join` made. The member's gateways serve on with what they know
#[derive(Args)]
pub(crate) struct Unjoin {
    #[command(flatten)]
    member: Member,
    /// The member is gone for good: only the hub's part is taken back
    #[arg(long, conflicts_with_all = ["member_kubeconfig", "member_context"])]
    member_gone: bool,
    /// Also delete the hub's copies on the member: its gateways then serve nothing any more
    #[arg(long, conflicts_with = "member_gone")]
    delete_copies: bool,
    /// Print what would be deleted, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Joins.
pub(crate) async fn join(what: Join, hub: Access) -> Result<String> {
    what.check()?;
    let member = what.member.access(&hub);
    let reached = Reached::read(&member, what.member_server.as_deref()).context("the member's kubeconfig")?;
    if reached.is_loopback() && what.member_server.is_none() {
        eprintln!(
            "warning: {} is a loopback address: the hub's pods cannot reach it. --member-server names another",
            reached.server
        );
    }
    let wanted = Wanted::of(&what);
    if what.dry_run {
        return wanted.print(&reached);
    }
    let (hub, member) =
        (Cluster::connect("the hub", &hub).await?, Cluster::connect("the member", &member).await?);
    hub.has_namespace(&what.member.namespace).await?;
    for object in wanted.on_member()? {
        apply(&member, &object).await?;
    }
    let token = token(&member, &what.member.namespace).await?;
    for object in wanted.on_hub(&reached.kubeconfig(&token)?) {
        apply(&hub, &object).await?;
    }
    let Member { name, namespace, .. } = &what.member;
    Ok(format!(
        "{name} is joined in region {}. `kubectl spillway status` shows it, once its gateways run in {namespace}.\n",
        what.region
    ))
}

/// Unjoins.
pub(crate) async fn unjoin(what: Unjoin, hub: Access) -> Result<String> {
    what.check()?;
    let member = what.member.access(&hub);
    let hub = Cluster::connect("the hub", &hub).await?;
    let plan = undo::Plan { name: &what.member.name, namespace: &what.member.namespace, dry: what.dry_run };
    let uid = hub.uid().await?;
    let mut told = plan.hub(&hub).await?;
    if what.member_gone {
        return Ok(told);
    }
    let remains = "the hub's part is taken back, and the member's remains: run this again when the member answers, \
                   or with --member-gone if it never will";
    let member = Cluster::connect("the member", &member).await.context(remains)?;
    told += &plan.member(&member, what.delete_copies.then_some(uid.as_str())).await.context(remains)?;
    Ok(told)
}

impl Member {
    /// The way to the member: without a kubeconfig of its own, a context of the hub's.
    fn access(&self, hub: &Access) -> Access {
        let kubeconfig = self.kubeconfig.clone().or_else(|| hub.kubeconfig.clone());
        Access { kubeconfig, context: self.context.clone() }
    }

    /// A member that is named by nothing would be the hub itself.
    fn is_named(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some()
    }
}

impl Join {
    /// What clap cannot say.
    fn check(&self) -> Result<()> {
        anyhow::ensure!(
            self.member.is_named(),
            "name the member with --member-kubeconfig or --member-context"
        );
        anyhow::ensure!(self.http_port != self.spill_port, "--http-port and --spill-port must differ");
        Ok(())
    }
}

impl Unjoin {
    /// What clap cannot say.
    fn check(&self) -> Result<()> {
        anyhow::ensure!(
            self.member_gone || self.member.is_named(),
            "name the member with --member-kubeconfig or --member-context, or say --member-gone"
        );
        Ok(())
    }
}

fn label(text: &str) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = !text.starts_with('-') && !text.ends_with('-');
    if (1..=63).contains(&text.len()) && text.chars().all(inner) && ends {
        return Ok(text.to_owned());
    }
    Err("allowed are 1 to 63 of a-z, 0-9 and '-', not at the ends".into())
}

fn server(text: &str) -> Result<String, String> {
    if text.len() > 8 && text.starts_with("https://") {
        Ok(text.to_owned())
    } else {
        Err("allowed is https://HOST[:PORT]".into())
    }
}
