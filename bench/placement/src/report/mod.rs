//! What a run found, for readers: the generated part of a page, and a plot beside it.

mod names;
mod page;
mod plot;
mod tables;
mod targets;
mod words;

use std::{fs, path::Path};

use anyhow::Context;

use crate::{args::Places, figures::Findings};

/// Writes the page and its plot, if there is one to write.
pub(crate) fn write(findings: &Findings, places: &Places) -> anyhow::Result<()> {
    let text = generated(findings);
    let Some(docs) = &places.docs else {
        println!("{text}");
        return Ok(());
    };
    let before = fs::read_to_string(docs).unwrap_or_default();
    put(docs, &page::with_generated(&before, &text)?)?;
    put(&docs.with_extension("svg"), &plot::draw(&findings.figures)?)?;
    println!("written: {} and the plot beside it", docs.display());
    Ok(())
}

/// Writes them again from the figures of the last run.
pub(crate) fn again(places: &Places) -> anyhow::Result<()> {
    write(&Findings::read(&places.out)?, places)
}

fn generated(findings: &Findings) -> String {
    let parts = [
        tables::setting(&findings.setting),
        targets::table(&findings.figures),
        tables::judged(&findings.figures),
        tables::sizes(&findings.figures),
        tables::others(&findings.figures),
        names::table(&findings.names),
        tables::hub(&findings.hub),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| path.display().to_string())
}

/// Figures for the tests of the tables and the plot.
#[cfg(test)]
mod invented {
    use crate::{
        case::{Allocator, Map, Order},
        figures::Figure,
    };

    /// A judged case; what is not given follows from the size.
    pub(super) fn figure(map: Map, entries: u32, insert_max_us: f64) -> Figure {
        Figure {
            map,
            entries,
            order: Order::Hub,
            allocator: Allocator::Cold,
            insert_max_us,
            insert_p9999_us: 2.0,
            insert_p999_us: 1.0,
            insert_p99_us: 0.5,
            insert_p50_us: 0.1,
            insert_run_max_us: insert_max_us * 2.0,
            insert_mops: 5.0,
            get_random_mops: 6.0,
            get_mops: 9.0,
            rss_mb: Some(f64::from(entries) / 1e4),
            rss_settled_mb: Some(f64::from(entries) / 2e4),
        }
    }
}
