//! The machine: what it is, and how busy it was.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::sleep;

const EVERY: Duration = Duration::from_secs(5);

/// Part of all cores' time that was used, by anyone, over spans of 5 s.
#[derive(Clone, Copy, Debug, Default)]
pub struct Busy {
    /// On the whole.
    pub mean_percent: f64,
    /// The busiest 5 s.
    pub max_percent: f64,
}

/// Looks at `/proc/stat` until it is asked.
pub(super) struct Meter {
    spans: Arc<Mutex<Vec<f64>>>,
    _task: JoinSet<()>,
}

impl Meter {
    pub(super) fn start() -> Self {
        let spans = Arc::<Mutex<Vec<f64>>>::default();
        let mut task = JoinSet::new();
        let kept = Arc::clone(&spans);
        task.spawn(async move {
            let mut last = ticks();
            loop {
                sleep(EVERY).await;
                let now = ticks();
                if let (Some((busy, all)), Some((last_busy, last_all))) = (now, last) {
                    kept.lock().push(100.0 * (busy - last_busy) / (all - last_all).max(1.0));
                }
                last = now;
            }
        });
        Self { spans, _task: task }
    }

    pub(super) fn busy(&self) -> Busy {
        let spans = self.spans.lock();
        let count = f64::from(u32::try_from(spans.len().max(1)).unwrap_or(u32::MAX));
        Busy {
            mean_percent: spans.iter().sum::<f64>() / count,
            max_percent: spans.iter().copied().fold(0.0, f64::max),
        }
    }
}

/// Busy and all ticks of all cores since the start.
fn ticks() -> Option<(f64, f64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<f64> = text
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|field| field.parse().ok())
        .collect();
    let idle = fields.get(3)? + fields.get(4)?;
    let all: f64 = fields.iter().sum();
    Some((all - idle, all))
}

/// The machine and the day in words.
#[must_use]
pub fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = after("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('-').next().unwrap_or_default().trim().to_owned();
    let today = jiff::Zoned::now().date();
    format!("{today}, {processor}, {cores} cores, Linux {kernel}, commit {}", commit())
}

fn commit() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty", "--exclude=*"]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

fn after(path: &str, field: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(field))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}
