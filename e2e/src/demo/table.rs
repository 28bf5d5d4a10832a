//! The live table, as text: pure, so that it can be read in a test and drawn by anything.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, Width, presets,
};
use spillway_decide::Verdict;

use super::{
    frame::Frame,
    narrator::{Event, shares},
    terms::Terms,
};

/// How many of the latest events stand below the table.
const EVENTS: usize = 8;

/// Columns whose text changes, and the width that they keep: a table that is refreshed in place must not wobble.
const WIDTHS: [(usize, u16); 5] = [(1, 12), (2, 9), (3, 9), (5, 28), (6, 17)];

/// On a narrower terminal it wobbles rather than break its lines.
const WIDE: u16 = 112;

/// The whole live view, as lines no wider than `width`.
#[must_use]
pub fn render(
    frame: &Frame,
    chapter: &str,
    onset: Option<f64>,
    events: &[Event],
    terms: &Terms,
    width: u16,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_header([
            "region",
            "verdict",
            "P95",
            "traffic",
            "clients",
            "its arrivals go to",
            "its DNS answers",
            "TTL",
        ]);
    for region in &terms.regions {
        table.add_row(row(frame, region, terms));
    }
    let wide_enough = width >= WIDE;
    for (column, least) in WIDTHS.into_iter().filter(|_| wide_enough) {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
        }
    }
    let head = format!("{}  {chapter}", clock(frame.at, onset));
    let totals = &frame.totals;
    let counts = format!(
        "{} requests served, {} lost, {} answered wrongly, {} Locations rewritten",
        totals.ok, totals.lost, totals.wrong, totals.locations_public
    );
    let mut lines = vec![clipped(&head, width), String::new()];
    lines.extend(table.lines());
    lines.extend([String::new(), clipped(&counts, width), String::new()]);
    let latest = events.iter().skip(events.len().saturating_sub(EVENTS));
    lines.extend(latest.map(|event| clipped(&line(event, onset), width)));
    lines.join("\n")
}

/// An event as one line, its time relative to the onset of the fault.
#[must_use]
pub fn line(event: &Event, onset: Option<f64>) -> String {
    format!("{}  {}", clock(event.at, onset), event.what)
}

/// Seconds relative to the onset; before anybody knows when that is, the clock counts from the first request.
fn clock(at: f64, onset: Option<f64>) -> String {
    onset.map_or_else(|| format!("{at:>8.1} s"), |onset| format!("{:>+8.1} s", at - onset))
}

fn row(frame: &Frame, region: &str, terms: &Terms) -> Vec<Cell> {
    let traffic = frame.traffic.get(region);
    let gateway = frame.gateways.get(region);
    let dns = frame.dns.get(region);
    let bound = f64::from(terms.priority.health.max_latency_p95_milliseconds);
    let p95 = traffic.and_then(|view| view.p95_milliseconds);
    let p95_cell = right(p95.map_or_else(dash, |p95| format!("{p95:.0} ms")));
    let share = traffic.map_or(0.0, |view| view.share_percent);
    vec![
        Cell::new(region).add_attribute(Attribute::Bold),
        verdict(frame.verdict(region)),
        if p95.is_some_and(|p95| p95 > bound) { p95_cell.fg(Color::Red) } else { p95_cell },
        right(format!("{share:.0} %")),
        right(frame.clients_of(region).to_string()),
        Cell::new(gateway.map_or_else(dash, shares)),
        Cell::new(dns.map_or_else(dash, |dns| dns.region.clone())),
        right(dns.map_or_else(dash, |dns| format!("{} s", dns.ttl_seconds))),
    ]
}

fn verdict(verdict: Option<Verdict>) -> Cell {
    let Some(verdict) = verdict else { return Cell::new("no answer").fg(Color::Red) };
    let color = match verdict {
        Verdict::Healthy => Color::Green,
        Verdict::Suspected => Color::Yellow,
        Verdict::Recovering => Color::Cyan,
        Verdict::Degraded => Color::Red,
    };
    Cell::new(verdict.to_string()).fg(color)
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn dash() -> String {
    "-".to_owned()
}

fn clipped(text: &str, width: u16) -> String {
    text.chars().take(width.into()).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::invented, *};

    #[test]
    fn a_failed_over_world_at_a_glance() {
        let (terms, frame) = (invented::terms(), invented::frame(50.0));
        let events = [Event { at: 40.0, what: "shenzhen is Degraded: slow".into() }];
        let text = render(&frame, "shenzhen answers slowly", Some(8.0), &events, &terms, 120);
        let row = |region: &str| text.lines().find(|line| line.trim_start().starts_with(region)).unwrap();
        assert!(text.starts_with("   +42.0 s  shenzhen answers slowly"), "{text}");
        for part in ["Degraded", "0 %", "chengdu 100 %", "5 s"] {
            assert!(row("shenzhen").contains(part), "{part} in {text}");
        }
        assert!(row("chengdu").contains("100 %") && row("chengdu").contains("50"), "{text}");
        assert!(text.ends_with("   +32.0 s  shenzhen is Degraded: slow"), "{text}");
    }

    #[test]
    fn nothing_is_wider_than_the_terminal() {
        let (terms, frame) = (invented::terms(), invented::frame(41.5));
        let events = [Event { at: 1.0, what: "long ".repeat(60) }];
        let text = render(&frame, &"a long chapter ".repeat(20), None, &events, &terms, 80);
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{widest:?}\n{text}");
    }

    #[test]
    fn a_gateway_that_is_gone_is_shown_as_such() {
        let (terms, mut frame) = (invented::terms(), invented::frame(1.0));
        frame.gateways.remove("beijing");
        let text = render(&frame, "", None, &[], &terms, 120);
        assert!(text.lines().any(|line| line.contains("beijing") && line.contains("no answer")), "{text}");
    }
}
