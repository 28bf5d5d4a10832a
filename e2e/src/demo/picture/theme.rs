//! The few colours of the picture, and how they follow the reader's light or dark page.

use plotters::style::{Color, FontDesc, IntoFont, RGBColor, TextStyle};

/// The ground.
pub(super) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
/// Text and the TTL's line.
pub(super) const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
/// Text of less weight, and the marks.
pub(super) const MUTED: RGBColor = RGBColor(0x59, 0x63, 0x6e);
/// Axes and grid.
pub(super) const GRID: RGBColor = RGBColor(0xd1, 0xd9, 0xe0);
/// The latency bound.
pub(super) const BOUND: RGBColor = RGBColor(0xd1, 0x24, 0x2f);

/// Colours of regions, in the order of their priority: told apart by colour-blind readers too, and strong
/// enough on both grounds.
const REGIONS: [RGBColor; 5] = [
    RGBColor(0x2f, 0x81, 0xf7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x1a, 0x9e, 0x77),
    RGBColor(0xa3, 0x71, 0xf7),
    RGBColor(0xcc, 0x79, 0xa7),
];

/// What each colour becomes on a dark page.
const DARK: [(RGBColor, &str); 5] =
    [(PAPER, "#0d1117"), (INK, "#f0f6fc"), (MUTED, "#9198a1"), (GRID, "#30363d"), (BOUND, "#f85149")];

/// The colour of the `index`-th region.
pub(super) fn region_color(index: usize) -> RGBColor {
    REGIONS[index % REGIONS.len()]
}

/// Text of a size and colour.
pub(super) fn text(size: u32, color: RGBColor) -> TextStyle<'static> {
    let font: FontDesc<'static> = ("sans-serif", size).into_font();
    font.color(&color.to_rgba())
}

/// Adds the style sheet: rules beat the colour attributes that plotters writes.
pub(super) fn follow_the_reader(svg: &str) -> String {
    let mut rules = String::new();
    for (light, dark) in DARK {
        let light = hex(light);
        for property in ["fill", "stroke"] {
            rules.extend(["[", property, "=\"", &light, "\"]{", property, ":", dark, "}"]);
        }
    }
    let style = format!(
        "<style>text{{font-family:system-ui,-apple-system,\"Segoe UI\",sans-serif}}\
         @media (prefers-color-scheme:dark){{{rules}}}</style>"
    );
    match svg.find('>') {
        Some(end) => format!("{}\n{style}{}", &svg[..=end], &svg[end + 1..]),
        None => svg.to_owned(),
    }
}

/// A colour as plotters writes it.
pub(super) fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

#[cfg(test)]
pub(super) fn known() -> Vec<String> {
    REGIONS.iter().copied().chain(DARK.iter().map(|(light, _)| *light)).map(hex).collect()
}
