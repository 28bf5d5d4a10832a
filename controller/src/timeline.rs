//! A timeline of what the controller does, in Chrome's trace format, for <https://ui.perfetto.dev>: every growth step
//! of the placement map, inside of the round of work that it was part of.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing::{Level, Metadata, Subscriber};
use tracing_chrome::{ChromeLayerBuilder, FlushGuard};
use tracing_subscriber::{Layer, filter::dynamic_filter_fn, registry::LookupSpan};

/// Bytes after which the timeline ends.
const MOST_BYTES: usize = 100 << 20;
/// What stands between two events.
const BETWEEN: &[u8] = b",\n";

/// The file's end is written when this is dropped.
pub type Guard = FlushGuard;

/// A layer that writes the timeline to `file`, which is overwritten.
pub fn layer<S>(file: &Path) -> io::Result<(impl Layer<S> + use<S>, Guard)>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let ended = Arc::<AtomicBool>::default();
    let writer = Bounded { file: File::create(file)?, left: MOST_BYTES, ended: ended.clone() };
    let (layer, guard) =
        ChromeLayerBuilder::new().writer(writer).include_args(true).include_locations(false).build();
    let filter = dynamic_filter_fn(move |metadata, _| is_shown(metadata) && !ended.load(Ordering::Relaxed));
    Ok((layer.with_filter(filter.with_max_level_hint(Level::TRACE)), guard))
}

/// Spans of the map's growth and of rounds of work, and nothing that is only a line in the log.
fn is_shown(metadata: &Metadata<'_>) -> bool {
    let level = match metadata.target().split("::").next() {
        Some("spillway_placement") => Level::TRACE,
        Some("spillway_controller") => Level::DEBUG,
        _ => return false,
    };
    metadata.is_span() && *metadata.level() <= level
}

/// What takes so much and no more, and never fails the one who writes: a disk that is full costs the rest of the
/// timeline, and the controller goes on.
struct Bounded<W> {
    file: W,
    left: usize,
    ended: Arc<AtomicBool>,
}

impl<W: Write> Bounded<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() <= self.left {
            self.left -= bytes.len();
            return self.file.write_all(bytes);
        }
        let whole = bytes[..self.left].windows(BETWEEN.len()).rposition(|window| window == BETWEEN);
        self.file.write_all(&bytes[..whole.unwrap_or_default()])?;
        self.file.write_all(b"\n]")?;
        Err(io::Error::other(format!("it has reached {} MiB", MOST_BYTES >> 20)))
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.ended.load(Ordering::Relaxed)
            && let Err(error) = self.put(bytes)
        {
            self.ended.store(true, Ordering::Relaxed);
            tracing::warn!(%error, "the timeline ends here");
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, sync::Arc};

    use super::Bounded;

    #[test]
    fn a_timeline_that_is_full_is_whole() {
        let event = br#"{"ph":"B"}"#;
        for limit in 30..60 {
            let mut bounded = Bounded { file: Vec::new(), left: limit, ended: Arc::default() };
            bounded.write_all(b"[\n").unwrap();
            bounded.write_all(event).unwrap();
            for _ in 0..10 {
                bounded.write_all(&[b",\n", &event[..]].concat()).unwrap();
            }
            let text = String::from_utf8(bounded.file).unwrap();
            let events: Vec<serde_json::Value> = serde_json::from_str(&text).expect(&text);
            assert!(!events.is_empty() && text.len() <= limit + 2, "{limit}: {text}");
        }
    }
}
