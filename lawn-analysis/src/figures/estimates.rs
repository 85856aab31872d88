//! Intervals in rows, a panel a statistic: rliable's interval estimates and probability of
//! improvement.

use super::axis::Axis;
use super::font::{self, SMALL};
use super::palette::{Looks, MUTED};
use super::panel::{Grid, Panel, Words};
use super::scene::{Anchor, Label, Scene};
use crate::stats;
use crate::tables::{ImprovementRow, ScoreRow};

/// Height of a row whose name takes one line, and half the height of the ends of its interval.
const ROW: f64 = 13.0;
const END: f64 = 2.2;
/// The least width of a panel.
const NARROWEST: f64 = 62.0;

/// A row of a panel.
struct Estimate {
    /// The arm that gives the row its look.
    arm: String,
    value: f64,
    interval: Option<(f64, f64)>,
}

/// The rows of a panel, and what its axis holds.
struct EstimatePanel {
    title: String,
    rows: Vec<Estimate>,
    held: Vec<Estimate>,
}

/// What the panels have in common.
struct Layout {
    names: Vec<String>,
    axis: &'static str,
    /// Ends of the axes, and where a line divides them. Without these the axes fit the values.
    ends: Option<[f64; 3]>,
}

impl Estimate {
    fn new(arm: &str, found: stats::Estimate) -> Self {
        Self {
            arm: arm.to_owned(),
            value: found.value,
            interval: found.interval.map(|ends| (ends.low, ends.high)),
        }
    }
}

/// Draws the rows of [`crate::tables::interval_estimates`], on axes that hold `whole`.
pub(crate) fn draw_statistics(
    rows: &[ScoreRow],
    whole: &[ScoreRow],
    looks: &Looks,
    width: f64,
) -> Scene {
    let estimate = |row: &ScoreRow| Estimate::new(&row.arm, row.value);
    let panel = |rows: &[ScoreRow]| {
        let statistic = rows[0].statistic;
        let held = whole.iter().filter(|row| row.statistic == statistic);
        EstimatePanel {
            title: statistic.name().to_owned(),
            rows: rows.iter().map(estimate).collect(),
            held: held.map(estimate).collect(),
        }
    };
    let by_statistic = rows.chunk_by(|a, b| a.statistic == b.statistic);
    let panels: Vec<EstimatePanel> = by_statistic.map(panel).collect();
    let first = panels.first().map(|panel| panel.rows.iter());
    let layout = Layout {
        names: first
            .into_iter()
            .flatten()
            .map(|row| row.arm.clone())
            .collect(),
        axis: "score",
        ends: None,
    };
    draw(&panels, &layout, looks, width)
}

/// Draws the rows of [`crate::tables::improvement`].
pub(crate) fn draw_improvement(rows: &[ImprovementRow], looks: &Looks, width: f64) -> Scene {
    let name = |row: &ImprovementRow| format!("{} over {}", row.treatment, row.baseline);
    let layout = Layout {
        names: rows.iter().map(name).collect(),
        axis: "probability that a run of the treatment beats one of the baseline",
        ends: Some([0.0, 1.0, 0.5]),
    };
    let estimate = |row: &ImprovementRow| Estimate::new(&row.treatment, row.probability);
    let panel = EstimatePanel {
        title: String::new(),
        held: Vec::new(),
        rows: rows.iter().map(estimate).collect(),
    };
    draw(&[panel], &layout, looks, width)
}

fn draw(panels: &[EstimatePanel], layout: &Layout, looks: &Looks, width: f64) -> Scene {
    let widest = font::widest(layout.names.iter().map(String::as_str), SMALL);
    let for_names = widest.min(0.36 * width);
    let names: Vec<Vec<String>> = layout
        .names
        .iter()
        .map(|name| font::wrap(name, SMALL, false, for_names + 0.1))
        .collect();
    let height = |lines: &Vec<String>| ROW + font::leading(SMALL) * (lines.len().max(1) - 1) as f64;
    let tall: f64 = names.iter().map(height).sum();
    let (left, right, gap) = (for_names + 12.0, width - 9.0, 12.0);
    let columns = Grid::columns(
        panels.len(),
        ((right - left + gap) / (NARROWEST + gap)) as usize,
    );
    let across = Grid::across(left, right, columns, gap);
    let words = |title: &str| Words::new(title, layout.axis, "", across, tall);
    let above = panels.iter().map(|panel| words(&panel.title).above());
    let above = above.fold(2.0, f64::max);
    let grid = Grid {
        corner: (left, 2.0 + above),
        across,
        gap,
        down: above + tall + words("").below() + 8.0,
        columns,
    };
    let rows = panels.len().div_ceil(columns).max(1) as f64;
    let mut scene = Scene::new(width, 2.0 + rows * grid.down - 5.0);
    for (index, EstimatePanel { title, rows, held }) in panels.iter().enumerate() {
        let (left, top) = grid.place(index);
        let panel = Panel {
            left,
            top,
            right: left + across,
            bottom: top + tall,
            x: axis(held, layout, across),
            y: Axis {
                ticks: Vec::new(),
                ..Axis::from_zero([1.0].into_iter(), 2)
            },
        };
        panel.draw(&mut scene, &words(title));
        if let Some([_, _, middle]) = layout.ends {
            let (x, _) = panel.at(middle, 0.0);
            scene.line(
                &[(x, panel.top), (x, panel.bottom)],
                MUTED,
                0.7,
                &[2.0, 2.0],
            );
        }
        let mut y = top;
        for (estimate, lines) in rows.iter().zip(&names) {
            let middle = y + 0.5 * height(lines);
            if grid.first(index) {
                let rise = 0.5 * font::leading(SMALL) * (lines.len().max(1) - 1) as f64;
                let at = (left - 6.0, middle + 0.36 * SMALL - rise);
                scene.paragraph(lines, &Label::small("", at, Anchor::End));
            }
            draw_row(&mut scene, &panel, estimate, middle, looks);
            y += height(lines);
        }
    }
    scene
}

fn axis(estimates: &[Estimate], layout: &Layout, across: f64) -> Axis {
    let most = (across / 34.0).clamp(2.0, 6.0) as usize;
    if let Some([low, high, _]) = layout.ends {
        let mut axis = Axis::linear([low, high].into_iter(), most);
        let room = 0.03 * (high - low);
        (axis.low, axis.high) = (low - room, high + room);
        return axis;
    }
    let ends = estimates.iter().flat_map(|row| {
        let (low, high) = row.interval.unwrap_or((row.value, row.value));
        [low, high, row.value]
    });
    Axis::linear(ends, most)
}

fn draw_row(scene: &mut Scene, panel: &Panel, row: &Estimate, y: f64, looks: &Looks) {
    let look = looks.of(&row.arm);
    let across = |value: f64| panel.at(value, 0.0).0;
    if let Some((low, high)) = row.interval {
        let (from, to) = (across(low), across(high));
        scene.line(&[(from, y), (to, y)], look.colour, 1.4, &[]);
        for x in [from, to] {
            scene.line(&[(x, y - END), (x, y + END)], look.colour, 1.0, &[]);
        }
    }
    scene.marker((across(row.value), y), look.marker, 2.6, look.colour, 1.0);
}
