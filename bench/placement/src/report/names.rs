//! What a name costs.

use crate::figures::NameFigure;

use super::words;

/// The ways to ask by name, beside each other.
pub(super) fn table(figures: &[NameFigure]) -> String {
    let Some(NameFigure { entries, runs, .. }) = figures.first() else {
        return format!("### By name\n\n{}", words::NOT_MEASURED);
    };
    let head = ["map", "how", "ns an insert", "ns a get"].map(str::to_owned);
    let body: Vec<Vec<String>> = figures
        .iter()
        .map(|figure| {
            let insert = figure.insert_ns.map_or("–".to_owned(), words::figure);
            vec![figure.map.name(), figure.way.words().to_owned(), insert, words::figure(figure.get_ns)]
        })
        .collect();
    format!(
        "### By name ({} rows, object by object, cold allocator, the fastest of {runs} runs)\n\n{}",
        words::rows(*entries),
        words::table(&head, &body)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{by_name::Way, case::Map};

    #[test]
    fn a_way_that_only_reads_has_no_insert() {
        let way = Way::RowsOfObject;
        let figure = NameFigure {
            map: Map::Spillway,
            way,
            entries: 1_000_000,
            runs: 3,
            insert_ns: None,
            get_ns: 12.34,
        };
        let text = table(&[figure]);
        assert!(text.contains("| spillway | `rows_of_object` | – | 12.3 |"), "{text}");
        assert!(text.contains("1 M rows") && text.contains("of 3 runs"), "{text}");
        assert!(table(&[]).ends_with("Not measured."));
    }
}
