//! The plot: processor time a request, a group of bars a case, a bar a proxy.

use std::error::Error;

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea, Rectangle, SVGBackend, Text};
use plotters::style::{Color, IntoFont, RGBColor, TextStyle};

use super::words;
use crate::figures::Figure;
use crate::proxies::Kind;

const WIDTH: u32 = 960;
const LEFT: i32 = 110;
const RIGHT: i32 = 70;
const HEAD: i32 = 70;
const BAR: i32 = 15;
const GAP: i32 = 16;
const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
const MUTED: RGBColor = RGBColor(0x59, 0x63, 0x6e);
const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Painted = Result<(), Box<dyn Error + Send + Sync>>;

/// Draws the cases that have processor time, as SVG.
pub(super) fn draw(figures: &[Figure]) -> anyhow::Result<String> {
    let bars: Vec<(&Figure, f64)> =
        figures.iter().filter_map(|figure| Some((figure, figure.cpu_us_per_request?))).collect();
    let mut svg = String::new();
    paint(&mut svg, &bars).map_err(|error| anyhow!("drawing the plot: {error}"))?;
    Ok(svg)
}

fn paint(svg: &mut String, bars: &[(&Figure, f64)]) -> Painted {
    let groups: Vec<&[(&Figure, f64)]> = bars.chunk_by(|(a, _), (b, _)| a.case == b.case).collect();
    let height = HEAD + i32::try_from(bars.len())? * BAR + i32::try_from(groups.len())? * GAP;
    let area = SVGBackend::with_string(svg, (WIDTH, u32::try_from(height)?)).into_drawing_area();
    area.fill(&PAPER)?;
    legend(&area, bars)?;
    let longest = bars.iter().map(|(_, cpu)| *cpu).fold(1.0, f64::max);
    let scale = f64::from(i32::try_from(WIDTH)? - LEFT - RIGHT) / longest;
    let mut top = HEAD;
    for group in groups {
        let Some((first, _)) = group.first() else { continue };
        area.draw(&Text::new(first.case.name(), (16, top), text(14, INK)))?;
        for (figure, cpu) in group {
            #[allow(clippy::cast_possible_truncation, reason = "a bar is shorter than the page")]
            let right = LEFT + (cpu * scale) as i32;
            let bar = Rectangle::new([(LEFT, top), (right, top + BAR - 2)], color(figure.proxy).filled());
            area.draw(&bar)?;
            area.draw(&Text::new(words::figure(*cpu), (right + 6, top), text(12, MUTED)))?;
            top += BAR;
        }
        top += GAP;
    }
    area.present()?;
    Ok(())
}

fn legend(area: &Area<'_>, bars: &[(&Figure, f64)]) -> Painted {
    area.draw(&Text::new("Processor time a request, microseconds", (16, 10), text(17, INK)))?;
    let mut left = 16;
    for kind in Kind::ALL.iter().filter(|kind| bars.iter().any(|(figure, _)| figure.proxy == **kind)) {
        area.draw(&Rectangle::new([(left, 41), (left + 16, 53)], color(*kind).filled()))?;
        area.draw(&Text::new(kind.name(), (left + 22, 39), text(14, INK)))?;
        left += 44 + i32::try_from(kind.name().len())? * 8;
    }
    Ok(())
}

fn color(kind: Kind) -> RGBColor {
    match kind {
        Kind::Spillway => RGBColor(0xd1, 0x24, 0x2f),
        Kind::Haproxy => RGBColor(0x2f, 0x81, 0xf7),
        Kind::Nginx => RGBColor(0x1a, 0x9e, 0x77),
        Kind::Envoy => RGBColor(0xa3, 0x71, 0xf7),
        Kind::Traefik => RGBColor(0xe6, 0x9f, 0x00),
    }
}

fn text(size: u32, color: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&color.to_rgba())
}

#[cfg(test)]
mod tests {
    use super::super::invented::figure;
    use super::*;
    use crate::case::Case;

    #[test]
    fn every_proxy_and_case_has_its_name() {
        let figures = [figure(Kind::Spillway, Case::Plain, 20.0), figure(Kind::Envoy, Case::Http2, 60.0)];
        let svg = draw(&figures).unwrap();
        for word in ["spillway", "envoy", "plain", "h2", "60.0"] {
            assert!(svg.contains(&format!("\n{word}")), "no {word} in {svg}");
        }
    }

    #[test]
    fn without_figures_it_is_an_empty_page() {
        assert!(draw(&[]).unwrap().contains("</svg>"));
    }
}
