//! What a run found, for readers: the generated part of a page, and a plot beside it.

mod page;
mod plot;
mod tables;
mod targets;
mod words;

use std::{fs, path::Path};

use anyhow::Context;

use crate::{args::Places, figures::Findings};

/// Writes the page and its plot, or shows the tables if there is no page to write.
pub(crate) fn write(findings: &Findings, places: &Places) -> anyhow::Result<()> {
    let text = generated(findings);
    let Some(document) = &places.document else {
        println!("{text}");
        return Ok(());
    };
    let before = fs::read_to_string(document).unwrap_or_default();
    put(document, &page::with_generated(&before, &text)?)?;
    put(&document.with_extension("svg"), &plot::draw(&findings.figures)?)?;
    println!("written: {} and the plot beside it", document.display());
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
        tables::costs(&findings.figures),
        tables::latencies(&findings.figures, findings.setting.rate),
        tables::memory(&findings.figures),
        tables::left_out(&findings.setting),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| path.display().to_string())
}

/// Figures for the tests of the tables and the plot.
#[cfg(test)]
mod invented {
    use crate::case::Case;
    use crate::figures::Figure;
    use crate::proxies::Kind;

    pub(super) fn figure(proxy: Kind, case: Case, cpu: f64) -> Figure {
        let idle = case.idle_connections().is_some();
        let of = |value: f64| (!idle).then_some(value);
        Figure {
            proxy,
            case,
            cpu_us_per_request: of(cpu),
            system_us_per_request: of(cpu / 2.0),
            rps: of(1e6 / cpu),
            p50_us: of(cpu * 5.0),
            p99_us: of(cpu * 20.0),
            p999_us: of(cpu * 50.0),
            rss_mb: cpu,
        }
    }
}
