//! Two quantities against epoch, one above the other, with the freeze marked.

use std::collections::BTreeMap;

use super::axis::Axis;
use super::palette::{INK, Look, look};
use super::panel::{Legend, Panel, Words, remark};
use super::scene::{Anchor, Scene};
use crate::tables::{Table, Value};
use crate::text;

/// The most batch sizes drawn; of more, the ends and those evenly between.
const MOST_BATCHES: usize = 4;
/// The widest range drawn on a linear axis.
const LINEAR_RANGE: f64 = 20.0;

/// One arm at one batch size.
struct Curve {
    arm: usize,
    /// Of the upper and the lower quantity.
    points: [Vec<CurveValue>; 2],
    freeze: Option<f64>,
}

/// A quantity at the end of an epoch: mean and range over seeds.
#[derive(Clone, Copy)]
struct CurveValue {
    epoch: f64,
    mean: f64,
    low: f64,
    high: f64,
}

/// Draws the table of [`crate::tables::curves`]; `labels` name its quantities on the axes, which
/// start at zero where that means something.
pub(crate) fn draw(table: &Table, labels: [&str; 2], from_zero: bool, width: f64) -> Scene {
    let (arms, by_batch) = curves(table);
    let batches = chosen(&by_batch.keys().copied().collect::<Vec<_>>());
    let entries: Vec<(String, Look)> = arms
        .iter()
        .enumerate()
        .map(|(index, arm)| (arm.clone(), look(index)))
        .collect();
    let legend = Legend::new(&entries, width - 12.0);

    // On a narrow page the batch sizes stand under each other.
    let columns = batches.len().min(((width / 92.0).floor() as usize).max(1));
    let blocks = batches.len().div_ceil(columns);
    let panel_height = if columns == 1 { 84.0 } else { 96.0 };
    let block_height = 2.0 * (panel_height + Panel::TITLE) + Panel::BOTTOM_MARGIN + 6.0;
    let height = legend.height() + 4.0 + blocks as f64 * block_height;
    let mut scene = Scene::new(width, height);
    legend.draw(&mut scene, 6.0, 2.0);

    let drawn: Vec<&Curve> = batches.iter().flat_map(|batch| &by_batch[batch]).collect();
    let points = |which: usize| drawn.iter().flat_map(move |curve| &curve.points[which]);
    let last = points(0)
        .chain(points(1))
        .map(|point| point.epoch)
        .fold(1.0, f64::max);
    let y = [0, 1].map(|which| {
        let all = || points(which).flat_map(|point| [point.low, point.high]);
        let least = all().fold(f64::INFINITY, f64::min);
        if least > 0.0 && all().fold(0.0, f64::max) > LINEAR_RANGE * least {
            Axis::log(all(), 6)
        } else if from_zero {
            Axis::from_zero(all(), 5)
        } else {
            Axis::linear(all(), 5)
        }
    });
    let margin = (0..2)
        .map(|i| Panel::left_margin(&y[i], labels[i]))
        .fold(0.0, f64::max)
        + 2.0;
    let gap = 12.0;
    let across = (width - margin - 6.0 - gap * (columns - 1) as f64) / columns as f64;

    for (index, batch) in batches.iter().enumerate() {
        let (column, block) = (index % columns, index / columns);
        let left = margin + column as f64 * (across + gap);
        let top = legend.height() + 4.0 + block as f64 * block_height;
        for which in 0..2 {
            let mut axis = y[which].clone();
            if column > 0 {
                // Panels of a row share their axis: only the first one is labelled.
                axis.ticks.iter_mut().for_each(|tick| tick.label.clear());
            }
            let panel_top = top + Panel::TITLE + which as f64 * (panel_height + Panel::TITLE);
            let mut epochs = Axis::epochs(last as i64, (across / 26.0).clamp(2.0, 8.0) as usize);
            if which == 0 {
                epochs.ticks.iter_mut().for_each(|tick| tick.label.clear());
            }
            let panel = Panel {
                left,
                top: panel_top,
                right: left + across,
                bottom: panel_top + panel_height,
                x: epochs,
                y: axis,
            };
            let title = format!("batch {}", text::batch(*batch));
            panel.draw(
                &mut scene,
                Words {
                    title: if which == 0 { &title } else { "" },
                    x: if which == 1 { "epoch" } else { "" },
                    y: if column == 0 { labels[which] } else { "" },
                },
            );
            draw_panel(&mut scene, &panel, &by_batch[batch], which);
        }
    }
    scene
}

fn curves(table: &Table) -> (Vec<String>, BTreeMap<i64, Vec<Curve>>) {
    let column = |name| table.column(name);
    let (arm, batch, epoch) = (column("arm"), column("batch_size"), column("epoch"));
    let phase = column("phase");
    // Mean, low and high of the upper quantity, then of the lower one, follow the phase.
    let columns = [[1, 2, 3], [4, 5, 6]].map(|group| group.map(|offset| phase + offset));
    let mut arms: Vec<String> = Vec::new();
    let mut by_batch: BTreeMap<i64, Vec<Curve>> = BTreeMap::new();
    for row in table.rows() {
        let (Value::Text(name), Value::Integer(size)) = (&row[arm], &row[batch]) else {
            continue;
        };
        let Some(at) = row[epoch].as_number() else {
            continue;
        };
        let index = arms
            .iter()
            .position(|known| known == name)
            .unwrap_or_else(|| {
                arms.push(name.clone());
                arms.len() - 1
            });
        let curves = by_batch.entry(*size).or_default();
        if curves.last().is_none_or(|curve| curve.arm != index) {
            let points = [Vec::new(), Vec::new()];
            curves.push(Curve {
                arm: index,
                points,
                freeze: None,
            });
        }
        let Some(curve) = curves.last_mut() else {
            continue;
        };
        for (points, columns) in curve.points.iter_mut().zip(columns) {
            if let [Some(mean), Some(low), Some(high)] = columns.map(|c| row[c].as_number()) {
                points.push(CurveValue {
                    epoch: at,
                    mean,
                    low,
                    high,
                });
            }
        }
        if curve.freeze.is_none() && row[phase] == Value::Text("constrained".to_owned()) {
            // The first epoch that ends constrained: the freeze lies at the end of the one before.
            curve.freeze = Some(at - 1.0);
        }
    }
    (arms, by_batch)
}

/// The ends, and those evenly between.
fn chosen(batches: &[i64]) -> Vec<i64> {
    if batches.len() <= MOST_BATCHES {
        return batches.to_vec();
    }
    let last = batches.len() - 1;
    (0..MOST_BATCHES)
        .map(|i| batches[(i * last + 1) / (MOST_BATCHES - 1)])
        .collect()
}

fn draw_panel(scene: &mut Scene, panel: &Panel, curves: &[Curve], which: usize) {
    let floor = panel.y.low;
    for curve in curves {
        let colour = look(curve.arm).colour;
        let points = &curve.points[which];
        let side = |pick: fn(&CurveValue) -> f64| {
            let place = |point: &CurveValue| panel.at(point.epoch, pick(point).max(floor));
            points.iter().map(place).collect::<Vec<_>>()
        };
        let mut band = side(|point| point.low);
        band.extend(side(|point| point.high).into_iter().rev());
        if band.len() > 2 {
            scene.fill(&band, colour, 0.15);
        }
    }
    // The freeze of one arm may be that of another; each is marked once, with its own dash.
    let mut marked: Vec<f64> = Vec::new();
    for curve in curves {
        let Some(freeze) = curve.freeze else { continue };
        if marked.contains(&freeze) {
            continue;
        }
        marked.push(freeze);
        let (x, _) = panel.at(freeze, floor);
        scene.line(&[(x, panel.top), (x, panel.bottom)], INK, 0.7, &[1.2, 1.8]);
        if which == 0 && marked.len() == 1 {
            let right = x < panel.right - 30.0;
            let anchor = if right { Anchor::Start } else { Anchor::End };
            let at = (if right { x + 2.5 } else { x - 2.5 }, panel.bottom - 4.0);
            remark(scene, at, "freeze", anchor);
        }
    }
    for curve in curves {
        let look = look(curve.arm);
        let points: Vec<_> = curve.points[which]
            .iter()
            .map(|point| panel.at(point.epoch, point.mean.max(floor)))
            .collect();
        scene.line(&points, look.colour, 1.2, look.dash);
        if let Some(end) = points.last() {
            scene.marker(*end, look.marker, 2.4, look.colour, 1.0);
        }
    }
}
