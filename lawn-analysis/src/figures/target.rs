//! Steps and time to a target against batch size, with the line of perfect scaling.

use super::axis::Axis;
use super::by_batch::apart;
use super::font::NORMAL;
use super::legend::{Entry, Legend};
use super::palette::{Looks, MUTED};
use super::panel::{Grid, Panel, Words};
use super::scene::Scene;
use super::series::{Series, batch_sizes, by_arm, names};
use crate::tables::{Spread, TargetRow};

/// Dashes of the line of perfect scaling.
const IDEAL: &[f64] = &[2.0, 2.0];

/// One of the two quantities, by arm: batch size, mean, smallest and largest value, number of
/// seeds, and number of those that reach the target.
type Quantity = Vec<Series<6>>;

/// Draws the rows of [`crate::tables::target`], on axes and beside lines of perfect scaling that are
/// those of `whole`.
pub(crate) fn draw(rows: &[TargetRow], whole: &[TargetRow], looks: &Looks, width: f64) -> Scene {
    let read = |rows: &[TargetRow], spread: fn(&TargetRow) -> Option<Spread>| -> Quantity {
        by_arm(rows, |row| {
            let found = spread(row);
            let part = |of: fn(Spread) -> f64| found.map(of);
            Some([
                Some(row.batch_size as f64),
                part(|spread| spread.mean),
                part(|spread| spread.low),
                part(|spread| spread.high),
                Some(row.seeds as f64),
                Some(row.reached as f64),
            ])
        })
    };
    let both = |spread: fn(&TargetRow) -> Option<Spread>| [read(rows, spread), read(whole, spread)];
    let quantities: [(&str, [Quantity; 2]); 2] = [
        ("steps to target", both(|row| row.steps)),
        ("training seconds to target", both(|row| row.seconds)),
    ];
    // Every batch size that was tried has its place, also one where no seed reached the target.
    let batches = batch_sizes(whole.iter().map(|row| row.batch_size));
    let mut entries = Entry::arms(names(&quantities[0].1[0]), looks);
    entries.push(Entry::rule("perfect scaling", MUTED, IDEAL));
    let some_stay_away = {
        let mut drawn = quantities[0].1[0].iter().flat_map(Series::whole);
        drawn.any(|row| !all_arrive(&row))
    };
    if some_stay_away {
        entries.push(Entry::hollow("not all seeds reach it", MUTED));
    }

    // In a narrow column the two panels stand under each other.
    let columns = if width < 330.0 { 1 } else { 2 };
    let tall = if columns == 1 { 118.0 } else { 150.0 };
    let panels = quantities.map(|(label, [arms, all])| {
        let ideal = ideal(&all, &batches);
        let seen = all.iter().flat_map(Series::whole);
        let y = Axis::log(
            seen.flat_map(|row| [row[2], row[3]])
                .chain(ideal.map(|end| end.1))
                .filter(|value| value.is_finite()),
            6,
        );
        (label, arms, ideal, y)
    });
    let margins = panels
        .iter()
        .map(|(label, _, _, y)| Words::new("", "", label, width, tall).left(y));
    let margin = margins.fold(0.0, f64::max) + 2.0;
    let across = Grid::across(margin, width - 8.0, columns, margin + 8.0);
    let legend = Legend::new(entries, width - margin - 8.0);
    let x_label = "batch size (log scale)";
    let words = |label: &str| Words::new("", x_label, label, across, tall);
    let grid = Grid {
        corner: (margin, legend.height() + 8.0),
        across,
        gap: margin + 8.0,
        down: tall + words("").below() + NORMAL,
        columns,
    };
    let lines = 2_usize.div_ceil(columns) as f64;
    let mut scene = Scene::new(width, grid.corner.1 + lines * grid.down - NORMAL + 2.0);
    legend.draw(&mut scene, margin, 2.0);
    for (index, (label, arms, ideal, y)) in panels.into_iter().enumerate() {
        let (left, top) = grid.place(index);
        let panel = Panel {
            left,
            top,
            right: left + across,
            bottom: top + tall,
            x: Axis::batches(&batches),
            y,
        };
        panel.draw(&mut scene, &words(label));
        if ideal[0].1.is_finite() && batches.len() > 1 {
            let line = ideal.map(|(batch, value)| panel.at(batch, value));
            scene.line(&line, MUTED, 0.8, IDEAL);
        }
        draw_arms(&mut scene, &panel, &arms, &batches, looks);
    }
    scene
}

/// Whether every seed of a row reaches the target.
fn all_arrive(row: &[f64; 6]) -> bool {
    row[5] >= row[4]
}

/// Perfect scaling: it starts from the smallest value at the smallest batch and halves with each
/// doubling of the batch.
///
/// It ends at the largest batch that reached the target, since it would stretch the axis beyond.
fn ideal(arms: &[Series<6>], batches: &[i64]) -> [(f64, f64); 2] {
    let smallest = batches.first().map_or(1.0, |size| *size as f64);
    let next = batches.get(1).map_or(smallest, |size| *size as f64);
    let reached = || {
        let rows = arms.iter().flat_map(Series::whole);
        rows.filter(|row| row[1] > 0.0)
    };
    let start = reached()
        .filter(|row| row[0] == smallest)
        .map(|row| row[1])
        .fold(f64::INFINITY, f64::min);
    let largest = reached().map(|row| row[0]).fold(next, f64::max);
    [(smallest, start), (largest, start * smallest / largest)]
}

fn draw_arms(scene: &mut Scene, panel: &Panel, arms: &[Series<6>], batches: &[i64], looks: &Looks) {
    let apart = apart(panel, batches, arms.len()).min(5.0);
    for (index, arm) in arms.iter().enumerate() {
        let look = looks.of(&arm.arm);
        let shift = apart * (index as f64 - 0.5 * (arms.len() as f64 - 1.0));
        let at = |batch: f64, value: f64| {
            let (x, y) = panel.at(batch, value);
            (x + shift, y)
        };
        let points: Vec<[f64; 6]> = arm.whole().filter(|row| row[1] > 0.0).collect();
        // A mean over only some of the seeds is not joined to means over all seeds.
        for run in points.chunk_by(|a, b| all_arrive(a) && all_arrive(b)) {
            let line: Vec<_> = run.iter().map(|row| at(row[0], row[1])).collect();
            if line.len() > 1 {
                scene.line(&line, look.colour, 1.2, look.dash);
            }
        }
        for row in points {
            let [batch, mean, low, high, ..] = row;
            let range = [at(batch, low.max(panel.y.low)), at(batch, high)];
            scene.line(&range, look.colour, 0.9, &[]);
            if all_arrive(&row) {
                scene.marker(at(batch, mean), look.marker, 2.6, look.colour, 1.0);
            } else {
                scene.open_marker(at(batch, mean), look.marker, 2.8, look.colour);
            }
        }
    }
}
