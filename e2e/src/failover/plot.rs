//! The picture: which part of the clients still went to the old front door, so many seconds after.

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::conduct::Findings;
use super::figures::percent;
use super::measure::Gateway;

const SIZE: (u32, u32) = (960, 420);
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 140, 90), RGBColor(220, 50, 32), RGBColor(230, 159, 0), RGBColor(120, 120, 120)];
/// Points a curve.
const POINTS: u32 = 400;

struct Curve {
    name: String,
    left_s: Vec<f64>,
}

/// Draws it as SVG.
pub(super) fn draw(findings: &Findings) -> Result<String> {
    let of = |gateway: Gateway| {
        findings.runs.iter().filter(|run| run.gateway == gateway).flat_map(|run| run.left_s.clone()).collect()
    };
    let mut curves = vec![
        Curve {
            name: "gateway alive, after the verdict (it forwards them)".to_owned(),
            left_s: of(Gateway::Alive),
        },
        Curve { name: "gateway dead, after the death".to_owned(), left_s: of(Gateway::Dead) },
    ];
    for (least, left_s) in &findings.stretched {
        let name = format!("gateway dead, resolvers that keep answers {least} s");
        curves.push(Curve { name, left_s: left_s.clone() });
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        paint(&area, &curves).map_err(|error| anyhow!("{error}")).context("cannot draw the plot")?;
    }
    Ok(svg)
}

type Painted = Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>>;

fn paint(area: &DrawingArea<SVGBackend<'_>, Shift>, curves: &[Curve]) -> Painted {
    area.fill(&WHITE)?;
    let latest = curves.iter().flat_map(|curve| &curve.left_s).copied().fold(50.0, f64::max);
    let (near, far) = area.split_horizontally(SIZE.0 / 2);
    panel(&near, &curves[..curves.len().min(2)], 50.0, "clients that honour TTLs")?;
    panel(&far, &curves[1..], latest, "gateway dead")?;
    area.present()
}

fn panel(area: &DrawingArea<SVGBackend<'_>, Shift>, curves: &[Curve], until: f64, caption: &str) -> Painted {
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..until, 0.0..100.0)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("seconds after")
        .y_desc("still at the old front door (%)")
        .draw()?;
    let offset = usize::from(until > 50.0);
    for (curve, colour) in curves.iter().zip(COLOURS.iter().skip(offset)) {
        if curve.left_s.is_empty() {
            continue;
        }
        let style = colour.stroke_width(2);
        let legend = move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style);
        chart
            .draw_series(LineSeries::new(points(&curve.left_s, until), style))?
            .label(&curve.name)
            .legend(legend);
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .label_font(("sans-serif", 11))
        .draw()
}

fn points(left_s: &[f64], until: f64) -> Vec<(f64, f64)> {
    (0..=POINTS)
        .map(|n| until * f64::from(n) / f64::from(POINTS))
        .map(|at| (at, percent(left_s.iter().filter(|left| **left >= at).count(), left_s.len())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::run;
    use super::*;

    #[test]
    fn every_kind_of_resolver_has_its_curve() {
        let findings = Findings {
            runs: vec![run(Gateway::Alive, 2.0), run(Gateway::Dead, 31.0)],
            stretched: vec![(60, vec![59.0]), (300, vec![299.0])],
            ..Findings::default()
        };
        let svg = draw(&findings).unwrap();
        for words in
            ["after the verdict", "keep answers 60 s", "keep answers 300 s", "still at the old front door"]
        {
            assert!(svg.contains(words), "no {words} in {svg}");
        }
        assert_eq!(points(&[10.0, 30.0], 40.0)[200], (20.0, 50.0));
    }
}
