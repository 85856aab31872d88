//! Gardner–Altman plot: the pairs on the left, their differences on the right.

use super::axis::{Axis, Scale, Tick};
use super::palette::{GRID, INK, MUTED, look};
use super::panel::{Panel, Words};
use super::scene::Scene;
use crate::tables::{Table, Value};

/// Draws the table of [`crate::tables::paired`]; `names` are those of baseline and treatment.
pub(crate) fn draw(table: &Table, label: &str, names: [&str; 2], width: f64) -> Scene {
    let column = |name| table.column(name);
    let (kind, baseline, treatment) = (column("kind"), column("baseline"), column("treatment"));
    let (advantage, low, high) = (column("advantage"), column("low"), column("high"));
    let margin = column("margin");
    let of_kind = |name: &str| {
        let name = Value::Text(name.to_owned());
        table.rows().iter().filter(move |row| row[kind] == name)
    };
    let pairs: Vec<[f64; 3]> = of_kind("seed")
        .filter_map(|row| {
            Some([
                row[baseline].as_number()?,
                row[treatment].as_number()?,
                row[advantage].as_number()?,
            ])
        })
        .collect();

    let height = (0.5 * width).clamp(150.0, 210.0);
    let mut scene = Scene::new(width, height);
    let (top, bottom) = (16.0, height - Panel::BOTTOM_MARGIN + 10.0);
    let y = Axis::linear(pairs.iter().flat_map(|pair| [pair[0], pair[1]]), 5);
    let left = Panel::left_margin(&y, label) + 2.0;
    let middle = left + 0.5 * (width - left) - 16.0;
    let values = Panel {
        left,
        top,
        right: middle,
        bottom,
        x: categories(&names),
        y,
    };
    values.draw(
        &mut scene,
        Words {
            title: "",
            x: "",
            y: label,
        },
    );
    for pair in &pairs {
        let ends = [values.at(0.0, pair[0]), values.at(1.0, pair[1])];
        // Falling pairs are dashed: the direction does not rest on colour.
        let rises = pair[2] > 0.0;
        scene.line(&ends, MUTED, 0.7, if rises { &[] } else { &[2.5, 1.6] });
        for (index, end) in ends.into_iter().enumerate() {
            scene.marker(end, look(index).marker, 2.2, look(index).colour, 0.9);
        }
    }

    let mean = of_kind("mean").next();
    let of_mean = |column: usize| mean.and_then(|row| row[column].as_number());
    let interval = of_mean(low).zip(of_mean(high));
    let band = of_mean(margin);
    let shown = pairs
        .iter()
        .map(|pair| pair[2])
        .chain([0.0])
        .chain(of_mean(advantage));
    let shown: Vec<f64> = shown.collect();
    let spread = shown.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        - shown.iter().copied().fold(f64::INFINITY, f64::min);
    let (least, most) = shown
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| {
            (a.min(*v), b.max(*v))
        });
    let ends = interval.map_or(Vec::new(), |(a, b)| {
        vec![a.max(least - spread), b.min(most + spread)]
    });
    let y = Axis::linear(shown.iter().copied().chain(ends), 5);
    let right_label = "advantage";
    let panel = Panel {
        left: middle + 12.0 + Panel::left_margin(&y, right_label),
        top,
        right: width - 6.0,
        bottom,
        x: categories(&["pairs", "mean"]),
        y,
    };
    if let Some(band) = band {
        let (from, to) = ((-band).max(panel.y.low), band.min(panel.y.high));
        let (a, b) = (panel.at(0.0, from).1, panel.at(0.0, to).1);
        let corners = [
            (panel.left, a),
            (panel.right, a),
            (panel.right, b),
            (panel.left, b),
        ];
        scene.fill(&corners, GRID, 0.7);
    }
    panel.draw(
        &mut scene,
        Words {
            title: "",
            x: "",
            y: right_label,
        },
    );
    let (_, zero) = panel.at(0.0, 0.0);
    scene.line(&[(panel.left, zero), (panel.right, zero)], MUTED, 0.8, &[]);
    for (index, pair) in pairs.iter().enumerate() {
        // Spread sideways in three lanes, so that equal differences stay apart.
        let (x, y) = panel.at(0.0, pair[2]);
        let lane = (index % 3) as f64 - 1.0;
        scene.marker(
            (x + 4.5 * lane, y),
            look(1).marker,
            2.0,
            look(1).colour,
            0.6,
        );
    }
    if let Some(value) = of_mean(advantage) {
        if let Some((from, to)) = interval {
            let a = panel.at(1.0, from.max(panel.y.low));
            let b = panel.at(1.0, to.min(panel.y.high));
            scene.line(&[a, b], INK, 1.3, &[]);
        }
        scene.marker(panel.at(1.0, value), look(0).marker, 3.0, INK, 1.0);
    }
    scene
}

/// An axis of two named places.
fn categories(names: &[&str; 2]) -> Axis {
    let tick = |(at, name): (usize, &&str)| Tick {
        at: at as f64,
        label: (*name).to_owned(),
    };
    Axis {
        low: -0.6,
        high: 1.6,
        scale: Scale::Linear,
        ticks: names.iter().enumerate().map(tick).collect(),
    }
}
