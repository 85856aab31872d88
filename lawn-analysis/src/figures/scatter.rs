//! Training loss against test error: does a better fit of the training data pay?

use std::collections::HashSet;

use super::axis::Axis;
use super::legend::Entry;
use super::measure::Measure;
use super::palette::{Looks, MUTED};
use super::panel::chart;
use super::scene::Scene;
use super::series::{Series, batch_sizes, by_arm, names};
use crate::tables::FitRow;
use crate::text;

/// Markers closer than this, in points, hide each other. Only one of each arm is drawn.
const NEAR: f64 = 1.6;

/// Draws the rows of [`crate::tables::fit`], on axes that hold `whole`; `test` is what the vertical
/// one shows.
pub(crate) fn draw(
    rows: &[FitRow],
    whole: &[FitRow],
    test: fn(&FitRow) -> Option<f64>,
    measure: &Measure,
    looks: &Looks,
    width: f64,
) -> Scene {
    let read = |rows: &[FitRow]| -> Vec<Series<3>> {
        by_arm(rows, |row| {
            Some([Some(row.train_loss), test(row), Some(row.batch_size as f64)])
        })
    };
    let (arms, all) = (read(rows), read(whole));
    let along = |which: usize| {
        let points = all.iter().flat_map(Series::whole);
        points.map(move |point| point[which])
    };
    let axes = [
        Axis::linear(along(0), (width / 60.0) as usize),
        measure.on(Axis::linear(along(1), 6)),
    ];
    let batches = batch_sizes(whole.iter().map(|row| row.batch_size));
    let radius = |batch: f64| {
        let place = batches.iter().position(|size| *size as f64 >= batch);
        let share = place.unwrap_or(0) as f64 / (batches.len().max(2) - 1) as f64;
        1.5 + 1.7 * share
    };
    let mut entries = Entry::arms(names(&arms), looks);
    if let [smallest, .., largest] = batches[..] {
        entries.extend([smallest, largest].map(|size| {
            let name = format!("batch {}", text::batch(size));
            Entry::size(name, MUTED, radius(size as f64))
        }));
    }
    let (mut scene, panel) = chart(width, entries, axes, ["training loss", &measure.label]);
    for arm in &arms {
        let look = looks.of(&arm.arm);
        let mut drawn = HashSet::new();
        for [loss, test, batch] in arm.whole() {
            let at = panel.at(loss, test);
            let near = |x: f64| (x / NEAR).round() as i64;
            if drawn.insert((near(at.0), near(at.1), batch.to_bits())) {
                scene.marker(at, look.marker, radius(batch), look.colour, 1.0);
            }
        }
    }
    scene
}
