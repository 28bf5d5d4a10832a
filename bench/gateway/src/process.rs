//! What the kernel says of a proxy's processes.

use std::fs;

use anyhow::Context;

/// `USER_HZ`, which Linux fixes for all that it tells in /proc.
const TICKS_A_SECOND: f64 = 100.0;

/// Processor time in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) user_us: f64,
    pub(crate) system_us: f64,
}

/// Processor time of a process and its children.
pub(crate) fn spent(pid: u32) -> anyhow::Result<Spent> {
    let (mut user, mut system) = (0, 0);
    for pid in family(pid) {
        let stat = stat(pid).with_context(|| format!("process {pid} has ended"))?;
        user += stat.user;
        system += stat.system;
    }
    Ok(Spent { user_us: microseconds(user), system_us: microseconds(system) })
}

#[allow(clippy::cast_precision_loss, reason = "52 bits are enough for ticks")]
fn microseconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS_A_SECOND * 1e6
}

/// Resident memory of a process and its children, in megabytes (10⁶ bytes).
pub(crate) fn rss_mb(pid: u32) -> anyhow::Result<f64> {
    let mut kilobytes = 0.0;
    for pid in family(pid) {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        kilobytes += line.trim().trim_end_matches(" kB").parse::<f64>()?;
    }
    Ok(kilobytes * 1024.0 / 1e6)
}

struct Stat {
    parent: u32,
    user: u64,
    system: u64,
}

/// The process and its children. No proxy here has grandchildren.
fn family(pid: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|other| *other == pid || stat(*other).is_some_and(|stat| stat.parent == pid)).collect()
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat { parent: u32::try_from(number(1)?).ok()?, user: number(11)?, system: number(12)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_parent_and_memory() {
        let this = std::process::id();
        assert_eq!(stat(this).unwrap().parent, std::os::unix::process::parent_id());
        assert!(rss_mb(this).unwrap() > 0.5);
    }
}
