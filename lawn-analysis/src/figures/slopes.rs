//! Slopegraph: what each seed loses from the reference batch to the largest, arm by arm.

use super::axis::{Axis, Scale, Tick};
use super::palette::look;
use super::panel::{Panel, Words};
use super::scene::Scene;
use crate::tables::{Table, Value};
use crate::text;

struct Arm {
    name: String,
    seeds: Vec<(f64, f64)>,
}

/// Draws the table of [`crate::tables::drops`].
pub(crate) fn draw(table: &Table, label: &str, batches: (i64, i64), width: f64) -> Scene {
    let arms = arms(table);
    let most = ((width / 100.0).floor() as usize).max(1);
    let columns = arms.len().clamp(1, most);
    let blocks = arms.len().div_ceil(columns).max(1);
    let y = Axis::linear(
        arms.iter()
            .flat_map(|arm| &arm.seeds)
            .flat_map(|s| [s.0, s.1]),
        6,
    );
    let (panel_height, gap) = (130.0, 12.0);
    let block = panel_height + Panel::TITLE + Panel::BOTTOM_MARGIN + 4.0;
    let mut scene = Scene::new(width, 4.0 + block * blocks as f64);
    let margin = Panel::left_margin(&y, label) + 2.0;
    let across = (width - margin - 6.0 - gap * (columns - 1) as f64) / columns as f64;
    let tick = |at: f64, size: i64| Tick {
        at,
        label: text::batch(size),
    };
    for (index, arm) in arms.iter().enumerate() {
        let (column, row) = (index % columns, index / columns);
        let left = margin + column as f64 * (across + gap);
        let top = 4.0 + Panel::TITLE + row as f64 * block;
        let mut axis = y.clone();
        if column > 0 {
            axis.ticks.iter_mut().for_each(|tick| tick.label.clear());
        }
        let panel = Panel {
            left,
            top,
            right: left + across,
            bottom: top + panel_height,
            x: Axis {
                low: -0.35,
                high: 1.35,
                scale: Scale::Linear,
                ticks: vec![tick(0.0, batches.0), tick(1.0, batches.1)],
            },
            y: axis,
        };
        let y_label = if column == 0 { label } else { "" };
        panel.draw(
            &mut scene,
            Words {
                title: &arm.name,
                x: "batch size",
                y: y_label,
            },
        );
        let look = look(index);
        for (from, to) in &arm.seeds {
            scene.line(
                &[panel.at(0.0, *from), panel.at(1.0, *to)],
                look.colour,
                0.5,
                &[],
            );
        }
        if !arm.seeds.is_empty() {
            let n = arm.seeds.len() as f64;
            let from = arm.seeds.iter().map(|seed| seed.0).sum::<f64>() / n;
            let to = arm.seeds.iter().map(|seed| seed.1).sum::<f64>() / n;
            let ends = [panel.at(0.0, from), panel.at(1.0, to)];
            scene.line(&ends, look.colour, 2.0, look.dash);
            for end in ends {
                scene.marker(end, look.marker, 3.0, look.colour, 1.0);
            }
        }
    }
    scene
}

fn arms(table: &Table) -> Vec<Arm> {
    let column = |name| table.column(name);
    let (arm, from, to) = (column("arm"), column("at_reference"), column("at_largest"));
    let mut arms: Vec<Arm> = Vec::new();
    for row in table.rows() {
        let Value::Text(name) = &row[arm] else {
            continue;
        };
        if arms.last().is_none_or(|arm| arm.name != *name) {
            arms.push(Arm {
                name: name.clone(),
                seeds: Vec::new(),
            });
        }
        let ends = row[from].as_number().zip(row[to].as_number());
        if let Some(arm) = arms.last_mut() {
            arm.seeds.extend(ends);
        }
    }
    arms
}
