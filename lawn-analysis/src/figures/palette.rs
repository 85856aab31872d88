//! The looks of series, told apart in three ways: by colour, by dashes and by marker.

use plotters::style::RGBColor;

/// Text and axes.
pub(crate) const INK: RGBColor = RGBColor(0x1a, 0x1a, 0x1a);
/// Secondary text.
pub(crate) const MUTED: RGBColor = RGBColor(0x59, 0x59, 0x59);
/// Grid lines.
pub(crate) const GRID: RGBColor = RGBColor(0xe3, 0xe3, 0xe3);
/// The ground that a drawing stands on.
pub(crate) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// Colours that stand out from paper by 3 to 1 or more (WCAG 2.2, 1.4.11).
///
/// Any two of these eight differ by 10 or more in CIEDE2000, also for eyes that lack one kind of
/// cone; a search found them. The two colours of each pair differ in lightness too, so that an arm
/// and its LAWN form stay apart in grey.
pub(super) const COLOURS: [RGBColor; 8] = [
    RGBColor(0x0d, 0x88, 0xee),
    RGBColor(0x99, 0x48, 0x06),
    RGBColor(0x01, 0x7c, 0x57),
    RGBColor(0xdf, 0x5c, 0x9f),
    RGBColor(0x03, 0x3d, 0x5c),
    RGBColor(0xbb, 0x83, 0x00),
    RGBColor(0x4f, 0x35, 0x18),
    RGBColor(0x1e, 0x1e, 0x1e),
];

/// Lengths of dashes and gaps in points. The first pattern is a whole line.
const DASHES: [&[f64]; 4] = [&[], &[4.0, 2.0], &[1.2, 1.8], &[6.0, 1.8, 1.2, 1.8]];

/// Dashes of the edges of the equivalence band. Its grey alone is too light for some readers.
pub(crate) const EDGE: &[f64] = &[1.5, 1.5];

/// The shape of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
}

const MARKERS: [Marker; 5] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::TriangleDown,
];

/// How one series looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) colour: RGBColor,
    pub(crate) dash: &'static [f64],
    pub(crate) marker: Marker,
}

/// By how many places the colours are shifted in each further round of them: by a whole pair first.
const SHIFTS: [usize; 4] = [0, 2, 1, 3];

/// The look of the series at a position. The colours are shifted in each round of them, so that they
/// meet other dashes: the lines of the first 32 series differ where no marker is near, and the first
/// 160 series look different.
pub(crate) fn look(index: usize) -> Look {
    Look {
        colour: COLOURS[(index + SHIFTS[index / COLOURS.len() % SHIFTS.len()]) % COLOURS.len()],
        dash: DASHES[index % DASHES.len()],
        marker: MARKERS[index % MARKERS.len()],
    }
}

/// The looks of arms, the same in every figure of a report.
#[derive(Clone, Debug)]
pub(crate) struct Looks(Vec<String>);

impl Looks {
    /// The looks of arms in their order. A name that comes again is the same arm.
    pub(crate) fn new<'a>(arms: impl IntoIterator<Item = &'a String>) -> Self {
        let mut known: Vec<String> = Vec::new();
        for arm in arms {
            if !known.contains(arm) {
                known.push(arm.clone());
            }
        }
        Self(known)
    }

    pub(crate) fn of(&self, arm: &str) -> Look {
        let place = self.0.iter().position(|known| known == arm);
        look(place.unwrap_or(self.0.len()))
    }
}

/// The contrast ratio of two colours, from 1 to 21.
///
/// ```text
/// (L₁ + 0.05) / (L₂ + 0.05),   L = 0.2126 R + 0.7152 G + 0.0722 B, L₁ the larger
/// ```
///
/// Source: WCAG 2.2, *contrast ratio* and *relative luminance*.
#[cfg(test)]
fn contrast(one: RGBColor, other: RGBColor) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// The linear light of one channel of an sRGB colour, as a share of its maximum.
#[cfg(test)]
pub(super) fn part_of_light(part: u8) -> f64 {
    let part = f64::from(part) / 255.0;
    if part <= 0.040_45 {
        part / 12.92
    } else {
        ((part + 0.055) / 1.055).powf(2.4)
    }
}

#[cfg(test)]
pub(super) fn luminance(colour: RGBColor) -> f64 {
    0.2126 * part_of_light(colour.0)
        + 0.7152 * part_of_light(colour.1)
        + 0.0722 * part_of_light(colour.2)
}

/// The colours that a dark page replaces: each drawn colour, with the name of the one to use.
pub(crate) fn page_colours() -> Vec<(String, String)> {
    let hex = |c: RGBColor| format!("#{:02X}{:02X}{:02X}", c.0, c.1, c.2);
    let fixed = [
        (INK, "--ink"),
        (MUTED, "--muted"),
        (GRID, "--grid"),
        (PAPER, "--paper"),
    ];
    let fixed = fixed.map(|(colour, name)| (hex(colour), name.to_owned()));
    let series = COLOURS
        .iter()
        .enumerate()
        .map(|(i, c)| (hex(*c), format!("--series-{i}")));
    fixed.into_iter().chain(series).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_the_standard() {
        let black = RGBColor(0, 0, 0);
        assert!((contrast(PAPER, black) - 21.0).abs() < 1e-9);
        // 0x767676 is the lightest grey that texts may have on white.
        assert!((contrast(RGBColor(0x76, 0x76, 0x76), PAPER) - 4.54).abs() < 0.005);
    }

    #[test]
    fn fifty_arms_look_different() {
        let looks: Vec<Look> = (0..160).map(look).collect();
        for (index, one) in looks.iter().enumerate() {
            for other in &looks[..index] {
                let same =
                    (one.colour, one.dash, one.marker) == (other.colour, other.dash, other.marker);
                assert!(!same, "{index}: {one:?}");
            }
        }
    }

    #[test]
    fn lines_of_thirty_two_arms_differ_without_their_markers() {
        let lines: Vec<_> = (0..32)
            .map(look)
            .map(|one| (one.colour, one.dash))
            .collect();
        for (index, one) in lines.iter().enumerate() {
            assert!(!lines[..index].contains(one), "{index}: {one:?}");
        }
    }

    #[test]
    fn series_stand_out_from_paper() {
        for colour in COLOURS {
            assert!(contrast(colour, PAPER) >= 3.0, "{colour:?}");
        }
    }

    #[test]
    fn a_light_page_has_the_colours_of_the_drawings() {
        let css = include_str!("../report/page.css").to_uppercase();
        let (light, _) = css.split_once("@MEDIA").unwrap();
        for (colour, name) in page_colours() {
            let rule = format!("{}: {colour};", name.to_uppercase());
            assert!(light.contains(&rule), "{rule}");
        }
    }
}
