//! A drawing as a list of shapes in points.

use plotters::style::RGBColor;

use super::font::{self, NORMAL, SMALL};
use super::palette::{INK, Marker, PAPER};

/// A position in points, from the top left.
pub(crate) type Point = (f64, f64);

/// How a text is aligned to its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Line {
        points: Vec<Point>,
        colour: RGBColor,
        width: f64,
    },
    Fill {
        points: Vec<Point>,
        colour: RGBColor,
        opacity: f64,
    },
    Circle {
        at: Point,
        radius: f64,
        colour: RGBColor,
        opacity: f64,
    },
    Text(Label),
}

/// A text at its position.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) text: String,
    /// The position of the baseline of the text.
    pub(crate) at: Point,
    pub(crate) size: f64,
    pub(crate) anchor: Anchor,
    pub(crate) bold: bool,
    /// Whether it reads from bottom to top.
    pub(crate) upright: bool,
    pub(crate) colour: RGBColor,
}

impl Label {
    /// A text of the size of tick labels and legends.
    pub(crate) fn small(text: impl Into<String>, at: Point, anchor: Anchor) -> Self {
        Self {
            text: text.into(),
            at,
            size: SMALL,
            anchor,
            bold: false,
            upright: false,
            colour: INK,
        }
    }

    /// A text of the size of axis labels and panel titles.
    pub(crate) fn normal(text: impl Into<String>, at: Point, anchor: Anchor) -> Self {
        Self {
            size: NORMAL,
            ..Self::small(text, at, anchor)
        }
    }

    pub(crate) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(crate) fn upright(self) -> Self {
        Self {
            upright: true,
            ..self
        }
    }
}

/// A drawing of a given size in points.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    width: f64,
    height: f64,
    shapes: Vec<Shape>,
}

impl Scene {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            shapes: Vec::new(),
        }
    }

    pub(crate) fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    pub(super) fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// Every text.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.shapes.iter().filter_map(|shape| match shape {
            Shape::Text(label) => Some(label.text.as_str()),
            _ => None,
        })
    }

    /// A line through the points. A pattern of dashes cuts it.
    pub(crate) fn line(&mut self, points: &[Point], colour: RGBColor, width: f64, dash: &[f64]) {
        for piece in dashes(points, dash) {
            self.shapes.push(Shape::Line {
                points: piece,
                colour,
                width,
            });
        }
    }

    pub(crate) fn fill(&mut self, points: &[Point], colour: RGBColor, opacity: f64) {
        self.shapes.push(Shape::Fill {
            points: points.to_vec(),
            colour,
            opacity,
        });
    }

    /// A filled rectangle between two opposite corners.
    pub(crate) fn block(&mut self, from: Point, to: Point, colour: RGBColor, opacity: f64) {
        self.fill(&[from, (to.0, from.1), to, (from.0, to.1)], colour, opacity);
    }

    /// Adds a text, unless it is empty.
    pub(crate) fn text(&mut self, label: Label) {
        if !label.text.is_empty() {
            let text = font::drawn(&label.text).into_owned();
            self.shapes.push(Shape::Text(Label { text, ..label }));
        }
    }

    /// Adds lines of text below each other. The first one is where the label says.
    pub(crate) fn paragraph(&mut self, lines: &[String], label: &Label) {
        for (index, line) in lines.iter().enumerate() {
            let down = font::leading(label.size) * index as f64;
            let (x, y) = label.at;
            self.text(Label {
                text: line.clone(),
                at: if label.upright {
                    (x + down, y)
                } else {
                    (x, y + down)
                },
                ..label.clone()
            });
        }
    }

    /// Adds a marker of a radius. Shapes are scaled so that all look equally large.
    pub(crate) fn marker(
        &mut self,
        at: Point,
        marker: Marker,
        radius: f64,
        colour: RGBColor,
        opacity: f64,
    ) {
        let (sides, turn, scale) = match marker {
            Marker::Circle => {
                self.shapes.push(Shape::Circle {
                    at,
                    radius,
                    colour,
                    opacity,
                });
                return;
            }
            Marker::Square => (4, 0.125, 1.25),
            Marker::Triangle => (3, -0.25, 1.45),
            Marker::Diamond => (4, 0.0, 1.35),
            Marker::TriangleDown => (3, 0.25, 1.45),
        };
        let corner = |side: usize| {
            let angle = std::f64::consts::TAU * (side as f64 / sides as f64 + turn);
            (
                at.0 + scale * radius * angle.cos(),
                at.1 + scale * radius * angle.sin(),
            )
        };
        let points: Vec<Point> = (0..sides).map(corner).collect();
        self.fill(&points, colour, opacity);
    }

    /// A marker of which only the border is coloured.
    pub(crate) fn open_marker(&mut self, at: Point, marker: Marker, radius: f64, colour: RGBColor) {
        self.marker(at, marker, radius, colour, 1.0);
        self.marker(at, marker, 0.58 * radius, PAPER, 1.0);
    }
}

/// A straight line longer than this, in points, is not cut into dashes.
const LONGEST: f64 = 1e5;

/// Cuts a line into the dashes of a pattern of dashes and gaps.
fn dashes(points: &[Point], pattern: &[f64]) -> Vec<Vec<Point>> {
    if pattern.is_empty() || points.len() < 2 {
        return vec![points.to_vec()];
    }
    let mut pieces = Vec::new();
    let mut piece = vec![points[0]];
    let (mut place, mut left) = (0, pattern[0]);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            // A length that is not a number ends the line too.
            if !(length > left && length < LONGEST) {
                left -= length;
                piece.push(to);
                break;
            }
            let part = left / length;
            from = (
                from.0 + part * (to.0 - from.0),
                from.1 + part * (to.1 - from.1),
            );
            piece.push(from);
            if place % 2 == 0 {
                pieces.push(std::mem::take(&mut piece));
            }
            piece = vec![from];
            place = (place + 1) % pattern.len();
            left = pattern[place];
        }
    }
    if place % 2 == 0 && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_what_the_pattern_says() {
        let pieces = dashes(&[(0.0, 0.0), (10.0, 0.0), (10.0, 2.0)], &[4.0, 2.0]);
        let ends: Vec<(Point, Point)> = pieces
            .iter()
            .map(|piece| (piece[0], piece[piece.len() - 1]))
            .collect();
        assert_eq!(ends, [((0.0, 0.0), (4.0, 0.0)), ((6.0, 0.0), (10.0, 0.0))]);
    }
}
