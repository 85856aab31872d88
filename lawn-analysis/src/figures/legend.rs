//! A legend outside the plotting area.

use plotters::style::RGBColor;

use super::font::{self, SMALL};
use super::palette::{Look, Looks, Marker};
use super::scene::{Anchor, Label, Scene};

/// Radius of a marker that says nothing by its size, in points.
const RADIUS: f64 = 2.6;

/// What the sample of an entry shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sample {
    /// A line, with the marker if there is one.
    Line,
    /// The marker alone.
    Dot,
    /// The border of the marker alone.
    Ring,
}

/// A name with a sample of what it names.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    name: String,
    colour: RGBColor,
    dash: &'static [f64],
    marker: Option<Marker>,
    radius: f64,
    sample: Sample,
}

impl Entry {
    pub(crate) fn series(name: impl Into<String>, look: Look) -> Self {
        Self {
            name: name.into(),
            colour: look.colour,
            dash: look.dash,
            marker: Some(look.marker),
            radius: RADIUS,
            sample: Sample::Line,
        }
    }

    /// A hollow marker of any series, and what it means.
    pub(crate) fn hollow(name: impl Into<String>, colour: RGBColor) -> Self {
        Self {
            marker: Some(Marker::Circle),
            sample: Sample::Ring,
            ..Self::rule(name, colour, &[])
        }
    }

    /// A marker without a line.
    pub(crate) fn dot(name: impl Into<String>, look: Look) -> Self {
        Self {
            sample: Sample::Dot,
            ..Self::series(name, look)
        }
    }

    /// A disc of any series, and what its size means.
    pub(crate) fn size(name: impl Into<String>, colour: RGBColor, radius: f64) -> Self {
        Self {
            marker: Some(Marker::Circle),
            radius,
            sample: Sample::Dot,
            ..Self::rule(name, colour, &[])
        }
    }

    /// A line that is no series, such as an ideal.
    pub(crate) fn rule(name: impl Into<String>, colour: RGBColor, dash: &'static [f64]) -> Self {
        Self {
            name: name.into(),
            colour,
            dash,
            marker: None,
            radius: RADIUS,
            sample: Sample::Line,
        }
    }

    /// The entries of some arms.
    pub(crate) fn arms<'a>(names: impl IntoIterator<Item = &'a str>, looks: &Looks) -> Vec<Self> {
        let entry = |name| Self::series(name, looks.of(name));
        names.into_iter().map(entry).collect()
    }
}

/// Entries in as many rows as the width needs. A name wider than the width breaks into lines.
pub(crate) struct Legend {
    rows: Vec<Vec<Placed>>,
}

struct Placed {
    left: f64,
    lines: Vec<String>,
    entry: Entry,
}

impl Legend {
    const SAMPLE: f64 = 22.0;
    /// Between the sample and the name.
    const INSIDE: f64 = 4.0;
    /// Between entries.
    const GAP: f64 = 14.0;
    /// Between the last row and what stands below.
    const BELOW: f64 = 3.0;

    /// Breaks the entries into rows of a width.
    pub(crate) fn new(entries: Vec<Entry>, room: f64) -> Self {
        let mut rows: Vec<Vec<Placed>> = Vec::new();
        let mut left = 0.0;
        for entry in entries {
            let for_name = room - Self::SAMPLE - Self::INSIDE;
            let lines = font::wrap(&entry.name, SMALL, false, for_name);
            let name = font::widest(lines.iter().map(String::as_str), SMALL);
            let needed = Self::SAMPLE + Self::INSIDE + name;
            if rows.is_empty() || left + needed > room {
                rows.push(Vec::new());
                left = 0.0;
            }
            if let Some(row) = rows.last_mut() {
                row.push(Placed { left, lines, entry });
            }
            left += needed + Self::GAP;
        }
        Self { rows }
    }

    fn row_height(row: &[Placed]) -> f64 {
        let lines = row.iter().map(|placed| placed.lines.len()).max();
        font::leading(SMALL) * lines.unwrap_or(1).max(1) as f64 + 3.5
    }

    pub(crate) fn height(&self) -> f64 {
        let rows: f64 = self.rows.iter().map(|row| Self::row_height(row)).sum();
        rows + Self::BELOW
    }

    pub(crate) fn draw(&self, scene: &mut Scene, left: f64, top: f64) {
        let mut top = top;
        for row in &self.rows {
            let y = top + 0.5 * (font::leading(SMALL) + 3.5);
            for placed in row {
                let (from, entry) = (left + placed.left, &placed.entry);
                let to = from + Self::SAMPLE;
                if entry.sample == Sample::Line {
                    scene.line(&[(from, y), (to, y)], entry.colour, 1.2, entry.dash);
                }
                let middle = (0.5 * (from + to), y);
                match entry.marker {
                    Some(marker) if entry.sample == Sample::Ring => {
                        scene.open_marker(middle, marker, entry.radius, entry.colour);
                    }
                    Some(marker) => scene.marker(middle, marker, entry.radius, entry.colour, 1.0),
                    None => {}
                }
                let at = (to + Self::INSIDE, y + 0.36 * SMALL);
                scene.paragraph(&placed.lines, &Label::small("", at, Anchor::Start));
            }
            top += Self::row_height(row);
        }
    }
}
