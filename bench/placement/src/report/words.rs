//! Figures in words.

use crate::figures::Figure;

/// Where a part of the figures is missing, so that nobody takes it for forgotten.
pub(super) const NOT_MEASURED: &str = "Not measured.";

/// Three digits that count, with commas between thousands.
pub(super) fn figure(value: f64) -> String {
    match value {
        value if value >= 99.95 => thousands(&format!("{value:.0}")),
        value if value >= 9.995 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// A time of microseconds, in the unit that reads best.
pub(super) fn time(us: f64) -> String {
    if us < 1000.0 { format!("{} µs", figure(us)) } else { format!("{} ms", figure(us / 1000.0)) }
}

/// How often one holds the other: `0.83x`, or `1/20,000` where that reads better.
pub(super) fn ratio(value: f64, of: f64) -> String {
    let ratio = value / of;
    if ratio < 0.01 { format!("1/{}", figure(of / value)) } else { format!("{}x", figure(ratio)) }
}

/// A number of rows: `10 K`, `4 M`.
pub(super) fn rows(entries: u32) -> String {
    match entries {
        entries if entries >= 1_000_000 && entries.is_multiple_of(1_000_000) => {
            format!("{} M", entries / 1_000_000)
        }
        entries if entries >= 1000 && entries.is_multiple_of(1000) => format!("{} K", entries / 1000),
        entries => thousands(&entries.to_string()),
    }
}

/// A table of markdown.
pub(super) fn table(head: &[String], body: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let rule = format!("|---|{}", "---:|".repeat(head.len().saturating_sub(1)));
    [line(head), rule].into_iter().chain(body.iter().map(|cells| line(cells))).collect::<Vec<_>>().join("\n")
}

/// The sizes of these figures, from small to large.
pub(super) fn sizes<'a>(figures: impl Iterator<Item = &'a Figure>) -> Vec<u32> {
    let mut sizes: Vec<u32> = figures.map(|figure| figure.entries).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

fn thousands(digits: &str) -> String {
    let group = |(index, digit): (usize, char)| {
        let comma = index > 0 && (digits.len() - index).is_multiple_of(3);
        comma.then_some(',').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        for (value, words) in [(0.834, "0.83"), (12.34, "12.3"), (99.96, "100"), (1_234_567.0, "1,234,567")] {
            assert_eq!(figure(value), words);
        }
        assert_eq!((time(4.56), time(687_000.0)), ("4.56 µs".to_owned(), "687 ms".to_owned()));
        assert_eq!((ratio(1.0, 20_000.0), ratio(3.0, 4.0)), ("1/20,000".to_owned(), "0.75x".to_owned()));
        assert_eq!(
            (rows(10_000_000), rows(370_000), rows(1234)),
            ("10 M".into(), "370 K".into(), "1,234".into())
        );
    }

    #[test]
    fn a_table_has_a_rule() {
        let cells = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        assert_eq!(table(&cells("map", "µs"), &[cells("std", "1")]), "| map | µs |\n|---|---:|\n| std | 1 |");
    }
}
