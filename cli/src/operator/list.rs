//! The commands in force, as gateways know them.

use anyhow::{Result, anyhow};
use jiff::Timestamp;
use spillway_decide::Time;
use spillway_decide::commands::Command;

use super::access::Access;
use crate::table::{columns, seconds};

/// Asks the first gateway that answers.
pub(crate) async fn list(access: &Access, all: bool) -> Result<Vec<Command>> {
    let mut told = Vec::new();
    for gateway in &access.first {
        match gateway.commands(&access.credential).await {
            Ok(known) => {
                let mut commands = known.commands;
                commands.retain(|command| all || !command.revoked);
                return Ok(commands);
            }
            Err(error) => told.push(format!("{}: {error:#}", gateway.member)),
        }
    }
    Err(anyhow!("no gateway answers:\n  {}", told.join("\n  ")))
}

/// For people.
pub(crate) fn table(commands: &[Command], now: Timestamp) -> String {
    if commands.is_empty() {
        return "No command is in force.\n".to_owned();
    }
    let now = Time(u64::try_from(now.as_millisecond()).unwrap_or_default());
    let rows = commands.iter().map(|command| {
        let left = command.expires_at.since(now).as_secs();
        vec![
            if command.revoked { "revoked" } else { command.kind.participle() }.to_owned(),
            command.region.clone(),
            command.priority.clone().unwrap_or_else(|| "all".to_owned()),
            command.by.clone(),
            seconds(i64::try_from(left).unwrap_or(i64::MAX)),
            command.via.clone(),
            command.reason.clone(),
        ]
    });
    columns(&["STATE", "REGION", "PRIORITY", "BY", "ENDS IN", "VIA", "REASON"], rows)
}
