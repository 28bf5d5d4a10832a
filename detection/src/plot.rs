//! A picture: which part of the faults each detector has caught, so many seconds after their onset.

use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;

use crate::stats::float;

const SIZE: (u32, u32) = (900, 480);
const MOST_SECONDS: f64 = 80.0;
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 90, 181),
    RGBColor(220, 50, 32),
    RGBColor(230, 159, 0),
    RGBColor(0, 140, 90),
    RGBColor(120, 120, 120),
];

/// One detector's line.
pub struct Line {
    /// Its name, and what else the legend says.
    pub name: String,
    /// Seconds from onset to alarm of the faults it caught.
    pub delays: Vec<f64>,
    /// All faults.
    pub faults: u64,
}

/// Draws the lines as SVG.
pub fn draw(lines: &[Line], caption: &str) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        paint(&area, lines, caption).map_err(|error| anyhow!("{error}")).context("cannot draw the plot")?;
    }
    Ok(svg)
}

fn paint(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    lines: &[Line],
    caption: &str,
) -> Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>> {
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..MOST_SECONDS, 0.0..100.0)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("seconds after the true onset")
        .y_desc("faults caught (%)")
        .draw()?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        let legend = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style);
        chart.draw_series(LineSeries::new(steps(line), style))?.label(&line.name).legend(legend);
    }
    let position = SeriesLabelPosition::LowerRight;
    chart
        .configure_series_labels()
        .position(position)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    area.present()
}

/// The line as steps: up at each alarm.
fn steps(line: &Line) -> Vec<(f64, f64)> {
    let mut delays = line.delays.clone();
    delays.sort_by(f64::total_cmp);
    let part = |count: u64| 100.0 * float(count) / float(line.faults.max(1));
    let mut points = vec![(0.0, 0.0)];
    for (count, delay) in (0..).zip(delays.iter().filter(|delay| **delay <= MOST_SECONDS)) {
        points.push((*delay, part(count)));
        points.push((*delay, part(count + 1)));
    }
    let last = points.last().map_or(0.0, |(_, height)| *height);
    points.push((MOST_SECONDS, last));
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_each_line_with_its_name() {
        let lines =
            ["one", "other"].map(|name| Line { name: name.to_owned(), delays: vec![31.0, 30.5], faults: 4 });
        let svg = draw(&lines, "a caption").unwrap();
        assert!(svg.contains("a caption") && svg.contains("other"), "{svg}");
        assert_eq!(steps(&lines[0])[1..3], [(30.5, 0.0), (30.5, 25.0)]);
    }
}
