//! The tables of figures.

use crate::{
    case::{Map, word},
    figures::{Figure, HubFigure, Setting},
};

use super::words;

/// On what, when and how.
pub(super) fn setting(setting: &Setting) -> String {
    let Setting { machine, date, commit, command, runs, clock_ns, seconds } = setting;
    format!(
        "Machine: {machine}. Date: {date}, commit {commit}. Command: `{command}`, {runs} runs of each case, {} \
         minutes. Reading the clock twice takes {clock_ns} ns; that is in every time of one operation, and not \
         subtracted.",
        seconds.div_ceil(60)
    )
}

/// The judged workload, a table a size, the largest first.
pub(super) fn judged(figures: &[Figure]) -> String {
    let judged = || figures.iter().filter(|figure| figure.is_judged());
    let sizes = words::sizes(judged()).into_iter().rev().filter(|entries| *entries >= 1_000_000);
    let tables: Vec<String> = sizes
        .map(|entries| {
            let rows: Vec<_> = judged().filter(|figure| figure.entries == entries).collect();
            format!(
                "### {} rows, object by object, cold allocator\n\n{}",
                words::rows(entries),
                beside(&rows)
            )
        })
        .collect();
    tables.join("\n\n")
}

/// One workload at several maps, with ratios: stalls against std's, the rest against hashbrown's.
fn beside(rows: &[&Figure]) -> String {
    let of = |map| rows.iter().find(|figure| figure.map == map).copied();
    let (std, hashbrown) = (of(Map::Std), of(Map::Hashbrown));
    let head = [
        "map",
        "longest insert",
        "of std's",
        "p99.99",
        "p99",
        "p50",
        "insert M/s",
        "of hashbrown's",
        "get M/s",
        "of hashbrown's",
        "random get M/s",
        "of hashbrown's",
        "peak MB",
        "of hashbrown's",
        "settled MB",
        "longest, one run",
    ];
    let body: Vec<Vec<String>> = rows
        .iter()
        .map(|figure| {
            let memory = |value: Option<f64>| value.map_or("–".to_owned(), words::figure);
            vec![
                figure.map.name(),
                words::time(figure.insert_max_us),
                against(figure.insert_max_us, std.map(|std| std.insert_max_us)),
                words::time(figure.insert_p9999_us),
                words::time(figure.insert_p99_us),
                words::time(figure.insert_p50_us),
                words::figure(figure.insert_mops),
                against(figure.insert_mops, hashbrown.map(|other| other.insert_mops)),
                words::figure(figure.get_mops),
                against(figure.get_mops, hashbrown.map(|other| other.get_mops)),
                words::figure(figure.get_random_mops),
                against(figure.get_random_mops, hashbrown.map(|other| other.get_random_mops)),
                memory(figure.rss_mb),
                figure
                    .rss_mb
                    .map_or("–".to_owned(), |mine| against(mine, hashbrown.and_then(|other| other.rss_mb))),
                memory(figure.rss_settled_mb),
                words::time(figure.insert_run_max_us),
            ]
        })
        .collect();
    words::table(&head.map(str::to_owned), &body)
}

fn against(value: f64, other: Option<f64>) -> String {
    other.map_or("–".to_owned(), |other| words::ratio(value, other))
}

/// What an operation costs as the map grows.
pub(super) fn sizes(figures: &[Figure]) -> String {
    let judged: Vec<_> = figures.iter().filter(|figure| figure.is_judged()).collect();
    let sizes = words::sizes(judged.iter().copied());
    let table = |of: fn(&Figure) -> String| {
        let head: Vec<_> =
            ["map".to_owned()].into_iter().chain(sizes.iter().map(|size| words::rows(*size))).collect();
        let body = Map::all().iter().filter_map(|map| {
            let mine: Vec<_> = judged.iter().filter(|figure| figure.map == *map).collect();
            let cell =
                |size| mine.iter().find(|figure| figure.entries == size).map_or("–".to_owned(), |f| of(f));
            let cells = sizes.iter().map(|size| cell(*size));
            (!mine.is_empty()).then(|| [map.name()].into_iter().chain(cells).collect())
        });
        words::table(&head, &body.collect::<Vec<Vec<String>>>())
    };
    let insert = table(|figure| words::figure(1000.0 / figure.insert_mops));
    let get = table(|figure| words::figure(1000.0 / figure.get_mops));
    let random = table(|figure| words::figure(1000.0 / figure.get_random_mops));
    let stall = table(|figure| words::time(figure.insert_max_us));
    format!(
        "### As the map grows (object by object, cold allocator)\n\nNanoseconds an insert:\n\n{insert}\n\nNanoseconds \
         a get, object by object:\n\n{get}\n\nNanoseconds a get, rows in random order:\n\n{random}\n\nThe longest intrinsic insert:\n\n{stall}"
    )
}

/// The workloads that are not judged.
pub(super) fn others(figures: &[Figure]) -> String {
    let mut workloads: Vec<_> =
        figures.iter().filter(|f| !f.is_judged()).map(|f| (f.entries, f.order, f.allocator)).collect();
    workloads.dedup();
    let tables: Vec<String> = workloads
        .into_iter()
        .map(|(entries, order, allocator)| {
            let same = |f: &&Figure| (f.entries, f.order, f.allocator) == (entries, order, allocator);
            let rows: Vec<_> = figures.iter().filter(same).collect();
            let title = format!(
                "### {} rows, {} order, {} allocator",
                words::rows(entries),
                word(&order),
                word(&allocator)
            );
            format!("{title}\n\n{}", beside(&rows))
        })
        .collect();
    tables.join("\n\n")
}

const HUB_TITLE: &str = "### Reconcile times of a hub while it is fed";

/// The hub that is fed.
pub(super) fn hub(hub: &[HubFigure]) -> String {
    let Some(first) = hub.first() else { return format!("{HUB_TITLE}\n\n{}", words::NOT_MEASURED) };
    let head = [
        "map",
        "rows",
        "rows fed a second",
        "reconciles a second",
        "reconciles",
        "p50",
        "p99",
        "p99.9",
        "longest",
        "longest of a run (median)",
    ];
    let body: Vec<Vec<String>> = hub
        .iter()
        .map(|figure| {
            vec![
                figure.map.name(),
                words::rows(figure.entries),
                words::rows(figure.rows_per_second),
                words::rows(figure.reconciles_per_second),
                format!("{} in {} runs", figure.reconciles, figure.runs),
                words::time(figure.p50_us),
                words::time(figure.p99_us),
                words::time(figure.p999_us),
                words::time(figure.max_us),
                words::time(figure.run_max_us),
            ]
        })
        .collect();
    format!(
        "{HUB_TITLE}\n\nDate: {}, commit {}.\n\n{}",
        first.date,
        first.commit,
        words::table(&head.map(str::to_owned), &body)
    )
}

#[cfg(test)]
mod tests {
    use super::{super::invented::figure, *};

    #[test]
    fn maps_stand_beside_each_other_with_ratios() {
        let figures = [figure(Map::Spillway, 1_000_000, 20.0), figure(Map::Std, 1_000_000, 80_000.0)];
        let text = judged(&figures);
        assert!(text.contains("| spillway | 20.0 µs | 1/4,000 |"), "{text}");
        assert!(text.contains("| std | 80.0 ms | 1.00x |"), "{text}");
    }

    #[test]
    fn a_hub_that_was_not_played_says_so() {
        assert!(hub(&[]).ends_with("Not measured."), "{}", hub(&[]));
    }

    #[test]
    fn a_size_that_a_map_was_not_run_at_is_a_dash() {
        let figures = [figure(Map::Spillway, 10_000, 20.0), figure(Map::Go, 100_000, 30.0)];
        let text = sizes(&figures);
        assert!(text.contains("| spillway | 200 | – |") && text.contains("| go | – | 30.0 µs |"), "{text}");
    }
}
