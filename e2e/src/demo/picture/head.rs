//! The head of the picture: what it shows, which colour is whose, and the names of the marks.

use plotters::{
    chart::{ChartBuilder, LabelAreaPosition},
    element::PathElement,
    prelude::{Rectangle, Text},
    style::{
        Color,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    HEAD, LEFT, Painted, RIGHT, SIZE, Scene,
    panels::Area,
    theme::{INK, MUTED, region_color, text},
};

/// The baseline of the title.
const TITLE: i32 = 12;

/// The top of the lowest row of marks' names, and the distance between rows.
const ROW: (i32, i32) = (84, 16);

/// The width of a letter, on average: there is no font here to ask.
const LETTER: f64 = 7.0;

/// The same for the larger letters of the legend.
const WIDE_LETTER: f64 = 7.6;

/// Names that would touch stand one above the other, in at most so many rows.
const ROWS: usize = 3;

pub(super) fn paint(area: &Area<'_>, scene: &Scene<'_>) -> Painted {
    let left = i32::try_from(LEFT)?;
    let title = format!("{} is slow: its traffic moves on, and comes home", scene.terms.region);
    area.draw(&Text::new(title, (left, TITLE), text(22, INK)))?;
    legend(area, scene)?;
    let mut time = ChartBuilder::on(area);
    time.margin_right(RIGHT).set_label_area_size(LabelAreaPosition::Left, LEFT);
    let time = time.build_cartesian_2d(scene.span.0..scene.span.1, 0.0..1.0)?;
    let pixel = |at: f64| f64::from(time.backend_coord(&(at, 0.0)).0);
    let positions: Vec<_> = scene.marks.iter().map(|(at, name)| (pixel(*at), *name)).collect();
    for ((x, name), row) in positions.iter().zip(rows(&positions)) {
        let (x, y) = (round(*x), ROW.0 - ROW.1 * i32::try_from(row)?);
        let fits = f64::from(x) + width(name, LETTER) + 12.0 < f64::from(SIZE.0);
        let (side, gap) = if fits { (HPos::Left, 4) } else { (HPos::Right, -4) };
        let style = text(14, MUTED).pos(Pos::new(side, VPos::Center));
        area.draw(&PathElement::new([(x, y - 6), (x, i32::try_from(HEAD)? + 24)], MUTED.stroke_width(1)))?;
        area.draw(&Text::new((*name).to_owned(), (x + gap, y), style))?;
    }
    Ok(())
}

/// A square and a name for each region, from the right.
fn legend(area: &Area<'_>, scene: &Scene<'_>) -> Painted {
    let mut x = f64::from(SIZE.0 - RIGHT);
    for (index, region) in scene.terms.regions.iter().enumerate().rev() {
        x -= width(region, WIDE_LETTER) + 14.0;
        let name = text(15, INK).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(region.clone(), (round(x), TITLE + 9), name))?;
        x -= 18.0;
        let square = [(round(x), TITLE + 3), (round(x) + 12, TITLE + 15)];
        area.draw(&Rectangle::new(square, region_color(index).filled()))?;
    }
    Ok(())
}

/// The row of each name, the lowest being 0. A mark's line goes down from its name through every row below, so
/// a name stands above those that follow it within its own width.
fn rows(positions: &[(f64, &str)]) -> Vec<usize> {
    let mut rows = vec![0; positions.len()];
    for (index, (x, name)) in positions.iter().enumerate().rev() {
        let end = x + width(name, LETTER) + 10.0;
        let crossed = positions.iter().zip(&rows).skip(index + 1).take_while(|((x, _), _)| *x < end);
        let above = crossed.map(|(_, row)| row + 1).max();
        rows[index] = above.unwrap_or(0).min(ROWS - 1);
    }
    rows
}

/// How wide a text is, about.
fn width(text: &str, letter: f64) -> f64 {
    letter * f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX))
}

#[expect(clippy::cast_possible_truncation, reason = "a position within the picture")]
fn round(pixel: f64) -> i32 {
    pixel.round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_touch_stand_above_each_other() {
        let positions = [(100.0, "onset"), (108.0, "Suspected"), (190.0, "Degraded"), (400.0, "home")];
        assert_eq!(rows(&positions), [1, 0, 0, 0]);
    }
}
