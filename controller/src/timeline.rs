//! A timeline of what the controller does, in Chrome's trace format, for <https://ui.perfetto.dev>: every growth step
//! of the placement map, inside of the round of work that it was part of.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use tracing::{Level, Metadata, Subscriber};
use tracing_chrome::{ChromeLayerBuilder, FlushGuard};
use tracing_subscriber::{Layer, filter::dynamic_filter_fn, registry::LookupSpan};

/// Spans that are written; then the timeline is full. Each makes about 400 bytes of file.
const MOST_SPANS: u64 = 250_000;

/// The file's end is written when this is dropped.
pub type Guard = FlushGuard;

/// A layer that writes the timeline to `file`, which is overwritten.
pub fn layer<S>(file: &Path) -> io::Result<(impl Layer<S> + use<S>, Guard)>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let writer = Careful(Some(File::create(file)?));
    let (layer, guard) =
        ChromeLayerBuilder::new().writer(writer).include_args(true).include_locations(false).build();
    let written = AtomicU64::new(0);
    let filter = dynamic_filter_fn(move |metadata, _| is_shown(metadata) && is_within(&written, MOST_SPANS));
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

fn is_within(written: &AtomicU64, most: u64) -> bool {
    let before = written.fetch_add(1, Ordering::Relaxed);
    if before == most {
        tracing::warn!(spans = most, "the timeline is full; what comes now is not in it");
    }
    before < most
}

/// A file that may fail: then the rest of the timeline is lost, and the controller goes on.
struct Careful(Option<File>);

impl Write for Careful {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(file) = &mut self.0
            && let Err(error) = file.write_all(bytes)
        {
            tracing::warn!(%error, "cannot write the timeline; its rest is lost");
            self.0 = None;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
