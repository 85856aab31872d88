//! Slopegraph: what each seed loses from the reference batch to the largest, a panel per arm.

use super::axis::Axis;
use super::by_batch::MOST_SEEDS;
use super::measure::Measure;
use super::palette::Looks;
use super::panel::{Grid, Panel, Words};
use super::scene::Scene;
use super::series::{Series, by_arm, evenly};
use crate::tables::DropRow;
use crate::text;

/// Draws the rows of [`crate::tables::drops`], on an axis that holds `whole`.
pub(crate) fn draw(
    rows: &[DropRow],
    whole: &[DropRow],
    measure: &Measure,
    batches: (i64, i64),
    looks: &Looks,
    width: f64,
) -> Scene {
    let arms: Vec<Series<2>> = by_arm(rows, |row| {
        Some([Some(row.at_reference), Some(row.at_largest)])
    });
    let columns = Grid::columns(arms.len(), (width / 90.0) as usize);
    let tall = 124.0;
    let label = measure.label.as_str();
    let values = whole
        .iter()
        .flat_map(|row| [row.at_reference, row.at_largest]);
    let y = measure.on(Axis::linear(values, 6));
    let margin = Words::new("", "", label, width, tall).left(&y) + 2.0;
    let gap = 14.0;
    let across = Grid::across(margin, width - 8.0, columns, gap);
    let words = |arm: &str, first: bool| {
        let label = if first { label } else { "" };
        Words::new(arm, "batch size", label, across, tall)
    };
    let above = arms.iter().map(|arm| words(&arm.arm, true).above());
    let above = above.fold(0.0, f64::max);
    let grid = Grid {
        corner: (margin, 3.0 + above),
        across,
        gap,
        down: above + tall + words("", true).below() + 6.0,
        columns,
    };
    let lines = arms.len().div_ceil(columns) as f64;
    let mut scene = Scene::new(width, 3.0 + lines * grid.down - 4.0);
    let ends = [batches.0, batches.1].map(text::batch);
    for (index, arm) in arms.iter().enumerate() {
        let (left, top) = grid.place(index);
        let first = grid.first(index);
        let panel = Panel {
            left,
            top,
            right: left + across,
            bottom: top + tall,
            x: Axis::places(ends.iter().map(String::as_str)),
            y: if first {
                y.clone()
            } else {
                y.clone().unlabelled()
            },
        };
        panel.draw(&mut scene, &words(&arm.arm, first));
        let look = looks.of(&arm.arm);
        // Seeds are sorted by their drop, so that a selection of them shows all sizes of it.
        let mut seeds: Vec<[f64; 2]> = arm.whole().collect();
        seeds.sort_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0])));
        for index in evenly(seeds.len(), MOST_SEEDS) {
            let [from, to] = seeds[index];
            let ends = [panel.at(0.0, from), panel.at(1.0, to)];
            scene.line(&ends, look.colour, 0.5, &[]);
        }
        if !seeds.is_empty() {
            let mean =
                |end: usize| seeds.iter().map(|seed| seed[end]).sum::<f64>() / seeds.len() as f64;
            let ends = [panel.at(0.0, mean(0)), panel.at(1.0, mean(1))];
            scene.line(&ends, look.colour, 2.0, look.dash);
            for end in ends {
                scene.marker(end, look.marker, 3.0, look.colour, 1.0);
            }
        }
    }
    scene
}
