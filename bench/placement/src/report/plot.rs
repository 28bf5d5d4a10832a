//! The plot: the longest insert, and what an insert and a get cost, as the map grows. Both axes are logarithmic.

use std::error::Error;

use anyhow::anyhow;
use plotters::{
    chart::{ChartBuilder, LabelAreaPosition},
    coord::Shift,
    prelude::{
        BindKeyPoints, Circle, DrawingArea, IntoDrawingArea, IntoLogRange, LineSeries, PathElement,
        SVGBackend, Text,
    },
    style::{Color, IntoFont, RGBColor, TextStyle},
};

use crate::{case::Map, figures::Figure};

use super::words;

const SIZE: (u32, u32) = (960, 1010);
const HEAD: u32 = 62;
const STALLS: u32 = 390;
const COST: u32 = 270;
const LEFT: u32 = 84;
const RIGHT: u32 = 24;
const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
const MUTED: RGBColor = RGBColor(0x59, 0x63, 0x6e);
const GRID: RGBColor = RGBColor(0xd1, 0xd9, 0xe0);
const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Painted<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// A quantity that is drawn against the size.
struct Quantity {
    title: &'static str,
    value: fn(&Figure) -> f64,
    label: fn(&f64) -> String,
}

/// Draws the judged workload as SVG.
pub(super) fn draw(figures: &[Figure]) -> anyhow::Result<String> {
    let figures: Vec<_> = figures.iter().filter(|figure| figure.is_judged()).collect();
    let mut svg = String::new();
    paint(&mut svg, &figures).map_err(|error| anyhow!("drawing the plot: {error}"))?;
    Ok(svg)
}

fn paint(svg: &mut String, figures: &[&Figure]) -> Painted {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&PAPER)?;
    let (head, body) = root.split_vertically(HEAD);
    let (stalls, rest) = body.split_vertically(STALLS);
    let (inserts, gets) = rest.split_vertically(COST);
    legend(&head, figures)?;
    panel(
        &stalls,
        figures,
        &Quantity {
            title: "longest intrinsic insert, the fastest of the runs for each operation",
            value: |figure| figure.insert_max_us,
            label: |us| words::time(*us),
        },
    )?;
    panel(
        &inserts,
        figures,
        &Quantity {
            title: "time of an insert, over all inserts",
            value: |figure| 1000.0 / figure.insert_mops,
            label: |ns| format!("{} ns", words::figure(*ns)),
        },
    )?;
    panel(
        &gets,
        figures,
        &Quantity {
            title: "time of a get, object by object",
            value: |figure| 1000.0 / figure.get_mops,
            label: |ns| format!("{} ns", words::figure(*ns)),
        },
    )?;
    root.present()?;
    Ok(())
}

/// The names, in the colours of their lines.
fn legend(area: &Area<'_>, figures: &[&Figure]) -> Painted {
    area.draw(&Text::new("The placement map beside others, by its number of rows", (16, 10), text(17, INK)))?;
    let mut left = 16;
    for map in maps(figures) {
        let line = PathElement::new([(left, 46), (left + 22, 46)], color(map).stroke_width(width(map)));
        area.draw(&line)?;
        let name = map.name();
        area.draw(&Text::new(name.clone(), (left + 27, 39), text(14, INK)))?;
        left += 48 + i32::try_from(name.len())? * 8;
    }
    Ok(())
}

/// One quantity, a line a map; ours is drawn last and thick.
fn panel(area: &Area<'_>, figures: &[&Figure], quantity: &Quantity) -> Painted {
    let values = || figures.iter().map(|figure| (quantity.value)(figure)).filter(|value| *value > 0.0);
    let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN_POSITIVE, f64::max));
    let sizes = words::sizes(figures.iter().copied());
    let (Some(first), Some(last)) = (sizes.first(), sizes.last()) else { return Ok(()) };
    area.draw(&Text::new(quantity.title, (i32::try_from(LEFT)?, 6), text(15, INK)))?;
    let mut chart = ChartBuilder::on(area)
        .margin_top(28)
        .margin_right(RIGHT)
        .set_label_area_size(LabelAreaPosition::Left, LEFT)
        .set_label_area_size(LabelAreaPosition::Bottom, 42)
        .build_cartesian_2d(
            (f64::from(*first) * 0.8..f64::from(*last) * 1.25)
                .log_scale()
                .with_key_points(sizes.iter().map(|size| f64::from(*size)).collect()),
            (low * 0.7..high * 1.4).log_scale().with_key_points(ticks(low * 0.7, high * 1.4)),
        )?;
    chart
        .configure_mesh()
        .axis_style(GRID)
        .bold_line_style(GRID)
        .light_line_style(PAPER.mix(0.0))
        .label_style(text(13, MUTED))
        .axis_desc_style(text(13, MUTED))
        .x_desc("rows in the map")
        .x_label_formatter(&|rows| label_of(&sizes, *rows))
        .y_label_formatter(&quantity.label)
        .draw()?;
    for map in maps(figures).into_iter().rev() {
        let mine = figures.iter().filter(|figure| figure.map == map);
        let mut line: Vec<_> =
            mine.map(|figure| (f64::from(figure.entries), (quantity.value)(figure))).collect();
        line.sort_by(|a, b| a.0.total_cmp(&b.0));
        chart
            .draw_series(line.iter().map(|point| Circle::new(*point, width(map) + 1, color(map).filled())))?;
        chart.draw_series(LineSeries::new(line, color(map).stroke_width(width(map))))?;
    }
    Ok(())
}

/// Powers of ten, and their doubles and fives where there are few.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let wide = high / low > 2000.0;
    let steps: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let powers = (-3..10).flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)));
    powers.filter(|tick| (low..=high).contains(tick)).collect()
}

/// The word for the size that is nearest to a point of the axis.
fn label_of(sizes: &[u32], rows: f64) -> String {
    let near = sizes.iter().find(|size| (f64::from(**size) / rows - 1.0).abs() < 0.01);
    near.map(|size| words::rows(*size)).unwrap_or_default()
}

fn maps(figures: &[&Figure]) -> Vec<Map> {
    Map::all().iter().copied().filter(|map| figures.iter().any(|figure| figure.map == *map)).collect()
}

fn width(map: Map) -> u32 {
    if map == Map::Spillway { 4 } else { 2 }
}

fn color(map: Map) -> RGBColor {
    match map {
        Map::Spillway => RGBColor(0xd1, 0x24, 0x2f),
        Map::Std => RGBColor(0x1f, 0x23, 0x28),
        Map::Hashbrown => RGBColor(0x8b, 0x5a, 0x2b),
        Map::Griddle => RGBColor(0xe6, 0x9f, 0x00),
        Map::Papaya => RGBColor(0x1a, 0x9e, 0x77),
        Map::Scc => RGBColor(0x2f, 0x81, 0xf7),
        Map::Dashmap => RGBColor(0xa3, 0x71, 0xf7),
        Map::Btreemap => RGBColor(0x9a, 0xa4, 0xae),
        Map::Go => RGBColor(0x00, 0xad, 0xd8),
    }
}

fn text(size: u32, color: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&color.to_rgba())
}

#[cfg(test)]
mod tests {
    use super::{super::invented::figure, *};

    #[test]
    fn every_map_and_size_has_its_name() {
        let figures: Vec<_> = [(Map::Spillway, 20.0), (Map::Std, 600_000.0)]
            .into_iter()
            .flat_map(|(map, us)| [1_000_000, 10_000_000].map(|entries| figure(map, entries, us)))
            .collect();
        let svg = draw(&figures).unwrap();
        for word in ["spillway", "std", "1 M", "10 M", "longest intrinsic insert", "100 ms"] {
            assert!(svg.contains(&format!("\n{word}")), "no {word} in {svg}");
        }
    }

    #[test]
    fn without_figures_it_is_an_empty_page() {
        assert!(draw(&[]).unwrap().contains("</svg>"));
    }
}
