//! Training loss against test metric: does fitting the training data better pay?

use super::axis::Axis;
use super::palette::{Look, look};
use super::panel::{Legend, Panel, Words};
use super::scene::Scene;
use crate::tables::{Table, Value};

/// Draws the table of [`crate::tables::fit`].
pub(crate) fn draw(table: &Table, label: &str, width: f64) -> Scene {
    let column = |name| table.column(name);
    let (arm, loss, test) = (column("arm"), column("train_loss"), column("test_metric"));
    let mut arms: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for row in table.rows() {
        let Value::Text(name) = &row[arm] else {
            continue;
        };
        if arms.last().is_none_or(|(known, _)| known != name) {
            arms.push((name.clone(), Vec::new()));
        }
        if let Some((_, points)) = arms.last_mut() {
            points.extend(row[loss].as_number().zip(row[test].as_number()));
        }
    }
    let entries: Vec<(String, Look)> = arms
        .iter()
        .enumerate()
        .map(|(index, (name, _))| (name.clone(), look(index)))
        .collect();
    let legend = Legend::new(&entries, width - 12.0);
    let height = (0.56 * width).clamp(170.0, 220.0) + legend.height();
    let mut scene = Scene::new(width, height);
    let points = || arms.iter().flat_map(|(_, points)| points);
    let y = Axis::linear(points().map(|point| point.1), 6);
    let panel = Panel {
        left: Panel::left_margin(&y, label) + 2.0,
        top: legend.height() + 8.0,
        right: width - 10.0,
        bottom: height - Panel::BOTTOM_MARGIN,
        x: Axis::linear(
            points().map(|point| point.0),
            if width < 300.0 { 4 } else { 6 },
        ),
        y,
    };
    panel.draw(
        &mut scene,
        Words {
            title: "",
            x: "training loss",
            y: label,
        },
    );
    legend.draw(&mut scene, panel.left, 2.0);
    for (index, (_, points)) in arms.iter().enumerate() {
        let look = look(index);
        for (x, y) in points {
            scene.marker(panel.at(*x, *y), look.marker, 2.4, look.colour, 0.7);
        }
    }
    scene
}
