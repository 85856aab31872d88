//! Critical-difference diagram: mean ranks on a line, bars over those that do not differ.

use super::font;
use super::palette::{INK, MUTED, look};
use super::panel::SMALL;
use super::scene::{Anchor, Label, Point, Scene};
use crate::tables::Table;

/// Draws the table of [`crate::tables::ranks`].
pub(crate) fn draw(table: &Table, width: f64) -> Scene {
    let [arm, rank, difference] =
        ["arm", "mean_rank", "critical_difference"].map(|name| table.column(name));
    let mut arms: Vec<(usize, String, f64)> = table
        .rows()
        .iter()
        .enumerate()
        .filter_map(|(index, row)| Some((index, row[arm].shown(), row[rank].as_number()?)))
        .collect();
    arms.sort_by(|a, b| a.2.total_cmp(&b.2));
    let critical = table
        .rows()
        .first()
        .and_then(|row| row[difference].as_number())
        .unwrap_or(0.0);
    let groups = groups(&arms.iter().map(|arm| arm.2).collect::<Vec<_>>(), critical);

    let count = arms.len();
    let half = count.div_ceil(2);
    let widest = arms
        .iter()
        .map(|arm| font::width(&arm.1, SMALL, false))
        .fold(0.0, f64::max);
    let side = (widest + 16.0).min(0.3 * width);
    let (left, right) = (side, width - side);
    let at = |rank: f64| left + (rank - 1.0) / (count.max(2) - 1) as f64 * (right - left);
    let axis = 42.0;
    let bars = axis + 8.0;
    let first = bars + 6.0 * groups.len() as f64 + 12.0;
    let height = first + 14.0 * half as f64 + 2.0;
    let mut scene = Scene::new(width, height);
    let text = |text: &str, at: Point, anchor: Anchor| Label {
        text: text.to_owned(),
        at,
        size: SMALL,
        anchor,
        bold: false,
        upright: false,
        colour: INK,
    };
    scene.line(&[(left, axis), (right, axis)], INK, 0.8, &[]);
    for tick in 1..=count {
        let x = at(tick as f64);
        scene.line(&[(x, axis), (x, axis - 4.0)], INK, 0.8, &[]);
        scene.text(text(&tick.to_string(), (x, axis - 7.0), Anchor::Middle));
    }
    let span = [(left, 12.0), (at(1.0 + critical), 12.0)];
    scene.line(&span, INK, 1.2, &[]);
    for end in span {
        scene.line(&[(end.0, 9.0), (end.0, 15.0)], INK, 1.2, &[]);
    }
    let words = format!("critical difference {critical:.2}");
    scene.text(text(
        &words,
        (span[1].0 + 6.0, 12.0 + 0.36 * SMALL),
        Anchor::Start,
    ));
    for (row, (from, to)) in groups.iter().enumerate() {
        let y = bars + 6.0 * row as f64;
        scene.line(&[(at(*from) - 3.0, y), (at(*to) + 3.0, y)], INK, 2.4, &[]);
    }
    for (place, (index, name, rank)) in arms.iter().enumerate() {
        // The better half is named on the left, the other on the right, so that no line crosses.
        let better = place < half;
        let row = if better { place } else { count - 1 - place };
        let y = first + 14.0 * row as f64;
        let x = at(*rank);
        let (end, anchor, edge) = if better {
            (left - 6.0, Anchor::End, left - 9.0)
        } else {
            (right + 6.0, Anchor::Start, right + 9.0)
        };
        scene.line(&[(x, axis), (x, y), (end, y)], MUTED, 0.7, &[]);
        scene.marker(
            (x, axis),
            look(*index).marker,
            2.8,
            look(*index).colour,
            1.0,
        );
        scene.text(text(name, (edge, y + 0.36 * SMALL), anchor));
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
