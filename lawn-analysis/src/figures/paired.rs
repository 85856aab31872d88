//! Gardner–Altman plot: the pairs on the left, their differences on the right.

use super::axis::Axis;
use super::by_batch::MOST_SEEDS;
use super::font::{self, SMALL};
use super::measure::Measure;
use super::palette::{EDGE, GRID, INK, Look, Looks, MUTED};
use super::panel::{Panel, Words};
use super::scene::{Anchor, Label, Scene};
use super::series::{evenly, lanes};
use crate::tables::{PairedPoint, PairedRow};

/// Distance between lanes of differences, in points.
const LANE: f64 = 3.8;

/// The differences of the pairs, their mean with its interval, and the margin.
struct Differences {
    pairs: Vec<f64>,
    mean: Option<f64>,
    interval: Option<(f64, f64)>,
    margin: Option<f64>,
}

/// Draws the rows of [`crate::tables::paired`]; `names` are those of baseline and treatment.
pub(crate) fn draw(
    rows: &[PairedRow],
    measure: &Measure,
    names: [&str; 2],
    looks: &Looks,
    width: f64,
) -> Scene {
    let pair = |row: &PairedRow| match row.point {
        PairedPoint::Seed {
            baseline,
            treatment,
            advantage,
            ..
        } => Some([baseline?, treatment?, advantage]),
        PairedPoint::Mean { .. } => None,
    };
    let mut pairs: Vec<[f64; 3]> = rows.iter().filter_map(pair).collect();
    // Pairs are sorted by their advantage, so that a selection of them shows all sizes of it.
    pairs.sort_by(|a, b| a[2].total_cmp(&b[2]));
    let mean = rows.iter().find_map(|row| match row.point {
        PairedPoint::Seed { .. } => None,
        PairedPoint::Mean {
            advantage, margin, ..
        } => Some((advantage, margin)),
    });
    let ends = mean.and_then(|(advantage, _)| advantage.interval);
    let differences = Differences {
        pairs: pairs.iter().map(|pair| pair[2]).collect(),
        mean: mean.map(|(advantage, _)| advantage.value),
        interval: ends.map(|ends| (ends.low, ends.high)),
        margin: mean.and_then(|(_, margin)| margin),
    };

    let tall = (0.4 * width).clamp(116.0, 160.0);
    let y = [
        measure.on(Axis::linear(
            pairs.iter().flat_map(|pair| [pair[0], pair[1]]),
            5,
        )),
        Axis::linear(differences.visible().into_iter(), 5),
    ];
    let labels = [measure.label.as_str(), "advantage"];
    let margins = [0, 1].map(|i| Words::new("", "", labels[i], width, tall).left(&y[i]));
    let gap = 12.0;
    let across = 0.5 * (width - margins[0] - margins[1] - gap - 10.0);
    let words = [0, 1].map(|i| Words::new("", "", labels[i], across, tall));
    let lefts = [
        2.0 + margins[0],
        2.0 + margins[0] + across + gap + margins[1],
    ];
    let top = 8.0;
    let [values_y, differences_y] = y;
    let values = Panel {
        left: lefts[0],
        top,
        right: lefts[0] + across,
        bottom: top + tall,
        x: Axis::places(["", ""]),
        y: values_y,
    };
    // The arms are named below their places, in as many lines as they need.
    let named = names.map(|name| font::wrap(name, SMALL, false, 0.5 * across - 3.0));
    let lines = named.iter().map(Vec::len).max().unwrap_or(1) as f64;
    let height = top + tall + 6.0 + font::leading(SMALL) * lines + 3.0;
    let mut scene = Scene::new(width, height);
    values.draw(&mut scene, &words[0]);
    for (place, lines) in named.iter().enumerate() {
        let (x, y) = values.at(place as f64, values.y.low);
        let at = (x, y + 4.0 + SMALL);
        let label = Label::small("", at, Anchor::Middle);
        scene.paragraph(lines, &label);
    }
    let arms = names.map(|name| looks.of(name));
    for index in evenly(pairs.len(), MOST_SEEDS) {
        let pair = pairs[index];
        let ends = [values.at(0.0, pair[0]), values.at(1.0, pair[1])];
        // Falling pairs are dashed, so that the direction does not rest on colour alone.
        let rises = pair[2] > 0.0;
        scene.line(&ends, MUTED, 0.7, if rises { &[] } else { &[2.5, 1.6] });
        for (end, look) in ends.into_iter().zip(arms) {
            scene.marker(end, look.marker, 2.2, look.colour, 1.0);
        }
    }
    let panel = Panel {
        left: lefts[1],
        top,
        right: lefts[1] + across,
        bottom: top + tall,
        x: Axis::places(["pairs", "mean"]),
        y: differences_y,
    };
    differences.draw(&mut scene, &panel, &words[1], arms[1]);
    scene
}

impl Differences {
    /// All differences, zero, and the interval as far as one spread of the differences beyond them.
    fn visible(&self) -> Vec<f64> {
        let shown = || self.pairs.iter().copied().chain([0.0]).chain(self.mean);
        let (least, most) = shown().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| {
            (a.min(v), b.max(v))
        });
        let spread = most - least;
        let ends = self
            .interval
            .map(|(low, high)| [low.max(least - spread), high.min(most + spread)]);
        shown().chain(ends.into_iter().flatten()).collect()
    }

    fn draw(&self, scene: &mut Scene, panel: &Panel, words: &Words, treatment: Look) {
        if let Some(margin) = self.margin {
            let y = |value: f64| panel.at(0.0, panel.inside(value).0).1;
            let (from, to) = ((panel.left, y(-margin)), (panel.right, y(margin)));
            scene.block(from, to, GRID, 0.7);
            for y in [from.1, to.1] {
                scene.line(&[(from.0, y), (to.0, y)], MUTED, 0.5, EDGE);
            }
        }
        panel.draw(scene, words);
        let (_, zero) = panel.at(0.0, 0.0);
        scene.line(&[(panel.left, zero), (panel.right, zero)], MUTED, 0.8, &[]);
        let chosen = evenly(self.pairs.len(), MOST_SEEDS).into_iter();
        let points: Vec<_> = chosen.map(|i| panel.at(0.0, self.pairs[i])).collect();
        let heights: Vec<f64> = points.iter().map(|point| point.1).collect();
        // Lanes go from the middle to both sides, so that equal differences stay apart.
        let most = (0.2 * (panel.right - panel.left) / LANE) as usize;
        for ((x, y), lane) in points.iter().zip(lanes(&heights, LANE, 2 * most)) {
            let side = if lane % 2 == 0 { 1.0 } else { -1.0 };
            let at = (x + side * LANE * lane.div_ceil(2) as f64, *y);
            scene.marker(at, treatment.marker, 1.8, treatment.colour, 1.0);
        }
        if let Some(mean) = self.mean {
            let of_mean = Look {
                colour: INK,
                ..treatment
            };
            let at = panel.at(1.0, mean);
            if let Some(ends) = self.interval {
                panel.interval(scene, at.0, ends, of_mean);
            }
            scene.marker(at, treatment.marker, 3.0, INK, 1.0);
        }
    }
}
