//! Tuning, trial by trial: validation metric against one hyper-parameter, a panel per arm.

use super::axis::Axis;
use super::legend::{Entry, Legend};
use super::measure::Measure;
use super::palette::{Look, look};
use super::panel::{Grid, Panel, Words};
use super::scene::{Point, Scene};
use super::series::batch_sizes;
use crate::tables::TuningPointRow;
use crate::text;

/// The ratio of the largest to the smallest value from which on the axis is logarithmic.
const WIDE_RANGE: f64 = 5.0;
/// The share of a panel, at its foot, for trials without a value.
const FOOT: f64 = 0.12;

/// Distance between batch sizes at a value, in points, and the most that all of them take.
const LANE: f64 = 4.2;
const WIDEST: f64 = 17.0;

/// Radius of the marker of a chosen setting, in points.
const CHOSEN: f64 = 3.0;

/// Draws the rows of [`crate::tables::tuning_points`], on axes that hold `whole`; `parameter` is the
/// name of what was tuned.
pub(crate) fn draw(
    trials: &[TuningPointRow],
    whole: &[TuningPointRow],
    parameter: &str,
    measure: &Measure,
    width: f64,
) -> Scene {
    let arms = by_arm(trials);
    let all = || whole.iter();
    let batches = batch_sizes(all().map(|trial| trial.batch_size));
    let failed = all().any(|trial| trial.validation.is_none());
    // Many panels must fit a page.
    let tall = if arms.len() > 6 { 84.0 } else { 112.0 };
    let y = vertical(all().filter_map(|trial| trial.validation), measure, failed);
    let entries = batches.iter().enumerate().map(|(index, size)| {
        let name = format!("batch {}", text::batch(*size));
        Entry::dot(name, look(index))
    });
    let metric = measure.label.as_str();
    let margin = Words::new("", "", metric, width, tall).left(&y) + 2.0;
    let columns = Grid::columns(arms.len(), ((width - margin) / 96.0) as usize);
    let gap = 14.0;
    let across = Grid::across(margin, width - 8.0, columns, gap);
    let apart = (WIDEST / batches.len().max(1) as f64).min(LANE);
    // The outermost markers stand beside their value, and whole within the panel.
    let beside = 0.5 * apart * (batches.len().max(1) as f64 - 1.0) + CHOSEN + 1.0;
    let x = horizontal(
        all().map(|trial| trial.value),
        (across / 26.0).max(2.0) as usize,
    );
    let x = x.with_room(beside / across);
    let words = |arm: &str, first: bool| {
        Words::new(
            arm,
            parameter,
            if first { metric } else { "" },
            across,
            tall,
        )
    };
    let above = arms.iter().map(|(arm, _)| words(arm, true).above());
    let above = above.fold(0.0, f64::max);
    let legend = Legend::new(entries.collect(), width - margin - 8.0);
    let grid = Grid {
        corner: (margin, legend.height() + 3.0 + above),
        across,
        gap,
        down: above + tall + words("", true).below() + 6.0,
        columns,
    };
    let rows = arms.len().div_ceil(columns) as f64;
    let mut scene = Scene::new(width, legend.height() + 3.0 + rows * grid.down - 4.0);
    legend.draw(&mut scene, margin, 2.0);
    for (index, (arm, trials)) in arms.iter().enumerate() {
        let (left, top) = grid.place(index);
        let first = grid.first(index);
        let panel = Panel {
            left,
            top,
            right: left + across,
            bottom: top + tall,
            x: x.clone(),
            y: if first {
                y.clone()
            } else {
                y.clone().unlabelled()
            },
        };
        panel.draw(&mut scene, &words(arm, first));
        // The chosen settings lie on top.
        for chosen in [false, true] {
            for trial in trials.iter().filter(|trial| trial.chosen == chosen) {
                let place = batches.iter().position(|size| *size == trial.batch_size);
                let place = place.unwrap_or(0);
                // Batch sizes stand side by side, so that equal trials of several are all visible.
                let shift = apart * (place as f64 - 0.5 * (batches.len() as f64 - 1.0));
                draw_trial(&mut scene, &panel, trial, shift, look(place));
            }
        }
    }
    scene
}

/// By arm, in the order of the rows.
fn by_arm(trials: &[TuningPointRow]) -> Vec<(&str, Vec<&TuningPointRow>)> {
    let mut arms: Vec<(&str, Vec<&TuningPointRow>)> = Vec::new();
    for trial in trials {
        match arms.iter_mut().find(|(known, _)| *known == trial.arm) {
            Some((_, trials)) => trials.push(trial),
            None => arms.push((&trial.arm, vec![trial])),
        }
    }
    arms
}

/// A logarithmic axis where values are positive and far apart, with room at its ends.
fn horizontal(values: impl Iterator<Item = f64> + Clone, most: usize) -> Axis {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let largest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if least > 0.0 && largest >= WIDE_RANGE * least {
        Axis::log(values, most)
    } else {
        Axis::linear(values, most)
    }
}

/// An axis that holds all metrics. Below them is the foot, where there are trials without one.
fn vertical(values: impl Iterator<Item = f64>, measure: &Measure, failed: bool) -> Axis {
    let mut axis = measure.on(Axis::linear(values, 5));
    if failed {
        let ticks_from = axis.low;
        axis.low -= FOOT / (1.0 - FOOT) * (axis.high - axis.low);
        axis.ticks.retain(|tick| tick.at >= ticks_from);
    }
    axis
}

fn draw_trial(scene: &mut Scene, panel: &Panel, trial: &TuningPointRow, shift: f64, look: Look) {
    let across = |x: f64| x + shift;
    let Some(validation) = trial.validation else {
        let x = across(panel.at(trial.value, panel.y.low).0);
        let y = panel.bottom - 0.5 * FOOT * (panel.bottom - panel.top);
        cross(scene, (x, y), look);
        return;
    };
    let (x, y) = panel.at(trial.value, validation);
    let at = (across(x), y);
    let radius = if trial.chosen { CHOSEN } else { 1.7 };
    scene.marker(at, look.marker, radius, look.colour, 1.0);
}

fn cross(scene: &mut Scene, (x, y): Point, look: Look) {
    let arm = 2.2;
    for rise in [-arm, arm] {
        scene.line(
            &[(x - arm, y - rise), (x + arm, y + rise)],
            look.colour,
            0.9,
            &[],
        );
    }
}
