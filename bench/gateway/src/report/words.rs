//! Figures in words.

/// Where a figure is missing, so that nobody takes it for forgotten.
const NONE: &str = "";

/// Three digits that count, with commas between thousands.
pub(super) fn figure(value: f64) -> String {
    match value {
        value if value >= 99.95 => thousands(&format!("{value:.0}")),
        value if value >= 9.995 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

pub(super) fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), figure)
}

/// A table of markdown.
pub(super) fn table(head: &[String], body: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let rule = format!("|---|{}", "---:|".repeat(head.len().saturating_sub(1)));
    [line(head), rule].into_iter().chain(body.iter().map(|cells| line(cells))).collect::<Vec<_>>().join("\n")
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
    }
}
