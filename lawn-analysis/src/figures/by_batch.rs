//! A quantity against batch size: every seed, the means and their intervals.

use super::axis::Axis;
use super::palette::{Look, look};
use super::panel::{Legend, Panel, Words};
use super::scene::Scene;
use crate::tables::{Table, Value};

/// What the rows of one arm say.
struct Series<'a> {
    name: &'a str,
    look: Look,
    seeds: Vec<(f64, f64)>,
    means: Vec<Mean>,
}

struct Mean {
    batch: f64,
    value: f64,
    interval: Option<(f64, f64)>,
}

/// Draws the table of [`crate::tables::by_batch`].
pub(crate) fn draw(table: &Table, label: &str, width: f64) -> Scene {
    let series = series(table);
    let batch = table.column("batch_size");
    let mut batches: Vec<i64> = table
        .rows()
        .iter()
        .filter_map(|row| row[batch].as_number())
        .map(|size| size as i64)
        .collect();
    batches.sort_unstable();
    batches.dedup();

    let entries: Vec<(String, Look)> = series
        .iter()
        .map(|one| (one.name.to_owned(), one.look))
        .collect();
    let legend = Legend::new(&entries, width - 12.0);
    let height = (0.56 * width).clamp(170.0, 230.0) + legend.height();
    let mut scene = Scene::new(width, height);
    let y = Axis::linear(visible(&series).into_iter(), 6);
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
    for (index, one) in series.iter().enumerate() {
        // Arms stand side by side at a batch size, so that no interval hides another.
        let apart = (44.0 / series.len() as f64).min(11.0);
        let shift = apart * (index as f64 - 0.5 * (series.len() as f64 - 1.0));
        draw_series(&mut scene, &panel, one, shift);
    }
    scene
}

fn series(table: &Table) -> Vec<Series<'_>> {
    let column = |name| table.column(name);
    let (arm, batch, kind) = (column("arm"), column("batch_size"), column("kind"));
    let (value, low, high) = (column("value"), column("low"), column("high"));
    let mut all: Vec<Series<'_>> = Vec::new();
    for row in table.rows() {
        let Value::Text(name) = &row[arm] else {
            continue;
        };
        let (Some(at), Some(seen)) = (row[batch].as_number(), row[value].as_number()) else {
            continue;
        };
        if all.last().is_none_or(|one| one.name != name) {
            let look = look(all.len());
            all.push(Series {
                name,
                look,
                seeds: Vec::new(),
                means: Vec::new(),
            });
        }
        let Some(one) = all.last_mut() else { continue };
        if row[kind] == Value::Text("seed".to_owned()) {
            one.seeds.push((at, seen));
        } else {
            let interval = row[low].as_number().zip(row[high].as_number());
            one.means.push(Mean {
                batch: at,
                value: seen,
                interval,
            });
        }
    }
    all
}

/// Values that the axis holds: all seeds and means, and intervals as far as twice the spread of
/// the seeds. With two or three seeds an interval can be so wide that it would flatten the rest.
fn visible(series: &[Series<'_>]) -> Vec<f64> {
    let points: Vec<f64> = series
        .iter()
        .flat_map(|one| one.seeds.iter().map(|(_, value)| *value))
        .collect();
    let low = points.iter().copied().fold(f64::INFINITY, f64::min);
    let high = points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let room = 0.5 * (high - low);
    let ends = series
        .iter()
        .flat_map(|one| one.means.iter().filter_map(|mean| mean.interval))
        .flat_map(|(from, to)| [from.max(low - room), to.min(high + room)]);
    points.iter().copied().chain(ends).collect()
}

fn draw_series(scene: &mut Scene, panel: &Panel, one: &Series<'_>, shift: f64) {
    let colour = one.look.colour;
    let at = |x: f64, y: f64| {
        let (x, y) = panel.at(x, y);
        (x + shift, y)
    };
    let line: Vec<_> = one
        .means
        .iter()
        .map(|mean| at(mean.batch, mean.value))
        .collect();
    if line.len() > 1 {
        scene.line(&line, colour, 1.2, one.look.dash);
    }
    for mean in &one.means {
        let Some((low, high)) = mean.interval else {
            continue;
        };
        let (x, bottom) = at(mean.batch, low.max(panel.y.low));
        let (_, top) = at(mean.batch, high.min(panel.y.high));
        scene.line(&[(x, bottom), (x, top)], colour, 0.9, &[]);
        for (end, y, inward) in [
            (low < panel.y.low, bottom, -1.0),
            (high > panel.y.high, top, 1.0),
        ] {
            if end {
                // Cut at the edge: an arrowhead says that it goes on.
                let base = y + 4.0 * inward;
                scene.fill(&[(x, y), (x - 2.2, base), (x + 2.2, base)], colour, 1.0);
            } else {
                scene.line(&[(x - 2.0, y), (x + 2.0, y)], colour, 0.9, &[]);
            }
        }
    }
    for (batch, value) in &one.seeds {
        let (x, y) = at(*batch, *value);
        // Beside the interval, which would hide them.
        scene.marker((x + 4.0, y), one.look.marker, 1.5, colour, 0.5);
    }
    for mean in &one.means {
        scene.marker(
            at(mean.batch, mean.value),
            one.look.marker,
            2.8,
            colour,
            1.0,
        );
    }
}
