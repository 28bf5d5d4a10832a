//! What the map has to reach, beside what it reached.

use crate::{
    case::{Allocator, Map, Order},
    figures::Figure,
};

use super::words;

/// The longest insert, at most this share of std's.
const STALL: f64 = 1.0 / 20_000.0;
/// The longest insert may grow by this from the smaller to the larger size.
const GROWTH: f64 = 1.5;
/// Throughput, at least this share of hashbrown's.
const SPEED: f64 = 0.8;
/// Memory, at most this share of hashbrown's.
const MEMORY: f64 = 0.5;

const LARGE: u32 = 10_000_000;
const SMALL: u32 = 1_000_000;
/// Sizes at which throughput and memory are judged.
const JUDGED: [u32; 3] = [SMALL, 4_000_000, LARGE];

/// One line: what, how much, of which other figure.
struct Line {
    what: String,
    target: String,
    ours: String,
    other: String,
    ratio: f64,
    met: bool,
}

/// The table of targets: a line for each that the figures have something to say about.
pub(super) fn table(figures: &[Figure]) -> String {
    let find = |map, entries| {
        figures.iter().find(|figure| figure.is_judged() && figure.map == map && figure.entries == entries)
    };
    let mut lines = vec![];
    if let (Some(ours), Some(std)) = (find(Map::Spillway, LARGE), find(Map::Std, LARGE)) {
        lines.push(stall(ours, std));
    }
    if let (Some(large), Some(small)) = (find(Map::Spillway, LARGE), find(Map::Spillway, SMALL)) {
        lines.push(growth(large, small));
    }
    for entries in JUDGED {
        if let (Some(ours), Some(hashbrown)) = (find(Map::Spillway, entries), find(Map::Hashbrown, entries)) {
            lines.push(speed("insert", entries, ours.insert_mops, hashbrown.insert_mops));
            lines.push(speed("get", entries, ours.get_mops, hashbrown.get_mops));
            lines.push(speed("random get", entries, ours.get_random_mops, hashbrown.get_random_mops));
            lines.extend(memory("peak", ours, hashbrown, |figure| figure.rss_mb));
            lines.extend(memory("settled", ours, hashbrown, |figure| figure.rss_settled_mb));
        }
        lines.extend(random_inserts(figures, entries));
    }
    if lines.is_empty() {
        return String::new();
    }
    let head = ["figure", "target", "ours", "the other", "ratio", ""].map(str::to_owned);
    let body: Vec<_> = lines.into_iter().map(Line::cells).collect();
    let parts = [format!("### Targets\n\n{}", words::table(&head, &body))];
    parts.into_iter().chain(warm(figures)).collect::<Vec<_>>().join("\n\n")
}

/// Figures of one map at one size and workload.
fn beside(
    figures: &[Figure],
    entries: u32,
    (order, allocator): (Order, Allocator),
    map: Map,
) -> Option<&Figure> {
    figures.iter().find(|f| (f.entries, f.order, f.allocator, f.map) == (entries, order, allocator, map))
}

fn random_inserts(figures: &[Figure], entries: u32) -> Option<Line> {
    let of = |map| beside(figures, entries, (Order::Random, Allocator::Cold), map);
    let (ours, hashbrown) = (of(Map::Spillway)?, of(Map::Hashbrown)?);
    Some(speed("random insert", entries, ours.insert_mops, hashbrown.insert_mops))
}

/// The stall where the allocator is warm, which no target is about: a sentence, for what is not judged shall not be
/// left unsaid either.
fn warm(figures: &[Figure]) -> Option<String> {
    let entries = figures.iter().find(|figure| figure.allocator == Allocator::Warm)?.entries;
    let of = |map| beside(figures, entries, (Order::Hub, Allocator::Warm), map);
    let (ours, std) = (of(Map::Spillway)?.insert_max_us, of(Map::Std)?.insert_max_us);
    let verdict = if ours / std <= STALL { "within" } else { "**more than**" };
    Some(format!(
        "With a warm allocator the longest intrinsic insert at {} is {}, {} of std's {}: {verdict} the 1/20,000 that is \
         the target with a cold one at {}.",
        words::rows(entries),
        words::time(ours),
        words::ratio(ours, std),
        words::time(std),
        words::rows(LARGE)
    ))
}

fn stall(ours: &Figure, std: &Figure) -> Line {
    let ratio = ours.insert_max_us / std.insert_max_us;
    Line {
        what: format!("longest intrinsic insert at {}", words::rows(LARGE)),
        target: "at most 1/20,000 of std's".to_owned(),
        ours: words::time(ours.insert_max_us),
        other: format!("std {}", words::time(std.insert_max_us)),
        ratio,
        met: ratio <= STALL,
    }
}

fn growth(large: &Figure, small: &Figure) -> Line {
    let ratio = large.insert_max_us / small.insert_max_us;
    Line {
        what: format!("the same at {} over {}", words::rows(LARGE), words::rows(SMALL)),
        target: format!("at most {GROWTH}x"),
        ours: words::time(large.insert_max_us),
        other: format!("at {}: {}", words::rows(SMALL), words::time(small.insert_max_us)),
        ratio,
        met: ratio <= GROWTH,
    }
}

fn speed(what: &str, entries: u32, ours: f64, hashbrown: f64) -> Line {
    let mops = |value| format!("{} M/s", words::figure(value));
    Line {
        what: format!("{what} throughput at {}", words::rows(entries)),
        target: format!("at least {SPEED}x hashbrown's"),
        ours: mops(ours),
        other: format!("hashbrown {}", mops(hashbrown)),
        ratio: ours / hashbrown,
        met: ours / hashbrown >= SPEED,
    }
}

fn memory(
    what: &str,
    ours: &Figure,
    hashbrown: &Figure,
    resident: fn(&Figure) -> Option<f64>,
) -> Option<Line> {
    let (mine, theirs) = (resident(ours)?, resident(hashbrown)?);
    let megabytes = |value| format!("{} MB", words::figure(value));
    Some(Line {
        what: format!("resident memory ({what}) at {}", words::rows(ours.entries)),
        target: format!("at most {MEMORY}x hashbrown's"),
        ours: megabytes(mine),
        other: format!("hashbrown {}", megabytes(theirs)),
        ratio: mine / theirs,
        met: mine / theirs <= MEMORY,
    })
}

impl Line {
    fn cells(self) -> Vec<String> {
        let met = if self.met { "met" } else { "**not met**" };
        vec![self.what, self.target, self.ours, self.other, words::ratio(self.ratio, 1.0), met.to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::{super::invented::figure, *};

    fn line<'a>(table: &'a str, what: &str) -> &'a str {
        table.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("no line {what}:\n{table}"))
    }

    fn figures(ours: f64, ours_small: f64) -> Vec<Figure> {
        vec![
            figure(Map::Spillway, LARGE, ours),
            figure(Map::Spillway, SMALL, ours_small),
            figure(Map::Std, LARGE, 600_000.0),
            figure(Map::Hashbrown, LARGE, 300_000.0),
        ]
    }

    #[test]
    fn a_target_is_met_up_to_its_bound_and_not_beyond() {
        let met = table(&figures(30.0, 20.0));
        for what in ["longest intrinsic", "over 1 M", "insert throughput", "get throughput"] {
            assert!(line(&met, what).ends_with("| met |"), "{met}");
        }
        assert!(line(&met, "resident").ends_with("| **not met** |"), "as much as hashbrown: {met}");
        let missed = table(&figures(30.1, 20.0));
        for what in ["longest intrinsic", "over 1 M"] {
            assert!(line(&missed, what).ends_with("| **not met** |"), "{missed}");
        }
    }

    #[test]
    fn settled_memory_is_judged_by_itself() {
        let mut figures = figures(30.0, 20.0);
        figures[0].rss_settled_mb = Some(100.0); // hashbrown's is 500 MB, and the peak of both 1,000 MB
        let table = table(&figures);
        assert!(line(&table, "(settled) at 10 M").ends_with("| 0.20x | met |"), "{table}");
        assert!(line(&table, "(peak) at 10 M").ends_with("| 1.00x | **not met** |"), "{table}");
    }

    #[test]
    fn random_inserts_are_judged_where_they_were_measured() {
        let random = |map, insert_mops| {
            let order = Order::Random;
            Figure { order, insert_mops, ..figure(map, 4_000_000, 30.0) }
        };
        let measured = [random(Map::Spillway, 3.9), random(Map::Hashbrown, 5.0)];
        let table = table(&measured);
        assert!(
            line(&table, "random insert throughput at 4 M").ends_with("| 0.78x | **not met** |"),
            "{table}"
        );
    }

    #[test]
    fn the_stall_with_a_warm_allocator_is_told_whether_it_is_met_or_not() {
        let table = |ours| {
            let warm = |map, us| Figure { allocator: Allocator::Warm, ..figure(map, 4_000_000, us) };
            table(
                &[&figures(30.0, 20.0)[..], &[warm(Map::Spillway, ours), warm(Map::Std, 100_000.0)]].concat(),
            )
        };
        assert!(
            table(8.0).contains("at 4 M is 8.00 µs, 1/12,500 of std's 100 ms: **more than** the"),
            "{}",
            table(8.0)
        );
        assert!(table(5.0).contains(": within the 1/20,000"), "{}", table(5.0));
    }

    #[test]
    fn without_figures_there_is_no_table() {
        assert_eq!(table(&[figure(Map::Spillway, 10_000, 1.0)]), "");
    }
}
