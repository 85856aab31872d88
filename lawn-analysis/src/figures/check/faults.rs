//! Faults of a drawing: texts that overlap, that are hit by a shape, clipped or too small.

use crate::figures::font;
use crate::figures::palette::{GRID, INK, MUTED};
use crate::figures::scene::{Anchor, Label, Point, Scene, Shape};

/// Smallest size of a text in points.
const LEGIBLE: f64 = 7.0;
/// How far, in points, a shape may reach into another one before it counts.
const TOUCH: f64 = 0.25;

/// Left, top, right and bottom.
#[derive(Clone, Copy, Debug)]
struct Bounds([f64; 4]);

impl Bounds {
    /// The bounds of the ink of a text.
    fn of_text(label: &Label) -> Self {
        let (x, y) = label.at;
        let length = font::width(&label.text, label.size, label.bold);
        let (above, below) = font::ink(&label.text, label.size, label.bold);
        let before = match label.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => 0.5 * length,
            Anchor::End => length,
        };
        Self(if label.upright {
            [x - above, y + before - length, x + below, y + before]
        } else {
            [x - before, y - above, x - before + length, y + below]
        })
    }

    fn of_points(points: &[Point]) -> Self {
        let along = |pick: fn(&Point) -> f64, fold: fn(f64, f64) -> f64| {
            points.iter().map(pick).reduce(fold).unwrap_or(f64::NAN)
        };
        Self([
            along(|p| p.0, f64::min),
            along(|p| p.1, f64::min),
            along(|p| p.0, f64::max),
            along(|p| p.1, f64::max),
        ])
    }

    fn meets(&self, other: &Self) -> bool {
        let ([l, t, r, b], [ol, ot, or, ob]) = (self.0, other.0);
        l + TOUCH < or && ol + TOUCH < r && t + TOUCH < ob && ot + TOUCH < b
    }

    fn within(&self, other: &Self) -> bool {
        let ([l, t, r, b], [ol, ot, or, ob]) = (self.0, other.0);
        l + TOUCH >= ol && t + TOUCH >= ot && r <= or + TOUCH && b <= ob + TOUCH
    }

    /// Whether a straight line between two points passes through.
    fn crossed(&self, from: Point, to: Point) -> bool {
        let [l, t, r, b] = self.0;
        let inside = Self([l + TOUCH, t + TOUCH, r - TOUCH, b - TOUCH]).0;
        // The part of the line inside, clipped at each border in turn.
        let (mut first, mut last) = (0.0_f64, 1.0_f64);
        for (start, end, low, high) in [
            (from.0, to.0, inside[0], inside[2]),
            (from.1, to.1, inside[1], inside[3]),
        ] {
            let along = end - start;
            if along == 0.0 {
                if start < low || start > high {
                    return false;
                }
                continue;
            }
            let (a, b) = ((low - start) / along, (high - start) / along);
            first = first.max(a.min(b));
            last = last.min(a.max(b));
        }
        first < last
    }
}

/// The faults of a drawing, in words.
pub(super) fn faults(scene: &Scene) -> Vec<String> {
    let (width, height) = scene.size();
    let page = Bounds([0.0, 0.0, width, height]);
    let mut faults = Vec::new();
    let mut texts: Vec<(&Label, Bounds)> = Vec::new();
    let mut data = 0;
    for shape in scene.shapes() {
        let (bounds, colour) = match shape {
            Shape::Text(label) => {
                let bounds = Bounds::of_text(label);
                texts.push((label, bounds));
                (bounds, label.colour)
            }
            Shape::Line { points, colour, .. } | Shape::Fill { points, colour, .. } => {
                (Bounds::of_points(points), *colour)
            }
            Shape::Circle {
                at, radius, colour, ..
            } => {
                let (x, y) = *at;
                let bounds = [x - radius, y - radius, x + radius, y + radius];
                (Bounds(bounds), *colour)
            }
        };
        data += usize::from(![INK, MUTED, GRID].contains(&colour));
        // A coordinate that is not a number is within nothing.
        if !bounds.within(&page) {
            faults.push(format!(
                "{shape:?} leaves the drawing of {width} by {height}"
            ));
        }
    }
    if data == 0 {
        faults.push("nothing is drawn".to_owned());
    }
    for (index, (label, bounds)) in texts.iter().enumerate() {
        if label.size < LEGIBLE {
            faults.push(format!("{:?} has size {}", label.text, label.size));
        }
        for (other, others) in &texts[index + 1..] {
            if bounds.meets(others) {
                faults.push(format!("{:?} overlaps {:?}", label.text, other.text));
            }
        }
        for shape in scene.shapes() {
            let hit = match shape {
                Shape::Line { points, colour, .. } if *colour != GRID => {
                    let mut ends = points.windows(2);
                    ends.any(|ends| bounds.crossed(ends[0], ends[1]))
                }
                Shape::Fill {
                    points,
                    colour,
                    opacity,
                } if *opacity > 0.4 && *colour != GRID => {
                    // A text may stand on a filled cell, not over its border.
                    let fill = Bounds::of_points(points);
                    fill.meets(bounds) && !bounds.within(&fill)
                }
                Shape::Circle { at, radius, .. } => {
                    let ((x, y), r) = (*at, *radius);
                    Bounds([x - r, y - r, x + r, y + r]).meets(bounds)
                }
                _ => false,
            };
            if hit {
                faults.push(format!("{:?} is hit by {shape:?}", label.text));
            }
        }
    }
    faults
}
