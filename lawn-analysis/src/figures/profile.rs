//! Performance profile: the part of runs above each score.

use super::axis::Axis;
use super::legend::Entry;
use super::palette::Looks;
use super::panel::chart;
use super::scene::Scene;
use super::series::{Series, by_arm, names};
use crate::tables::Table;

/// Draws the table of [`crate::tables::profile`].
pub(crate) fn draw(table: &Table, looks: &Looks, width: f64) -> Scene {
    let arms: Vec<Series<2>> = by_arm(table, ["threshold", "share"], |_| true);
    let scores = arms.iter().flat_map(Series::whole).map(|[score, _]| score);
    let mut shares = Axis::from_zero([1.0].into_iter(), 6);
    // The top line of the profile lies at 1 and is to be seen whole.
    shares.high = 1.04;
    let axes = [Axis::linear(scores, (width / 60.0) as usize), shares];
    let entries = Entry::arms(names(&arms), looks);
    let (mut scene, panel) = chart(width, entries, axes, ["score", "share of runs above"]);
    for arm in &arms {
        let look = looks.of(&arm.arm);
        let points: Vec<[f64; 2]> = arm.whole().collect();
        // Shares change at single scores: steps, not slopes.
        let mut line = Vec::with_capacity(2 * points.len());
        for pair in points.windows(2) {
            line.push(panel.at(pair[0][0], pair[0][1]));
            line.push(panel.at(pair[1][0], pair[0][1]));
        }
        line.extend(points.last().map(|point| panel.at(point[0], point[1])));
        scene.line(&line, look.colour, 1.3, look.dash);
        // A marker at the middle of its fall tells the lines apart without colour.
        if let Some(middle) = points.iter().find(|point| point[1] <= 0.5) {
            let at = panel.at(middle[0], middle[1]);
            scene.marker(at, look.marker, 2.6, look.colour, 1.0);
        }
    }
    scene
}
