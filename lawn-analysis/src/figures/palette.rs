//! Series told apart three ways: by colour, by dash and by marker.

use plotters::style::RGBColor;

/// Text and axes.
pub(crate) const INK: RGBColor = RGBColor(0x1a, 0x1a, 0x1a);
/// Text of less weight.
pub(crate) const MUTED: RGBColor = RGBColor(0x59, 0x59, 0x59);
/// Grid lines.
pub(crate) const GRID: RGBColor = RGBColor(0xe3, 0xe3, 0xe3);
/// The ground that a drawing stands on.
pub(crate) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// Colours of Okabe and Ito 2008, a brown and a grey, ordered so that neighbours differ in lightness too.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x6b, 0x4c, 0x1e),
    RGBColor(0x4a, 0x4a, 0x4a),
];

/// Lengths of dashes and gaps in points; none is a whole line.
const DASHES: [&[f64]; 4] = [&[], &[4.0, 2.0], &[1.2, 1.8], &[6.0, 1.8, 1.2, 1.8]];

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

/// The look of the series at a position; the three cycles only meet again after 40.
fn look(index: usize) -> Look {
    Look {
        colour: COLOURS[index % COLOURS.len()],
        dash: DASHES[index % DASHES.len()],
        marker: MARKERS[index % MARKERS.len()],
    }
}

/// The looks of arms, the same in every figure of a report.
#[derive(Clone, Debug)]
pub(crate) struct Looks(Vec<String>);

impl Looks {
    /// Looks by the order of the arms; a name that comes again is the same arm.
    pub(crate) fn new<'a>(arms: impl IntoIterator<Item = &'a String>) -> Self {
        let mut known: Vec<String> = Vec::new();
        for arm in arms {
            if !known.contains(arm) {
                known.push(arm.clone());
            }
        }
        Self(known)
    }

    /// The look of an arm.
    pub(crate) fn of(&self, arm: &str) -> Look {
        let place = self.0.iter().position(|known| known == arm);
        look(place.unwrap_or(self.0.len()))
    }
}

/// Colours that a dark page replaces: the one drawn, and the name of the one to use.
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
