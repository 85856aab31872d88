//! Critical-difference diagram: mean ranks on a line, and bars over those that do not differ.

use super::font::{self, SMALL};
use super::palette::{INK, Looks, MUTED};
use super::panel::legible;
use super::scene::{Anchor, Label, Scene};
use crate::tables::RankRow;

/// Height of a row whose name takes one line.
const ROW: f64 = 14.0;

/// An arm with its mean rank. Its name stands on one side of the line.
struct Arm {
    name: String,
    rank: f64,
    lines: Vec<String>,
}

/// Draws the rows of [`crate::tables::ranks`].
pub(crate) fn draw(rows: &[RankRow], looks: &Looks, width: f64) -> Scene {
    let widest = rows
        .iter()
        .map(|row| font::width(&row.arm, SMALL, false))
        .fold(0.0, f64::max);
    let side = (widest + 16.0).min(0.32 * width);
    let arm = |row: &RankRow| Arm {
        name: row.arm.clone(),
        rank: row.mean_rank,
        lines: font::wrap(&row.arm, SMALL, false, side - 13.0),
    };
    let mut arms: Vec<Arm> = rows.iter().map(arm).collect();
    arms.sort_by(|a, b| a.rank.total_cmp(&b.rank));
    let critical = rows.first().map_or(0.0, |row| row.critical_difference);
    let groups = groups(
        &arms.iter().map(|arm| arm.rank).collect::<Vec<_>>(),
        critical,
    );

    let count = arms.len();
    // The better half is named on the left and the other on the right, so that no lines cross.
    let (better, worse) = arms.split_at(count.div_ceil(2));
    let row_height = |arm: &Arm| ROW + font::leading(SMALL) * (arm.lines.len().max(1) - 1) as f64;
    let tall = |arms: &[Arm]| arms.iter().map(row_height).sum::<f64>();
    let (left, right) = (side, width - side);
    let at = |rank: f64| left + (rank - 1.0) / (count.max(2) - 1) as f64 * (right - left);
    let axis = 46.0;
    let bars = axis + 8.0;
    let first = bars + 6.0 * groups.len() as f64 + 6.0;
    let mut scene = Scene::new(width, first + tall(better).max(tall(worse)) + 2.0);
    scene.line(&[(left, axis), (right, axis)], INK, 0.8, &[]);
    let ticks: Vec<(f64, String)> = (1..=count)
        .map(|tick| (at(tick as f64), tick.to_string()))
        .collect();
    let labels: Vec<(f64, &str)> = ticks
        .iter()
        .map(|(x, label)| (*x, label.as_str()))
        .collect();
    for index in legible(&labels, 4.0) {
        let (x, label) = labels[index];
        scene.line(&[(x, axis), (x, axis - 4.0)], INK, 0.8, &[]);
        scene.text(Label::small(label, (x, axis - 7.0), Anchor::Middle));
    }
    // The critical difference, drawn to the scale of the axis, with its words above it.
    let (ruler, end) = (18.0, at(1.0 + critical).min(width - 4.0));
    scene.line(&[(left, ruler), (end, ruler)], INK, 1.2, &[]);
    for x in [left, end] {
        scene.line(&[(x, ruler - 3.0), (x, ruler + 3.0)], INK, 1.2, &[]);
    }
    let words = format!("critical difference {critical:.2}");
    scene.text(Label::small(words, (left, ruler - 6.0), Anchor::Start));
    for (row, (from, to)) in groups.iter().enumerate() {
        let y = bars + 6.0 * row as f64;
        scene.line(&[(at(*from) - 3.0, y), (at(*to) + 3.0, y)], INK, 2.4, &[]);
    }
    let sides = [
        (better.iter().collect::<Vec<_>>(), Anchor::End, left, -1.0),
        (worse.iter().rev().collect(), Anchor::Start, right, 1.0),
    ];
    for (arms, anchor, edge, outward) in sides {
        let mut top = first;
        for arm in arms {
            let y = top + 0.5 * row_height(arm);
            let x = at(arm.rank);
            let path = [(x, axis), (x, y), (edge + 6.0 * outward, y)];
            scene.line(&path, MUTED, 0.7, &[]);
            let look = looks.of(&arm.name);
            scene.marker((x, axis), look.marker, 2.8, look.colour, 1.0);
            let rise = 0.5 * (row_height(arm) - ROW);
            let at = (edge + 9.0 * outward, y + 0.36 * SMALL - rise);
            scene.paragraph(&arm.lines, &Label::small("", at, anchor));
            top += row_height(arm);
        }
    }
    scene
}

/// The longest runs of sorted ranks that lie within the critical difference.
fn groups(ranks: &[f64], critical: f64) -> Vec<(f64, f64)> {
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for from in 0..ranks.len() {
        let to = ranks.partition_point(|rank| rank - ranks[from] <= critical) - 1;
        let inside = groups.last().is_some_and(|(_, end)| *end >= to);
        if to > from && !inside {
            groups.push((from, to));
        }
    }
    groups
        .into_iter()
        .map(|(from, to)| (ranks[from], ranks[to]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::groups;

    #[test]
    fn bars_cover_the_longest_runs_only() {
        let ranks = [1.0, 1.5, 2.0, 4.0, 4.5];
        assert_eq!(groups(&ranks, 1.0), [(1.0, 2.0), (4.0, 4.5)]);
        assert_eq!(groups(&ranks, 0.1), []);
        assert_eq!(groups(&ranks, 9.0), [(1.0, 4.5)]);
    }
}
