//! Steps to a target against batch size, with the line of perfect scaling.

use super::axis::Axis;
use super::palette::{Look, MUTED, look};
use super::panel::{Legend, Panel, Words, remark};
use super::scene::{Anchor, Scene};
use crate::tables::{Table, Value};

struct Arm {
    name: String,
    /// Batch size, mean, smallest and largest steps.
    points: Vec<[f64; 4]>,
}

/// Draws the table of [`crate::tables::target`].
pub(crate) fn draw(table: &Table, width: f64) -> Scene {
    let arms = arms(table);
    let entries: Vec<(String, Look)> = arms
        .iter()
        .enumerate()
        .map(|(index, arm)| (arm.name.clone(), look(index)))
        .collect();
    let legend = Legend::new(&entries, width - 12.0);
    let height = (0.56 * width).clamp(170.0, 230.0) + legend.height();
    let mut scene = Scene::new(width, height);
    let points = || arms.iter().flat_map(|arm| &arm.points);
    // Every batch size that was tried has its place, also where no seed reached the target.
    let column = table.column("batch_size");
    let sizes = table
        .rows()
        .iter()
        .filter_map(|row| row[column].as_number());
    let mut batches: Vec<i64> = sizes.map(|size| size as i64).collect();
    batches.sort_unstable();
    batches.dedup();
    // Perfect scaling from the fewest steps at the smallest batch: twice the batch, half the steps.
    let smallest = batches.first().map_or(1.0, |size| *size as f64);
    let largest = batches.last().map_or(1.0, |size| *size as f64);
    let start = points()
        .filter(|point| point[0] == smallest)
        .map(|point| point[1])
        .fold(f64::INFINITY, f64::min);
    let ideal = [(smallest, start), (largest, start * smallest / largest)];
    let ends = ideal
        .iter()
        .map(|end| end.1)
        .filter(|steps| steps.is_finite());
    let y = Axis::log(
        points().flat_map(|point| [point[2], point[3]]).chain(ends),
        6,
    );
    let label = "steps to target";
    let panel = Panel {
        left: Panel::left_margin(&y, label) + 2.0,
        top: legend.height() + 8.0,
        right: width - 6.0,
        bottom: height - Panel::BOTTOM_MARGIN,
        x: Axis::batches(&batches),
        y,
    };
    panel.draw(
        &mut scene,
        Words {
            title: "",
            x: "batch size (log scale)",
            y: label,
        },
    );
    legend.draw(&mut scene, panel.left, 2.0);
    if start.is_finite() && batches.len() > 1 {
        let line = ideal.map(|(batch, steps)| panel.at(batch, steps));
        scene.line(&line, MUTED, 0.8, &[2.0, 2.0]);
        // Below the middle of the line: what is measured lies above it.
        let middle = (0.5 * (line[0].0 + line[1].0), 0.5 * (line[0].1 + line[1].1));
        remark(
            &mut scene,
            (middle.0 - 5.0, middle.1 + 9.0),
            "perfect scaling",
            Anchor::End,
        );
    }
    for (index, arm) in arms.iter().enumerate() {
        let look = look(index);
        let shift = 5.0 * (index as f64 - 0.5 * (arms.len() as f64 - 1.0));
        let at = |batch: f64, steps: f64| {
            let (x, y) = panel.at(batch, steps);
            (x + shift, y)
        };
        let line: Vec<_> = arm
            .points
            .iter()
            .map(|point| at(point[0], point[1]))
            .collect();
        if line.len() > 1 {
            scene.line(&line, look.colour, 1.2, look.dash);
        }
        for point in &arm.points {
            let range = [at(point[0], point[2]), at(point[0], point[3])];
            scene.line(&range, look.colour, 0.9, &[]);
            scene.marker(at(point[0], point[1]), look.marker, 2.8, look.colour, 1.0);
        }
    }
    scene
}

fn arms(table: &Table) -> Vec<Arm> {
    let column = |name| table.column(name);
    let arm = column("arm");
    let columns = ["batch_size", "steps", "steps_low", "steps_high"].map(column);
    let mut arms: Vec<Arm> = Vec::new();
    for row in table.rows() {
        let Value::Text(name) = &row[arm] else {
            continue;
        };
        if arms.last().is_none_or(|arm| arm.name != *name) {
            arms.push(Arm {
                name: name.clone(),
                points: Vec::new(),
            });
        }
        let [batch, mean, low, high] = columns.map(|c| row[c].as_number());
        let point = batch.zip(mean).zip(low.zip(high));
        if let Some(arm) = arms.last_mut() {
            arm.points
                .extend(point.map(|((batch, mean), (low, high))| [batch, mean, low, high]));
        }
    }
    arms
}
