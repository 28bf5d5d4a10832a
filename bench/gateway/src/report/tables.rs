//! The tables: a row a case, a column a proxy.

use crate::case::Case;
use crate::figures::{Figure, Setting};
use crate::proxies::Kind;

use super::words;

/// What the figures are of.
pub(super) fn setting(setting: &Setting) -> String {
    let versions: Vec<String> =
        setting.versions.iter().map(|(kind, version)| format!("- {}: {version}", kind.name())).collect();
    format!(
        "Measured {} at commit {} on {}; {} rounds, {} s of each load, {} requests a second for latencies.\n\n{}",
        setting.date,
        setting.commit,
        setting.machine,
        setting.rounds,
        setting.seconds,
        setting.rate,
        versions.join("\n")
    )
}

/// What a request costs.
pub(super) fn costs(figures: &[Figure]) -> String {
    let cpu = by_case(figures, |figure| figure.cpu_us_per_request.map(words::figure));
    let system = by_case(figures, |figure| figure.system_us_per_request.map(words::figure));
    let rps = by_case(figures, |figure| figure.rps.map(words::figure));
    if cpu.is_empty() {
        return String::new();
    }
    format!(
        "**Processor time a request**, microseconds, user and system:\n\n{cpu}\n\n\
         **What of it the kernel took**, microseconds:\n\n{system}\n\n\
         **Requests a second** of one core:\n\n{rps}"
    )
}

/// How long a request takes at the fixed rate.
pub(super) fn latencies(figures: &[Figure], rate: u32) -> String {
    let table = by_case(figures, |figure| {
        let of = words::optional;
        figure
            .p50_us
            .map(|p50| format!("{} / {} / {}", words::figure(p50), of(figure.p99_us), of(figure.p999_us)))
    });
    if table.is_empty() {
        return table;
    }
    format!(
        "**Latency** at {} requests a second, p50 / p99 / p99.9 in microseconds:\n\n{table}",
        words::figure(rate.into())
    )
}

/// What stays resident.
pub(super) fn memory(figures: &[Figure]) -> String {
    let table = by_case(figures, |figure| Some(words::figure(figure.rss_mb)));
    if table.is_empty() { table } else { format!("**Resident memory**, megabytes (10⁶ bytes):\n\n{table}") }
}

pub(super) fn left_out(setting: &Setting) -> String {
    if setting.left_out.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = setting.left_out.iter().map(|what| format!("- {what}")).collect();
    format!("**Left out**:\n\n{}", lines.join("\n"))
}

fn by_case(figures: &[Figure], cell: impl Fn(&Figure) -> Option<String>) -> String {
    let proxies: Vec<Kind> =
        Kind::ALL.iter().copied().filter(|kind| figures.iter().any(|figure| figure.proxy == *kind)).collect();
    let row = |case: &Case| {
        let cells: Vec<String> = proxies
            .iter()
            .map(|kind| {
                let found = figures.iter().find(|figure| figure.proxy == *kind && figure.case == *case);
                found.and_then(&cell).unwrap_or_default()
            })
            .collect();
        let told = cells.iter().any(|cell| !cell.is_empty());
        told.then(|| [case.name()].into_iter().chain(cells).collect::<Vec<_>>())
    };
    let body: Vec<_> = Case::ALL.iter().filter_map(row).collect();
    let head: Vec<_> =
        ["case".to_owned()].into_iter().chain(proxies.iter().map(|kind| kind.name())).collect();
    if body.is_empty() { String::new() } else { words::table(&head, &body) }
}

#[cfg(test)]
mod tests {
    use super::super::invented::figure;
    use super::*;

    #[test]
    fn a_case_is_a_row_and_a_proxy_a_column() {
        let figures = [
            figure(Kind::Spillway, Case::Plain, 20.0),
            figure(Kind::Envoy, Case::Plain, 60.0),
            figure(Kind::Spillway, Case::Idle, 30.0),
        ];
        let costs = costs(&figures);
        assert!(
            costs.contains("| case | spillway | envoy |\n|---|---:|---:|\n| plain | 20.0 | 60.0 |\n\n"),
            "{costs}"
        );
        assert!(memory(&figures).ends_with("| idle-0 | 30.0 |  |"), "{}", memory(&figures));
        assert!(latencies(&figures, 5000).contains("| 100 / 400 / 1,000 |"));
    }
}
