//! One set of axes, and the layout of several beside each other.

use super::axis::Axis;
use super::font::{self, NORMAL, SMALL};
use super::legend::{Entry, Legend};
use super::palette::{GRID, INK, Look};
use super::scene::{Anchor, Label, Point, Scene};

/// A plotting area with its axes, at its position in the drawing.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    /// Left, top, right, bottom of the plotting area.
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

/// Words around a panel, broken into lines. Nothing is drawn where there is no line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    pub(crate) title: Vec<String>,
    pub(crate) x: Vec<String>,
    pub(crate) y: Vec<String>,
}

impl Words {
    /// Breaks title and labels so that they fit a panel of a width and height.
    pub(crate) fn new(title: &str, x: &str, y: &str, across: f64, tall: f64) -> Self {
        Self {
            title: font::wrap(title, NORMAL, true, across),
            x: font::wrap(x, NORMAL, false, across),
            y: font::wrap(y, NORMAL, false, tall),
        }
    }

    /// Room that the tick labels of a vertical axis and its label need on the left.
    pub(crate) fn left(&self, y: &Axis) -> f64 {
        let ticks = y.ticks.iter().map(|tick| tick.label.as_str());
        let lines = self.y.len() as f64;
        let label = if self.y.is_empty() {
            0.0
        } else {
            lines * font::leading(NORMAL) + 3.0
        };
        font::widest(ticks, SMALL) + 7.0 + label
    }

    /// Room that the title needs above.
    pub(crate) fn above(&self) -> f64 {
        if self.title.is_empty() {
            0.0
        } else {
            font::leading(NORMAL) * self.title.len() as f64 + 4.0
        }
    }

    /// Room that tick labels and the label of the horizontal axis need below.
    pub(crate) fn below(&self) -> f64 {
        17.0 + font::leading(NORMAL) * self.x.len() as f64
    }
}

impl Panel {
    /// How far the label of a tick may reach past the ends of its axis.
    const OVERHANG: f64 = 5.0;
    /// Room between the labels of neighbouring ticks.
    const BETWEEN: f64 = 4.0;

    /// Where a pair of values lies.
    pub(crate) fn at(&self, x: f64, y: f64) -> Point {
        (
            self.left + self.x.place(x) * (self.right - self.left),
            self.bottom - self.y.place(y) * (self.bottom - self.top),
        )
    }

    /// A height clamped to the panel, and whether it lay outside.
    pub(crate) fn inside(&self, y: f64) -> (f64, bool) {
        let held = y.clamp(self.y.low, self.y.high);
        (held, held != y)
    }

    /// Draws grid, axes, ticks and words.
    pub(crate) fn draw(&self, scene: &mut Scene, words: &Words) {
        for tick in &self.y.ticks {
            let (_, y) = self.at(self.x.low, tick.at);
            scene.line(&[(self.left, y), (self.right, y)], GRID, 0.5, &[]);
            let at = (self.left - 4.0, y + 0.36 * SMALL);
            scene.text(Label::small(&tick.label, at, Anchor::End));
        }
        for tick in &self.x.ticks {
            let (x, _) = self.at(tick.at, self.y.low);
            scene.line(&[(x, self.bottom), (x, self.bottom + 2.5)], INK, 0.6, &[]);
        }
        let placed: Vec<(f64, &str)> = self
            .x
            .ticks
            .iter()
            .map(|tick| {
                let half = 0.5 * font::width(&tick.label, SMALL, false);
                let (x, _) = self.at(tick.at, self.y.low);
                let most = self.right + Self::OVERHANG - half;
                (
                    x.min(most).max(self.left - Self::OVERHANG + half),
                    tick.label.as_str(),
                )
            })
            .collect();
        for index in legible(&placed, Self::BETWEEN) {
            let (x, label) = placed[index];
            let at = (x, self.bottom + 4.0 + SMALL);
            scene.text(Label::small(label, at, Anchor::Middle));
        }
        if !self.y.ticks.is_empty() {
            let ends = [(self.left, self.top), (self.left, self.bottom)];
            scene.line(&ends, INK, 0.6, &[]);
        }
        let ends = [(self.left, self.bottom), (self.right, self.bottom)];
        scene.line(&ends, INK, 0.6, &[]);
        self.words(scene, words);
    }

    fn words(&self, scene: &mut Scene, words: &Words) {
        let rise = font::leading(NORMAL) * words.title.len().saturating_sub(1) as f64;
        let at = (self.left, self.top - 5.0 - rise);
        let title = Label::normal("", at, Anchor::Start).bold();
        scene.paragraph(&words.title, &title);
        let at = (0.5 * (self.left + self.right), self.bottom + 25.0);
        scene.paragraph(&words.x, &Label::normal("", at, Anchor::Middle));
        let x = self.left - words.left(&self.y) + NORMAL;
        let at = (x, 0.5 * (self.top + self.bottom));
        scene.paragraph(&words.y, &Label::normal("", at, Anchor::Middle).upright());
    }

    /// A vertical interval at a position in points. Its ends have whiskers, and an arrowhead where
    /// the panel cuts it.
    pub(crate) fn interval(&self, scene: &mut Scene, x: f64, ends: (f64, f64), look: Look) {
        let ((low, cut_low), (high, cut_high)) = (self.inside(ends.0), self.inside(ends.1));
        let (bottom, top) = (self.at(self.x.low, low).1, self.at(self.x.low, high).1);
        scene.line(&[(x, bottom), (x, top)], look.colour, 0.9, &[]);
        for (cut, y, inward) in [(cut_low, bottom, -1.0), (cut_high, top, 1.0)] {
            if cut {
                let base = y + 4.0 * inward;
                scene.fill(
                    &[(x, y), (x - 2.2, base), (x + 2.2, base)],
                    look.colour,
                    1.0,
                );
            } else {
                scene.line(&[(x - 2.0, y), (x + 2.0, y)], look.colour, 0.9, &[]);
            }
        }
    }
}

/// Which labels, by their centres, have room: every one, or every second, third, … from the last.
pub(crate) fn legible(labels: &[(f64, &str)], between: f64) -> Vec<usize> {
    let half = |index: usize| 0.5 * font::width(labels[index].1, SMALL, false);
    let every = |step: usize| (0..labels.len()).rev().step_by(step).collect::<Vec<_>>();
    let fits = |chosen: &Vec<usize>| {
        chosen.windows(2).all(|pair| {
            let (right, left) = (pair[0], pair[1]);
            labels[right].0 - half(right) >= labels[left].0 + half(left) + between
        })
    };
    let mut choices = (1..=labels.len()).map(every);
    choices.find(fits).unwrap_or_default()
}

/// A drawing of one panel over the whole width, its legend above it.
pub(crate) fn chart(
    width: f64,
    entries: Vec<Entry>,
    [x, y]: [Axis; 2],
    [x_label, y_label]: [&str; 2],
) -> (Scene, Panel) {
    let tall = (0.46 * width).clamp(128.0, 186.0);
    let right = width - 8.0;
    let left = Words::new("", "", y_label, width, tall).left(&y) + 2.0;
    let words = Words::new("", x_label, y_label, right - left, tall);
    let legend = Legend::new(entries, right - left);
    let top = legend.height() + 8.0;
    let mut scene = Scene::new(width, top + tall + words.below() + 2.0);
    legend.draw(&mut scene, left, 2.0);
    let panel = Panel {
        left,
        top,
        right,
        bottom: top + tall,
        x,
        y,
    };
    panel.draw(&mut scene, &words);
    (scene, panel)
}

/// Equal panels in rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    /// Left edge of the first column, and top of the first row.
    pub(crate) corner: Point,
    /// Width of a panel.
    pub(crate) across: f64,
    /// Distance between the panels of a row.
    pub(crate) gap: f64,
    /// Distance from the top of one row to the top of the next.
    pub(crate) down: f64,
    pub(crate) columns: usize,
}

impl Grid {
    /// The number of columns for a number of panels, of which at most some fit beside each other.
    /// The last row is then as full as the others can leave it.
    pub(crate) fn columns(panels: usize, most: usize) -> usize {
        let rows = panels.div_ceil(most.max(1)).max(1);
        panels.div_ceil(rows).max(1)
    }

    /// Width of a panel between two edges, for a number of columns.
    pub(crate) fn across(left: f64, right: f64, columns: usize, gap: f64) -> f64 {
        (right - left - gap * (columns - 1) as f64) / columns as f64
    }

    /// Left and top of a panel.
    pub(crate) fn place(&self, index: usize) -> Point {
        let (column, row) = (index % self.columns, index / self.columns);
        (
            self.corner.0 + column as f64 * (self.across + self.gap),
            self.corner.1 + row as f64 * self.down,
        )
    }

    /// Whether a panel stands at the left edge.
    pub(crate) fn first(&self, index: usize) -> bool {
        index.is_multiple_of(self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_would_touch_give_way_evenly_from_the_last() {
        let labels = |gap: f64| (0..5).map(|i| (gap * i as f64, "1000")).collect::<Vec<_>>();
        let width = font::width("1000", SMALL, false);
        assert_eq!(legible(&labels(width + 4.1), 4.0), [4, 3, 2, 1, 0]);
        assert_eq!(legible(&labels(width), 4.0), [4, 2, 0]);
        assert_eq!(legible(&labels(0.1), 4.0), [4]);
        assert!(legible(&[], 4.0).is_empty());
    }

    #[test]
    fn rows_of_panels_are_equally_full() {
        assert_eq!(Grid::columns(4, 3), 2);
        assert_eq!(Grid::columns(8, 3), 3);
        assert_eq!(Grid::columns(2, 3), 2);
        assert_eq!(Grid::columns(0, 3), 1);
    }
}
