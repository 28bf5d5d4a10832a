//! The machine: what it is, and the one core on which maps are filled.

use std::{fs, process::Command, thread};

use anyhow::Context;
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use quanta::Clock;

use crate::args::root;

/// Pins this process, and the children that it will start, to the last core that it may use.
pub(crate) fn pin() -> anyhow::Result<()> {
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this)?;
    let last = (0..CpuSet::count()).rev().find(|core| allowed.is_set(*core).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(last.context("no core is allowed")?)?;
    Ok(sched_setaffinity(this, &one)?)
}

/// The machine in words.
pub(crate) fn describe() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let processor = after("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = after("/proc/meminfo", "MemTotal").unwrap_or_default();
    let gibibytes = memory.trim_end_matches(" kB").parse::<f64>().unwrap_or_default() / f64::from(1 << 20);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('-').next().unwrap_or_default().trim();
    let huge = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let huge = huge.split(['[', ']']).nth(1).unwrap_or("unknown");
    format!(
        "{processor}, {cores} cores, {gibibytes:.0} GiB of memory, Linux {kernel}, transparent huge pages: {huge}"
    )
}

/// Now, in UTC (RFC 3339).
pub(crate) fn date() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The commit, with a mark if the tree holds changes.
pub(crate) fn commit() -> String {
    let args = ["describe", "--always", "--dirty", "--exclude=*"];
    let output = Command::new("git").args(args).current_dir(root()).output();
    let text =
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if text.is_empty() { "unknown".to_owned() } else { text }
}

/// The median of what two readings of the clock with nothing between them are apart, in nanoseconds.
pub(crate) fn clock_ns() -> u64 {
    let clock = Clock::new();
    let mut times: Vec<u64> =
        (0..100_001).map(|_| (clock.raw(), clock.raw())).map(|(a, b)| clock.delta_as_nanos(a, b)).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn after(path: &str, field: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(field))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}
