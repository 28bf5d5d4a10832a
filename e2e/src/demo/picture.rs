//! The picture of the failover: shares, latency and DNS against time.
//!
//! plotters draws it; a style sheet is added afterwards that swaps the few colours used for others where the
//! reader's page is dark. An SVG in a README follows the reader's theme that way without a second file.

use std::{collections::BTreeMap, error::Error, time::Duration};

use plotters::{drawing::IntoDrawingArea, prelude::SVGBackend};

use super::{
    frame::Frame,
    milestones::{Milestone, Milestones},
    terms::Terms,
};

use crate::load::{Interval, RegionView};

mod head;
mod panels;
mod theme;

use theme::PAPER;

/// The length of the intervals that the picture expects: a step of a shift is one.
pub const EVERY: Duration = Duration::from_secs(1);

/// In pixels, as plotters wants it; an SVG scales.
const SIZE: (u32, u32) = (960, 752);

/// The space left of the panels, for their axes.
const LEFT: u32 = 76;

/// The space right of them.
const RIGHT: u32 = 20;

/// The heights, from the top; the answers have the rest.
const HEAD: u32 = 100;
const SHARES: u32 = 200;
const LATENCY: u32 = 190;
const TTL: u32 = 120;

/// What the picture shows, with times relative to the onset.
struct Scene<'a> {
    /// Who served the requests that were sent at a time, and how fast.
    traffic: Vec<(f64, &'a BTreeMap<String, RegionView>)>,
    frames: Vec<&'a Frame>,
    terms: &'a Terms,
    onset: f64,
    span: (f64, f64),
    marks: Vec<(f64, &'static str)>,
}

impl<'a> Scene<'a> {
    fn new(
        frames: &'a [Frame],
        intervals: &'a [Interval],
        milestones: &Milestones,
        terms: &'a Terms,
    ) -> Option<Self> {
        let (first, last) = (frames.first()?, frames.last()?);
        let onset = milestones.onset.unwrap_or(first.at);
        let marks = [
            (milestones.onset, "onset"),
            (milestones.at(Milestone::Suspected), "Suspected"),
            (milestones.at(Milestone::Degraded), "Degraded"),
            (milestones.healed, "fault ends"),
            (milestones.at(Milestone::Recovering), "Recovering"),
            (milestones.home(), "home"),
        ];
        let marks = marks.into_iter().filter_map(|(at, name)| Some((at? - onset, name))).collect();
        let begins = |interval: &Interval| interval.from.as_secs_f64() - onset;
        let traffic = intervals.iter().map(|interval| (begins(interval), &interval.regions)).collect();
        Some(Self {
            traffic,
            frames: sampled(frames),
            terms,
            onset,
            span: (first.at - onset, last.at - onset),
            marks,
        })
    }

    /// The time of a frame, relative to the onset.
    fn time(&self, frame: &Frame) -> f64 {
        frame.at - self.onset
    }
}

/// About two frames a second are more than the picture has pixels for.
fn sampled(frames: &[Frame]) -> Vec<&Frame> {
    let mut next = f64::MIN;
    frames
        .iter()
        .filter(|frame| {
            let due = frame.at >= next;
            if due {
                next = frame.at + 0.45;
            }
            due
        })
        .collect()
}

/// Draws the story. None if there is nothing to draw.
pub fn draw(
    frames: &[Frame],
    intervals: &[Interval],
    milestones: &Milestones,
    terms: &Terms,
) -> anyhow::Result<Option<String>> {
    let Some(scene) = Scene::new(frames, intervals, milestones, terms) else { return Ok(None) };
    let mut svg = String::new();
    paint(&mut svg, &scene).map_err(|error| anyhow::anyhow!("drawing the picture: {error}"))?;
    Ok(Some(theme::follow_the_reader(&svg)))
}

type Painted<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn paint(svg: &mut String, scene: &Scene<'_>) -> Painted {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&PAPER)?;
    let (head, body) = root.split_vertically(HEAD);
    let (shares, rest) = body.split_vertically(SHARES);
    let (latency, dns) = rest.split_vertically(LATENCY);
    let (ttl, answers) = dns.split_vertically(TTL);
    head::paint(&head, scene)?;
    panels::shares(&shares, scene)?;
    panels::latency(&latency, scene)?;
    panels::ttl(&ttl, scene)?;
    panels::answers(&answers, scene)?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::invented, *};

    fn drawn() -> String {
        let (terms, frames) = (invented::terms(), invented::story());
        let milestones = invented::milestones(&frames, &terms);
        draw(&frames, &invented::intervals(&frames), &milestones, &terms).unwrap().unwrap()
    }

    #[test]
    fn every_mark_and_region_has_its_name() {
        let svg = drawn();
        for name in
            ["onset", "Suspected", "Degraded", "fault ends", "Recovering", "home", "shenzhen", "beijing"]
        {
            assert!(svg.contains(name), "{name}");
        }
        if let Some(path) = std::env::var_os("SPILLWAY_PICTURE") {
            std::fs::write(path, svg).unwrap();
        }
    }

    /// A colour that the theme does not know would stay as it is on a dark page, and might vanish there.
    #[test]
    fn every_colour_has_a_dark_counterpart_or_needs_none() {
        let svg = drawn();
        let drawing = svg.split("</style>").nth(1).unwrap();
        for part in drawing.split("\"#").skip(1) {
            let color = format!("#{}", &part[..6]);
            assert!(theme::known().contains(&color), "{color}");
        }
    }

    #[test]
    fn nothing_makes_no_picture() {
        assert!(draw(&[], &[], &Milestones::default(), &invented::terms()).unwrap().is_none());
    }
}
