//! Performance profile: the part of runs above each score.

use super::axis::Axis;
use super::palette::{Look, look};
use super::panel::{Legend, Panel, Words};
use super::scene::Scene;
use crate::tables::{Table, Value};

/// Draws the table of [`crate::tables::profile`].
pub(crate) fn draw(table: &Table, width: f64) -> Scene {
    let [arm, threshold, share] = ["arm", "threshold", "share"].map(|name| table.column(name));
    let mut arms: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for row in table.rows() {
        let Value::Text(name) = &row[arm] else {
            continue;
        };
        if arms.last().is_none_or(|(known, _)| known != name) {
            arms.push((name.clone(), Vec::new()));
        }
        if let Some((_, points)) = arms.last_mut() {
            points.extend(row[threshold].as_number().zip(row[share].as_number()));
        }
    }
    let entries: Vec<(String, Look)> = arms
        .iter()
        .enumerate()
        .map(|(index, (name, _))| (name.clone(), look(index)))
        .collect();
    let legend = Legend::new(&entries, width - 12.0);
    let height = (0.52 * width).clamp(160.0, 210.0) + legend.height();
    let mut scene = Scene::new(width, height);
    let label = "share of runs above";
    let y = Axis::from_zero([1.0].into_iter(), 5);
    let scores = arms
        .iter()
        .flat_map(|(_, points)| points.iter().map(|point| point.0));
    let panel = Panel {
        left: Panel::left_margin(&y, label) + 2.0,
        top: legend.height() + 8.0,
        right: width - 8.0,
        bottom: height - Panel::BOTTOM_MARGIN,
        x: Axis::linear(scores, if width < 300.0 { 4 } else { 6 }),
        y,
    };
    panel.draw(
        &mut scene,
        Words {
            title: "",
            x: "score",
            y: label,
        },
    );
    legend.draw(&mut scene, panel.left, 2.0);
    for (index, (_, points)) in arms.iter().enumerate() {
        let look = look(index);
        // Shares change at single scores: steps, not slopes.
        let mut line = Vec::with_capacity(2 * points.len());
        for pair in points.windows(2) {
            line.push(panel.at(pair[0].0, pair[0].1));
            line.push(panel.at(pair[1].0, pair[0].1));
        }
        line.extend(points.last().map(|point| panel.at(point.0, point.1)));
        scene.line(&line, look.colour, 1.3, look.dash);
        // A marker at the middle of its fall tells the lines apart without colour.
        if let Some(middle) = points.iter().find(|point| point.1 <= 0.5) {
            scene.marker(
                panel.at(middle.0, middle.1),
                look.marker,
                2.6,
                look.colour,
                1.0,
            );
        }
    }
    scene
}
