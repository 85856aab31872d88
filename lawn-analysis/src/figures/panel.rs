//! One set of axes, and the legend above them.

use super::axis::Axis;
use super::font;
use super::palette::{GRID, INK, Look, MUTED};
use super::scene::{Anchor, Label, Point, Scene};

/// Size of tick labels and legends in points.
pub(crate) const SMALL: f64 = 7.5;
/// Size of axis labels and panel titles in points.
pub(crate) const NORMAL: f64 = 8.5;

/// A plotting area in its place, with its axes.
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

/// Words around a panel; an empty one is not drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Words<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
}

impl Panel {
    /// Room that tick labels and the label of the vertical axis need on the left.
    pub(crate) fn left_margin(y: &Axis, label: &str) -> f64 {
        let widest = y
            .ticks
            .iter()
            .map(|tick| font::width(&tick.label, SMALL, false))
            .fold(0.0, f64::max);
        widest + 6.0 + if label.is_empty() { 0.0 } else { NORMAL + 5.0 }
    }

    /// Room that tick labels and the label of the horizontal axis need below.
    pub(crate) const BOTTOM_MARGIN: f64 = 28.0;
    /// Room that a panel's title needs above.
    pub(crate) const TITLE: f64 = 14.0;

    /// Where a pair of values lies.
    pub(crate) fn at(&self, x: f64, y: f64) -> Point {
        (
            self.left + self.x.place(x) * (self.right - self.left),
            self.bottom - self.y.place(y) * (self.bottom - self.top),
        )
    }

    /// Draws grid, axes, ticks and words.
    pub(crate) fn draw(&self, scene: &mut Scene, words: Words<'_>) {
        let small = |text: &str, at: Point, anchor: Anchor| Label {
            text: text.to_owned(),
            at,
            size: SMALL,
            anchor,
            bold: false,
            upright: false,
            colour: INK,
        };
        for tick in &self.y.ticks {
            let (_, y) = self.at(self.x.low, tick.at);
            scene.line(&[(self.left, y), (self.right, y)], GRID, 0.5, &[]);
            let at = (self.left - 4.0, y + 0.36 * SMALL);
            scene.text(small(&tick.label, at, Anchor::End));
        }
        let mut taken = f64::NEG_INFINITY;
        for tick in &self.x.ticks {
            let (x, _) = self.at(tick.at, self.y.low);
            scene.line(&[(x, self.bottom), (x, self.bottom + 2.5)], INK, 0.6, &[]);
            // A label that would touch the one before it is left out; its tick stays.
            let half = 0.5 * font::width(&tick.label, SMALL, false);
            if x - half < taken + 4.0 {
                continue;
            }
            taken = x + half;
            scene.text(small(
                &tick.label,
                (x, self.bottom + 4.0 + SMALL),
                Anchor::Middle,
            ));
        }
        if !self.y.ticks.is_empty() {
            let ends = [(self.left, self.top), (self.left, self.bottom)];
            scene.line(&ends, INK, 0.6, &[]);
        }
        let ends = [(self.left, self.bottom), (self.right, self.bottom)];
        scene.line(&ends, INK, 0.6, &[]);
        self.words(scene, words);
    }

    fn words(&self, scene: &mut Scene, words: Words<'_>) {
        let normal = |text: &str, at: Point, anchor, bold, upright| Label {
            text: text.to_owned(),
            at,
            size: NORMAL,
            anchor,
            bold,
            upright,
            colour: INK,
        };
        if !words.title.is_empty() {
            let at = (self.left, self.top - 5.0);
            scene.text(normal(words.title, at, Anchor::Start, true, false));
        }
        if !words.x.is_empty() {
            let at = (0.5 * (self.left + self.right), self.bottom + 25.0);
            scene.text(normal(words.x, at, Anchor::Middle, false, false));
        }
        if !words.y.is_empty() {
            let x = self.left - Self::left_margin(&self.y, words.y) + NORMAL;
            let at = (x, 0.5 * (self.top + self.bottom));
            scene.text(normal(words.y, at, Anchor::Middle, false, true));
        }
    }
}

/// A legend outside the plotting area, in as many rows as the width needs.
pub(crate) struct Legend<'a> {
    entries: &'a [(String, Look)],
    rows: Vec<Vec<usize>>,
}

impl<'a> Legend<'a> {
    const SAMPLE: f64 = 22.0;
    const GAP: f64 = 14.0;
    const LINE: f64 = 13.0;

    /// Breaks the entries into rows of a width.
    pub(crate) fn new(entries: &'a [(String, Look)], width: f64) -> Self {
        let mut rows: Vec<Vec<usize>> = vec![Vec::new()];
        let mut used = 0.0;
        for (index, (name, _)) in entries.iter().enumerate() {
            let needed = Self::entry_width(name);
            if used > 0.0 && used + needed > width {
                rows.push(Vec::new());
                used = 0.0;
            }
            used += needed + Self::GAP;
            if let Some(row) = rows.last_mut() {
                row.push(index);
            }
        }
        Self { entries, rows }
    }

    fn entry_width(name: &str) -> f64 {
        Self::SAMPLE + 4.0 + font::width(name, SMALL, false)
    }

    pub(crate) fn height(&self) -> f64 {
        self.rows.len() as f64 * Self::LINE + 3.0
    }

    pub(crate) fn draw(&self, scene: &mut Scene, left: f64, top: f64) {
        for (row, indices) in self.rows.iter().enumerate() {
            let y = top + (row as f64 + 0.5) * Self::LINE;
            let mut x = left;
            for index in indices {
                let (name, look) = &self.entries[*index];
                let end = x + Self::SAMPLE;
                scene.line(&[(x, y), (end, y)], look.colour, 1.2, look.dash);
                scene.marker((0.5 * (x + end), y), look.marker, 2.6, look.colour, 1.0);
                scene.text(Label {
                    text: name.clone(),
                    at: (end + 4.0, y + 0.36 * SMALL),
                    size: SMALL,
                    anchor: Anchor::Start,
                    bold: false,
                    upright: false,
                    colour: INK,
                });
                x += Self::entry_width(name) + Self::GAP;
            }
        }
    }
}

/// A remark in the plotting area, such as why it is empty.
pub(crate) fn remark(scene: &mut Scene, at: Point, text: &str, anchor: Anchor) {
    scene.text(Label {
        text: text.to_owned(),
        at,
        size: SMALL,
        anchor,
        bold: false,
        upright: false,
        colour: MUTED,
    });
}
