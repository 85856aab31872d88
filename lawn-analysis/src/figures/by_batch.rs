//! A quantity against batch size: every seed, the means and their intervals.

use super::axis::Axis;
use super::legend::Entry;
use super::measure::Measure;
use super::palette::{Look, Looks};
use super::panel::{Panel, chart};
use super::scene::Scene;
use super::series::{Series, batch_sizes, by_arm, ends, evenly, lanes};
use crate::tables::{BatchPoint, BatchRow};

/// The most seeds drawn at one place. Of more, those at evenly spaced ranks are drawn.
pub(crate) const MOST_SEEDS: usize = 60;

/// Distance between lanes of seeds, in points. Seeds of equal values stand in lanes beside each
/// other.
const LANE: f64 = 2.4;

/// One arm: its seeds, and its means with their intervals.
struct Arm {
    look: Look,
    /// Batch size and value.
    seeds: Series<2>,
    /// Batch size, value, low and high end.
    means: Series<4>,
}

/// Draws the rows of [`crate::tables::by_batch`], on axes that hold `whole`.
pub(crate) fn draw(
    rows: &[BatchRow],
    whole: &[BatchRow],
    measure: &Measure,
    looks: &Looks,
    width: f64,
) -> Scene {
    let arms = arms_of(rows, looks);
    let entries = Entry::arms(arms.iter().map(|arm| arm.seeds.arm.as_str()), looks);
    let batches = batch_sizes(whole.iter().map(|row| row.batch_size));
    let y = Axis::linear(visible(&arms_of(whole, looks)).into_iter(), 6);
    let axes = [Axis::batches(&batches), measure.on(y)];
    let labels = ["batch size (log scale)", &measure.label];
    let (mut scene, panel) = chart(width, entries, axes, labels);
    let apart = apart(&panel, &batches, arms.len());
    for (index, arm) in arms.iter().enumerate() {
        // Arms stand side by side at a batch size, so that no interval hides another.
        let shift = apart * (index as f64 - 0.5 * (arms.len() as f64 - 1.0));
        draw_arm(&mut scene, &panel, arm, shift, apart);
    }
    scene
}

/// The arms of some rows.
fn arms_of(rows: &[BatchRow], looks: &Looks) -> Vec<Arm> {
    let seeds = by_arm(rows, |row| match row.point {
        BatchPoint::Seed { value, .. } => Some([Some(row.batch_size as f64), Some(value)]),
        BatchPoint::Mean(_) => None,
    });
    let means = by_arm(rows, |row| match row.point {
        BatchPoint::Seed { .. } => None,
        BatchPoint::Mean(mean) => {
            let [low, high] = ends(mean.interval);
            Some([Some(row.batch_size as f64), Some(mean.value), low, high])
        }
    });
    let arm = |(seeds, means): (Series<2>, Series<4>)| Arm {
        look: looks.of(&seeds.arm),
        seeds,
        means,
    };
    seeds.into_iter().zip(means).map(arm).collect()
}

/// Distance between neighbouring arms at a batch size, in points. All arms keep clear of the edges
/// and of the neighbouring batch sizes.
pub(crate) fn apart(panel: &Panel, batches: &[i64], arms: usize) -> f64 {
    let x = |size: i64| panel.at(size as f64, panel.y.low).0;
    let closest = batches
        .windows(2)
        .map(|pair| x(pair[1]) - x(pair[0]))
        .fold(f64::INFINITY, f64::min);
    let edge = batches
        .first()
        .map_or(0.0, |first| x(*first) - panel.left - 4.0);
    (0.72 * closest).min(2.0 * edge).min(44.0) / (arms.max(4) as f64)
}

/// Values that the axis must hold: all seeds and means, and intervals as far as half the spread of
/// the seeds beyond them on each side. An interval of two or three seeds can be so wide that it
/// would flatten all else.
fn visible(arms: &[Arm]) -> Vec<f64> {
    let seeds = arms.iter().flat_map(|arm| arm.seeds.whole());
    let points: Vec<f64> = seeds.map(|[_, value]| value).collect();
    let low = points.iter().copied().fold(f64::INFINITY, f64::min);
    let high = points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let room = 0.5 * (high - low);
    let ends = arms
        .iter()
        .flat_map(|arm| arm.means.whole())
        .flat_map(|[_, _, from, to]| [from.max(low - room), to.min(high + room)]);
    points.iter().copied().chain(ends).collect()
}

fn draw_arm(scene: &mut Scene, panel: &Panel, arm: &Arm, shift: f64, apart: f64) {
    let look = arm.look;
    let at = |x: f64, y: f64| {
        let (x, y) = panel.at(x, y);
        (x + shift, y)
    };
    let means: Vec<_> = arm
        .means
        .rows
        .iter()
        .filter_map(|[batch, value, ..]| Some(at((*batch)?, (*value)?)))
        .collect();
    if means.len() > 1 {
        scene.line(&means, look.colour, 1.2, look.dash);
    }
    for [batch, value, low, high] in arm.means.whole() {
        panel.interval(scene, at(batch, value).0, (low, high), look);
    }
    let mut by_batch: Vec<[f64; 2]> = arm.seeds.whole().collect();
    by_batch.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    for seeds in by_batch.chunk_by(|a, b| a[0] == b[0]) {
        let chosen = evenly(seeds.len(), MOST_SEEDS).into_iter();
        let points: Vec<_> = chosen.map(|i| at(seeds[i][0], seeds[i][1])).collect();
        let heights: Vec<f64> = points.iter().map(|point| point.1).collect();
        // Seeds stand between the interval, which would hide them, and the next arm.
        let beside = (0.42 * apart).clamp(2.0, 4.0);
        let most = ((apart - beside) / LANE).max(1.0) as usize;
        for ((x, y), lane) in points.iter().zip(lanes(&heights, LANE, most)) {
            let at = (x + beside + LANE * lane as f64, *y);
            scene.marker(at, look.marker, 1.3, look.colour, 1.0);
        }
    }
    let radius = (0.4 * apart).clamp(1.9, 2.8);
    for mean in means {
        scene.marker(mean, look.marker, radius, look.colour, 1.0);
    }
}
