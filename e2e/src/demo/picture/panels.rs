//! The panels of the picture, one function each. They share the axis of time and the marks.

use plotters::{
    chart::{ChartBuilder, ChartContext, LabelAreaPosition},
    coord::{
        Shift,
        ranged1d::{Ranged, ValueFormatter},
        types::RangedCoordf64,
    },
    prelude::{
        BindKeyPoints, Cartesian2d, DashedLineSeries, DrawingArea, IntoLogRange, LineSeries, Polygon,
        Rectangle, SVGBackend, Text,
    },
    style::{
        Color, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    EVERY, LEFT, Painted, RIGHT, Scene,
    theme::{BOUND, GRID, INK, MUTED, PAPER, region_color, text},
};

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The height of a panel's title.
const TITLE: u32 = 24;

/// The height of the labels of the axis of time.
const TIME_LABELS: u32 = 40;

/// Who serves the traffic: stacked areas, the first choice at the bottom.
pub(super) fn shares(area: &Area<'_>, scene: &Scene<'_>) -> Painted {
    title(area, "share of the traffic, by the region that serves it")?;
    let mut chart = builder(area, 6).build_cartesian_2d(scene.span.0..scene.span.1, 0.0..100.0)?;
    mesh(&mut chart, 5, &|percent| format!("{percent:.0} %"))?;
    let mut floor = vec![0.0; scene.traffic.len()];
    for (index, region) in scene.terms.regions.iter().enumerate() {
        let below = stairs(scene, &floor);
        for (low, (_, regions)) in floor.iter_mut().zip(&scene.traffic) {
            *low += regions.get(region).map_or(0.0, |view| view.share_percent);
        }
        let above = stairs(scene, &floor);
        let outline: Vec<_> = above.into_iter().chain(below.into_iter().rev()).collect();
        chart.draw_series([Polygon::new(outline, region_color(index).filled())])?;
    }
    marks(&mut chart, scene, (0.0, 100.0))
}

/// One level a second: the steps of a shift are to be seen as steps.
fn stairs(scene: &Scene<'_>, levels: &[f64]) -> Vec<(f64, f64)> {
    let stair =
        |((from, _), level): (&(f64, _), &f64)| [(*from, *level), (from + EVERY.as_secs_f64(), *level)];
    scene.traffic.iter().zip(levels).flat_map(stair).collect()
}

/// The latency that clients see, by the region that served them, and the bound.
pub(super) fn latency(area: &Area<'_>, scene: &Scene<'_>) -> Painted {
    let bound = f64::from(scene.terms.priority.health.max_latency_p95_milliseconds);
    title(
        area,
        &format!(
            "P95 of the latency that clients see, by the region that serves them; the bound is {bound:.0} ms"
        ),
    )?;
    let range = (1.0..6000.0).log_scale().with_key_points(vec![1.0, 10.0, 100.0, 1000.0]);
    let mut chart = builder(area, 6).build_cartesian_2d(scene.span.0..scene.span.1, range)?;
    mesh(&mut chart, 4, &|milliseconds| format!("{milliseconds:.0} ms"))?;
    for (index, region) in scene.terms.regions.iter().enumerate() {
        for run in runs(scene, region) {
            chart.draw_series(LineSeries::new(run, region_color(index).stroke_width(2)))?;
        }
    }
    let line = [(scene.span.0, bound), (scene.span.1, bound)];
    chart.draw_series(DashedLineSeries::new(line, 6, 4, BOUND.stroke_width(1)))?;
    marks(&mut chart, scene, (1.0, 6000.0))
}

/// The stretches of time in which a region served: a line must not bridge the time in which it did not.
fn runs(scene: &Scene<'_>, region: &str) -> Vec<Vec<(f64, f64)>> {
    let mut runs = vec![vec![]];
    for (at, regions) in &scene.traffic {
        let p95 = regions.get(region).and_then(|view| view.p95_milliseconds);
        match (p95, runs.last_mut()) {
            (Some(p95), Some(run)) => run.push((at + EVERY.as_secs_f64() / 2.0, p95.max(1.0))),
            _ => runs.push(vec![]),
        }
    }
    runs.retain(|run| run.len() > 1);
    runs
}

/// How long an answer may be kept: the longest TTL of any server.
pub(super) fn ttl(area: &Area<'_>, scene: &Scene<'_>) -> Painted {
    title(area, "TTL of the DNS answers, and the region that each region's DNS server sends people to")?;
    let dns = &scene.terms.priority.dns;
    let (short, long) = (f64::from(dns.suspect_ttl_seconds), f64::from(dns.ttl_seconds));
    let longest = long * 1.2;
    let mut chart = builder(area, 6).build_cartesian_2d(scene.span.0..scene.span.1, 0.0..longest)?;
    mesh(&mut chart, 0, &|seconds| format!("{seconds:.0} s"))?;
    for seconds in [short, long] {
        let line = [(scene.span.0, seconds), (scene.span.1, seconds)];
        chart.draw_series(LineSeries::new(line, GRID.stroke_width(1)))?;
        let at = chart.backend_coord(&(scene.span.0, seconds));
        label(area, at, &text(14, MUTED), format!("{seconds:.0} s"))?;
    }
    let mut steps: Vec<(f64, f64)> = vec![];
    for frame in &scene.frames {
        let Some(ttl) = frame.dns.values().map(|dns| dns.ttl_seconds).max() else { continue };
        let (at, ttl) = (scene.time(frame), f64::from(ttl));
        if let Some(&(_, before)) = steps.last() {
            steps.push((at, before));
        }
        steps.push((at, ttl));
    }
    chart.draw_series(LineSeries::new(steps, INK.stroke_width(2)))?;
    marks(&mut chart, scene, (0.0, longest))
}

/// What each server answers: a strip a server, in the colour of the region that it names.
pub(super) fn answers(area: &Area<'_>, scene: &Scene<'_>) -> Painted {
    let regions = &scene.terms.regions;
    let rows = f64::from(u32::try_from(regions.len())?);
    let mut builder = ChartBuilder::on(area);
    builder.margin_right(RIGHT).set_label_area_size(LabelAreaPosition::Left, LEFT);
    builder.set_label_area_size(LabelAreaPosition::Bottom, TIME_LABELS);
    let mut chart = builder.build_cartesian_2d(scene.span.0..scene.span.1, 0.0..rows)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_mesh().axis_style(GRID).y_labels(0).x_labels(12).x_label_style(text(14, MUTED));
    mesh.x_label_formatter(&|seconds| format!("{seconds:.0} s"))
        .x_desc("seconds since the onset of the fault");
    mesh.axis_desc_style(text(14, MUTED)).draw()?;
    for (row, server) in (0u32..).zip(regions) {
        let top = rows - f64::from(row) - 0.12;
        for (from, until, answer) in answered(scene, server) {
            let Some(index) = regions.iter().position(|region| *region == answer) else { continue };
            let strip = [(from, top), (until, top - 0.76)];
            chart.draw_series([Rectangle::new(strip, region_color(index).filled())])?;
        }
        let middle = chart.backend_coord(&(scene.span.0, top - 0.38));
        label(area, middle, &text(14, INK), server.clone())?;
    }
    marks(&mut chart, scene, (0.0, rows))
}

/// The stretches of time in which a server gave the same answer.
fn answered(scene: &Scene<'_>, server: &str) -> Vec<(f64, f64, String)> {
    let mut stretches: Vec<(f64, f64, String)> = vec![];
    for frame in &scene.frames {
        let at = scene.time(frame);
        if let Some(last) = stretches.last_mut() {
            last.1 = at;
        }
        let Some(dns) = frame.dns.get(server) else { continue };
        if stretches.last().is_none_or(|last| last.2 != dns.region) {
            stretches.push((at, at, dns.region.clone()));
        }
    }
    stretches
}

fn builder<'a, 'b>(area: &'a Area<'b>, below: u32) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(area);
    builder.margin_top(TITLE).margin_right(RIGHT).margin_bottom(below);
    builder.set_label_area_size(LabelAreaPosition::Left, LEFT);
    builder
}

fn title(area: &Area<'_>, words: &str) -> Painted {
    Ok(area.draw(&Text::new(words.to_owned(), (i32::try_from(LEFT)?, 4), text(15, INK)))?)
}

/// A label left of the axis, at the height of a point of the chart.
fn label(area: &Area<'_>, point: (i32, i32), style: &TextStyle<'static>, words: String) -> Painted {
    let (x, y) = area.get_base_pixel();
    let style = style.clone().pos(Pos::new(HPos::Right, VPos::Center));
    Ok(area.draw(&Text::new(words, (point.0 - x - 8, point.1 - y), style))?)
}

fn mesh<Y>(chart: &mut Chart<'_, '_, Y>, labels: usize, format: &dyn Fn(&f64) -> String) -> Painted
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().x_labels(0).axis_style(GRID).bold_line_style(GRID).light_line_style(PAPER.mix(0.0));
    mesh.y_labels(labels).y_label_style(text(14, MUTED)).y_label_formatter(format).draw()?;
    Ok(())
}

type Chart<'a, 'b, Y> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, Y>>;

/// The vertical lines: what happened then has its name in the head.
fn marks<Y>(chart: &mut Chart<'_, '_, Y>, scene: &Scene<'_>, (low, high): (f64, f64)) -> Painted
where
    Y: Ranged<ValueType = f64>,
{
    for (at, _) in &scene.marks {
        chart.draw_series(DashedLineSeries::new([(*at, low), (*at, high)], 3, 3, MUTED.stroke_width(1)))?;
    }
    Ok(())
}
