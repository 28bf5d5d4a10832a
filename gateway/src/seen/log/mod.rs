//! The access log: one JSON object a line.
//!
//! A line is written by serde into a buffer that is used again and again; a thread of its own takes full
//! buffers to the file a few times a second. A request never waits for the file: where the buffers are full its
//! line is dropped and counted. (`tracing-appender`'s writer would copy each line into a vector of its own and
//! wake its thread for each, which costs more than the line.)

mod file;
mod line;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use file::Output;
pub(super) use line::{Line, hop, words};

/// Buffers, so that threads which end requests at the same moment seldom meet.
const BUFFERS: usize = 4;
/// Bytes of a buffer; the lines beyond are lost. Four of them hold about a tenth of a second of 100,000 requests
/// a second.
const FULL: usize = 2 << 20;
/// How much is reserved, so that buffers seldom grow.
const RESERVED: usize = 64 << 10;
/// How long a line waits at most to be written.
const WRITE_EVERY: Duration = Duration::from_millis(100);

/// The log's handle.
pub(super) struct AccessLog {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    buffers: [Mutex<Buffer>; BUFFERS],
    next: AtomicUsize,
    reopen: AtomicBool,
    ended: Mutex<bool>,
    wake: Condvar,
    metrics: Metrics,
}

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    lines: u64,
}

impl AccessLog {
    /// Opens the file, or standard output for `-`.
    pub(super) fn open(path: &Path, metrics: Metrics) -> io::Result<Self> {
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("access log {}: {error}", path.display()))
        };
        let output = Output::open(path).map_err(named)?;
        let shared = Arc::new(Shared {
            buffers: Default::default(),
            next: AtomicUsize::new(0),
            reopen: AtomicBool::new(false),
            ended: Mutex::new(false),
            wake: Condvar::new(),
            metrics,
        });
        let writing = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || writing.write_until_the_end(output))?;
        Ok(Self { shared, writer: Mutex::new(Some(writer)) })
    }

    /// Keeps a line for the writer.
    pub(super) fn write(&self, line: &Line<'_>) {
        self.shared.keep(line);
    }

    /// Opens the file again whenever SIGHUP comes, as `logrotate` wants it; until `stop`.
    pub(super) async fn follow_signals(&self, stop: &CancellationToken) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = hangup.recv() => self.shared.reopen.store(true, Ordering::Release),
            }
        }
    }

    /// Writes what is left.
    pub(super) async fn finish(&self) {
        let writer = self.writer.lock().take();
        *self.shared.ended.lock() = true;
        self.shared.wake.notify_all();
        if let Some(writer) = writer
            && let Err(error) = tokio::task::spawn_blocking(move || writer.join()).await
        {
            tracing::warn!(%error, "the access log may lack its end");
        }
    }
}

impl Shared {
    /// Into the first buffer that nobody else is at.
    fn keep(&self, line: &Line<'_>) {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let turn = |step: usize| &self.buffers[first.wrapping_add(step) % BUFFERS];
        let free = (0..BUFFERS).find_map(|step| turn(step).try_lock());
        let mut buffer = free.unwrap_or_else(|| turn(0).lock());
        if buffer.bytes.len() >= FULL || !buffer.append(line) {
            drop(buffer);
            self.metrics.access_log_lost(1);
        }
    }

    fn write_until_the_end(&self, mut output: Output) {
        let mut spare = Buffer { bytes: Vec::with_capacity(RESERVED), lines: 0 };
        loop {
            let ended = {
                let mut ended = self.ended.lock();
                if !*ended {
                    self.wake.wait_for(&mut ended, WRITE_EVERY);
                }
                *ended
            };
            output.follow(self.reopen.swap(false, Ordering::AcqRel));
            for buffer in &self.buffers {
                std::mem::swap(&mut *buffer.lock(), &mut spare);
                if !output.write(&spare.bytes) {
                    self.metrics.access_log_lost(spare.lines);
                }
                spare.clear();
            }
            if ended {
                return;
            }
        }
    }
}

impl Buffer {
    /// The line, whole or not at all.
    fn append(&mut self, line: &Line<'_>) -> bool {
        let before = self.bytes.len();
        if serde_json::to_writer(&mut self.bytes, line).is_err() {
            self.bytes.truncate(before);
            return false;
        }
        self.bytes.push(b'\n');
        self.lines += 1;
        true
    }

    /// Empty, and not larger than it needs to be after a rush.
    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(16 * RESERVED);
        self.lines = 0;
    }
}

#[cfg(test)]
mod tests;
