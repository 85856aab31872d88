//! Quantities against epoch or step, one above the other, with the freeze marked.

use std::collections::BTreeMap;

use super::axis::Axis;
use super::legend::{Entry, Legend};
use super::measure::Measure;
use super::palette::{INK, Looks};
use super::panel::{Grid, Panel, Words};
use super::scene::Scene;
use super::series::{MOST_BANDS, evenly};
use crate::records::Phase;
use crate::tables::{CurveRow, Spread};
use crate::text;

/// The most batch sizes drawn. Of more, the smallest, the largest and evenly spaced others are
/// drawn.
pub(crate) const MOST_BATCHES: usize = 4;
/// The largest ratio of two values that a linear axis holds.
const LINEAR_RANGE: f64 = 20.0;
/// Dashes of the line that marks a freeze.
const FREEZE: &[f64] = &[1.2, 1.8];

/// What the horizontal axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HorizontalAxis {
    Epoch,
    Step,
}

impl HorizontalAxis {
    fn name(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::Step => "step",
        }
    }

    fn of(self, row: &CurveRow) -> f64 {
        match self {
            Self::Epoch => row.epoch,
            Self::Step => row.step as f64,
        }
    }
}

/// How curves are drawn.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    pub(crate) along: HorizontalAxis,
    /// What the axis of each quantity measures, from the top.
    pub(crate) measures: Vec<Measure>,
    /// Whether the vertical axes have room for the bands of arms.
    pub(crate) bands: bool,
    /// Whether the vertical axes start at zero.
    pub(crate) from_zero: bool,
}

/// One arm at one batch size.
struct Curve {
    arm: String,
    /// By quantity.
    points: Vec<Vec<CurveValue>>,
    freeze: Option<f64>,
}

/// A quantity at the end of an epoch.
#[derive(Clone, Copy)]
struct CurveValue {
    at: f64,
    value: Spread,
}

/// The batch sizes that curves are drawn for.
pub(crate) fn drawn_batches(batches: &[i64]) -> Vec<i64> {
    let chosen = evenly(batches.len(), MOST_BATCHES);
    chosen.into_iter().map(|index| batches[index]).collect()
}

/// Draws the rows of [`crate::tables::curves`], on axes that hold `whole`.
pub(crate) fn draw(
    rows: &[CurveRow],
    whole: &[CurveRow],
    style: &Style,
    looks: &Looks,
    width: f64,
) -> Scene {
    let (arms, by_batch) = curves(rows, style);
    let (_, all) = curves(whole, style);
    let batches = drawn_batches(&all.keys().copied().collect::<Vec<_>>());
    let drawn = at_batches(&by_batch, &batches);
    let held = at_batches(&all, &batches);
    let bands = arms.len() <= MOST_BANDS;
    let measures = style.measures.iter().enumerate();
    let y: Vec<Axis> = measures
        .map(|(which, measure)| measure.on(vertical(&held, which, style)))
        .collect();

    let mut entries = Entry::arms(arms.iter().map(String::as_str), looks);
    if drawn.iter().any(|curve| curve.freeze.is_some()) {
        entries.push(Entry::rule("freeze", INK, FREEZE));
    }
    // On a narrow page the batch sizes stand under each other.
    let columns = Grid::columns(batches.len(), (width / 92.0) as usize);
    let tall = if columns == 1 { 84.0 } else { 92.0 };
    let measures = style.measures.iter();
    let words: Vec<Words> = measures
        .map(|measure| Words::new("", "", &measure.label, width, tall))
        .collect();
    let margins = words.iter().zip(&y).map(|(words, y)| words.left(y));
    let margin = margins.fold(0.0, f64::max) + 2.0;
    let legend = Legend::new(entries, width - margin - 6.0);
    let gap = 13.0;
    let across = Grid::across(margin, width - 7.0, columns, gap);
    let title = |batch: i64| format!("batch {}", text::batch(batch));
    let head = Words::new("batch", style.along.name(), "", across, tall);
    // Space between the panels of a batch size, for ticks without texts.
    let between = 9.0;
    let down = head.above() + style.measures.len() as f64 * (tall + between) + head.below();
    let grid = Grid {
        corner: (margin, legend.height() + 2.0),
        across,
        gap,
        down,
        columns,
    };
    let blocks = batches.len().div_ceil(columns) as f64;
    let mut scene = Scene::new(width, grid.corner.1 + blocks * down);
    legend.draw(&mut scene, margin, 2.0);

    for (index, batch) in batches.iter().enumerate() {
        let curves = by_batch.get(batch).map_or(&[][..], Vec::as_slice);
        let (left, top) = grid.place(index);
        let last = all[batch]
            .iter()
            .flat_map(|curve| curve.points.iter().flatten());
        let last = last.map(|point| point.at).fold(1.0, f64::max);
        let x = Axis::counts(last, (across / 28.0).clamp(2.0, 8.0) as usize);
        for which in 0..y.len() {
            let (highest, lowest) = (which == 0, which + 1 == y.len());
            let panel_top = top + head.above() + which as f64 * (tall + between);
            let panel = Panel {
                left,
                top: panel_top,
                right: left + across,
                bottom: panel_top + tall,
                x: if lowest {
                    x.clone()
                } else {
                    x.clone().unlabelled()
                },
                // Panels of a row share their axis. Only the first one shows its texts.
                y: if grid.first(index) {
                    y[which].clone()
                } else {
                    y[which].clone().unlabelled()
                },
            };
            let title = if highest {
                title(*batch)
            } else {
                String::new()
            };
            let around = Words {
                y: if grid.first(index) {
                    words[which].y.clone()
                } else {
                    Vec::new()
                },
                ..Words::new(
                    &title,
                    if lowest { style.along.name() } else { "" },
                    "",
                    across,
                    tall,
                )
            };
            panel.draw(&mut scene, &around);
            draw_panel(&mut scene, &panel, curves, which, looks, bands);
        }
    }
    scene
}

/// The curves at some batch sizes.
fn at_batches<'a>(by_batch: &'a BTreeMap<i64, Vec<Curve>>, batches: &[i64]) -> Vec<&'a Curve> {
    let found = batches.iter().filter_map(|batch| by_batch.get(batch));
    found.flatten().collect()
}

/// An axis that holds one quantity of all curves, and their bands where it has room for these. It is
/// logarithmic where the range is wide.
fn vertical(curves: &[&Curve], which: usize, style: &Style) -> Axis {
    let points = || curves.iter().flat_map(|curve| &curve.points[which]);
    let all = || {
        points().flat_map(move |CurveValue { value, .. }| {
            let ends = [value.low, value.high];
            if style.bands { ends } else { [value.mean; 2] }
        })
    };
    let least = all().fold(f64::INFINITY, f64::min);
    if least > 0.0 && all().fold(0.0, f64::max) > LINEAR_RANGE * least {
        Axis::log(all(), 6)
    } else if style.from_zero {
        Axis::from_zero(all(), 5)
    } else {
        Axis::linear(all(), 5)
    }
}

/// The arms in their order, and the curves by batch size.
fn curves(rows: &[CurveRow], style: &Style) -> (Vec<String>, BTreeMap<i64, Vec<Curve>>) {
    let mut arms: Vec<String> = Vec::new();
    let mut by_batch: BTreeMap<i64, Vec<Curve>> = BTreeMap::new();
    let mut before = 0.0;
    for row in rows {
        let at = style.along.of(row);
        let curves = by_batch.entry(row.batch_size).or_default();
        if curves.last().is_none_or(|curve| curve.arm != row.arm) {
            before = 0.0;
            curves.push(Curve {
                arm: row.arm.clone(),
                points: vec![Vec::new(); row.values.len()],
                freeze: None,
            });
        }
        if !arms.contains(&row.arm) {
            arms.push(row.arm.clone());
        }
        let Some(curve) = curves.last_mut() else {
            continue;
        };
        for (points, value) in curve.points.iter_mut().zip(&row.values) {
            points.extend(value.map(|value| CurveValue { at, value }));
        }
        if curve.freeze.is_none() && row.phase == Phase::Constrained {
            // This epoch is the first to end constrained. The freeze lies at the end of the epoch
            // before.
            curve.freeze = Some(before);
        }
        before = at;
    }
    (arms, by_batch)
}

fn draw_panel(
    scene: &mut Scene,
    panel: &Panel,
    curves: &[Curve],
    which: usize,
    looks: &Looks,
    bands: bool,
) {
    let place = |at: f64, value: f64| panel.at(at, panel.inside(value).0);
    let with_bands = if bands { curves } else { &[] };
    for curve in with_bands {
        let points = &curve.points[which];
        let low = points.iter().map(|point| place(point.at, point.value.low));
        let high = points
            .iter()
            .rev()
            .map(|point| place(point.at, point.value.high));
        let band: Vec<_> = low.chain(high).collect();
        if band.len() > 2 {
            scene.fill(&band, looks.of(&curve.arm).colour, 0.15);
        }
    }
    // Two arms may freeze at the same place. It is marked once.
    let mut freezes: Vec<f64> = curves.iter().filter_map(|curve| curve.freeze).collect();
    freezes.sort_by(f64::total_cmp);
    freezes.dedup();
    for freeze in freezes {
        let (x, _) = panel.at(freeze, panel.y.low);
        scene.line(&[(x, panel.top), (x, panel.bottom)], INK, 0.7, FREEZE);
    }
    for curve in curves {
        let look = looks.of(&curve.arm);
        let points = &curve.points[which];
        let line: Vec<_> = points
            .iter()
            .map(|point| place(point.at, point.value.mean))
            .collect();
        scene.line(&line, look.colour, 1.2, look.dash);
        // An open marker shows whose freeze it is.
        let frozen = points.iter().find(|point| Some(point.at) == curve.freeze);
        if let Some(point) = frozen {
            scene.open_marker(
                place(point.at, point.value.mean),
                look.marker,
                2.4,
                look.colour,
            );
        }
        if let Some(end) = line.last() {
            scene.marker(*end, look.marker, 2.4, look.colour, 1.0);
        }
    }
}
