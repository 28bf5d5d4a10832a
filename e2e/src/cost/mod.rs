//! What the traffic loop costs a gateway of a large federation: what `make bench-traffic` runs.
//!
//! One real gateway with 37 regions and 10,000 routes. Its 36 peers are imitated by this process ([`company`]), over real
//! sockets and real mutual TLS: their front doors answer its probes, their spill listeners answer its reports, and each
//! sends a report of its own every second. CPU time and memory are the kernel's (`/proc`).

mod company;
mod gateway;
mod tls;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use tokio::time::sleep;

use crate::load::{Load, LoadOptions};
use crate::world::wait_until;
use company::Company;
use gateway::Gateway;

/// How much there is.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Size {
    /// Regions of every priority.
    pub regions: usize,
    /// Routes of the gateway.
    pub routes: usize,
    /// Priorities that they follow, in equal parts.
    pub priorities: usize,
}

/// What one state of a gateway costs.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Regions, routes, priorities.
    #[serde(flatten)]
    pub size: Size,
    /// Requests a second of users, at its front door.
    pub user_requests_per_second: f64,
    /// Seconds over which it was measured.
    pub seconds: f64,
    /// CPU time, in percent of one core.
    pub cpu_percent: f64,
    /// Resident memory at the end.
    pub rss_mb: f64,
    /// The most that it ever was.
    pub peak_rss_mb: f64,
    /// Exchanges of reports a second that the gateway began, and had answered.
    pub exchanges_per_second: f64,
}

/// Until everything that is slow at the start is over: windows are full, connections stand.
const SETTLE: Duration = Duration::from_secs(15);
const KNOWN: Duration = Duration::from_mins(2);

/// Measures a gateway of this size, without users and with so many requests a second; its program is the one beside
/// this one, if no other is named.
pub async fn measure(program: Option<&Path>, size: Size, users: f64, span: Duration) -> Result<Vec<Row>> {
    ensure!((2..=60).contains(&size.regions), "regions: 2 to 60, not {}", size.regions);
    let gateway = Gateway::start(program, size).await?;
    let company = Company::begin(&gateway)?;
    wait_until(KNOWN, "every peer to be heard", async || {
        let state = gateway.state().await?;
        let priority = state.priorities.values().next().context("no priority yet")?;
        let heard = priority.regions.len();
        ensure!(heard == size.regions && priority.answer.is_some(), "{heard} regions");
        let well =
            priority.regions.values().filter(|region| region.votes_bad == 0 && region.voters > 0).count();
        ensure!(well == size.regions && company.calls() > 0, "{well} regions without a vote against them");
        Ok(())
    })
    .await?;
    sleep(SETTLE).await;
    let mut rows = vec![span_of(&gateway, size, 0.0, span).await?];
    if users > 0.0 {
        let load = Load::start(gateway.clients(users));
        sleep(SETTLE).await;
        rows.push(span_of(&gateway, size, users, span).await?);
        let records = load.stop().await;
        let totals = records.totals;
        ensure!(totals.ok > 0 && totals.lost == 0, "the users were not served: {}", records.complaints());
    }
    Ok(rows)
}

async fn span_of(gateway: &Gateway, size: Size, users: f64, span: Duration) -> Result<Row> {
    let count = async || -> Result<f64> {
        let state = gateway.state().await?;
        let exchanges = state.counters.get("exchanges").copied().unwrap_or_default();
        Ok(f64::from(u32::try_from(exchanges)?))
    };
    let (begun, before, exchanges) = (Instant::now(), gateway.usage().await?, count().await?);
    sleep(span).await;
    let (after, seconds) = (gateway.usage().await?, begun.elapsed().as_secs_f64());
    Ok(Row {
        size,
        user_requests_per_second: users,
        seconds,
        cpu_percent: 100.0 * (after.cpu_seconds - before.cpu_seconds) / seconds,
        rss_mb: after.rss_mb,
        peak_rss_mb: after.peak_rss_mb,
        exchanges_per_second: (count().await? - exchanges) / seconds,
    })
}

/// The part of the page.
#[must_use]
pub fn table(program: Option<&Path>, rows: &[Row]) -> String {
    let program = program.map_or_else(|| "the build beside it".to_owned(), |it| it.display().to_string());
    let mut text = format!("{}; the gateway: {program}.\n\n", crate::failover::describe());
    text += "| regions | routes | priorities | users' requests/s | CPU, of one core | memory | largest | exchanges/s |\n";
    text += "|--:|--:|--:|--:|--:|--:|--:|--:|\n";
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.0} | {:.2} % | {:.1} MB | {:.1} MB | {:.1} |",
            row.size.regions,
            row.size.routes,
            row.size.priorities,
            row.user_requests_per_second,
            row.cpu_percent,
            row.rss_mb,
            row.peak_rss_mb,
            row.exchanges_per_second
        );
    }
    text
}

/// Clients of the measured gateway's first route.
fn clients(
    host: &str,
    door: std::net::Ipv4Addr,
    port: u16,
    dns: u16,
    network: std::net::Ipv4Addr,
) -> LoadOptions {
    LoadOptions::new(host, port)
        .front_door(door.into(), "r0")
        .dns_servers([std::net::SocketAddr::from((door, dns))])
        .clients(network, 50)
}
