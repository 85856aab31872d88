//! Performance profile: the share of runs above each score, with its band where arms are few.

use super::axis::Axis;
use super::legend::Entry;
use super::palette::Looks;
use super::panel::{Panel, chart};
use super::scene::{Point, Scene};
use super::series::{MOST_BANDS, Series, by_arm, names};
use crate::tables::ProfileRow;

/// Draws the rows of [`crate::tables::profile`], on an axis that holds `whole`; `score` says what a
/// score is.
pub(crate) fn draw(
    rows: &[ProfileRow],
    whole: &[ProfileRow],
    score: &str,
    looks: &Looks,
    width: f64,
) -> Scene {
    let arms: Vec<Series<4>> = by_arm(rows, |row| {
        let numbers = [row.threshold, row.share, row.band.low, row.band.high];
        Some(numbers.map(Some))
    });
    let scores = whole.iter().map(|row| row.threshold);
    let mut shares = Axis::from_zero([1.0].into_iter(), 6);
    // The top line of the profile lies at 1 and must be visible.
    shares.high = 1.04;
    let axes = [Axis::linear(scores, (width / 60.0) as usize), shares];
    let entries = Entry::arms(names(&arms), looks);
    let (mut scene, panel) = chart(width, entries, axes, [score, "share of runs above"]);
    let points = |arm: &Series<4>| arm.whole().collect::<Vec<[f64; 4]>>();
    let with_bands = if arms.len() > MOST_BANDS {
        &[]
    } else {
        &arms[..]
    };
    for arm in with_bands {
        let points = points(arm);
        let mut band = steps(&panel, &points, 3);
        band.extend(steps(&panel, &points, 2).into_iter().rev());
        scene.fill(&band, looks.of(&arm.arm).colour, 0.13);
    }
    for arm in &arms {
        let look = looks.of(&arm.arm);
        let points = points(arm);
        scene.line(&steps(&panel, &points, 1), look.colour, 1.3, look.dash);
        // Markers along its fall tell the lines apart without colour.
        let mut marked = None;
        for share in [0.75, 0.5, 0.25] {
            let reached = points.iter().position(|point| point[1] <= share);
            if reached != marked
                && let Some(index) = reached
            {
                let at = panel.at(points[index][0], points[index][1]);
                scene.marker(at, look.marker, 2.6, look.colour, 1.0);
            }
            marked = reached;
        }
    }
    scene
}

/// The line as steps: a share changes at single scores.
fn steps(panel: &Panel, points: &[[f64; 4]], which: usize) -> Vec<Point> {
    let mut line = Vec::with_capacity(2 * points.len());
    for pair in points.windows(2) {
        line.push(panel.at(pair[0][0], pair[0][which]));
        line.push(panel.at(pair[1][0], pair[0][which]));
    }
    line.extend(points.last().map(|point| panel.at(point[0], point[which])));
    line
}
