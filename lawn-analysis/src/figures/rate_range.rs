//! The loss over the learning rate of range tests.

use super::axis::Axis;
use super::export::Drawing;
use super::figure::WIDE;
use super::legend::Entry;
use super::palette::{INK, look};
use super::panel::chart;
use super::scene::Scene;
use crate::error::Error;

/// The most losses above the start that an axis shows, in parts of the fall.
const ABOVE: f64 = 0.6;

/// One range test, as it is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RateCurve {
    /// What the legend calls it.
    pub name: String,
    /// Learning rate and smoothed loss of each step, in order.
    pub points: Vec<(f64, f64)>,
    /// Learning rates that are marked: where the loss falls fastest, and a tenth of that where it
    /// is least.
    pub marked: [Option<f64>; 2],
}

/// Draws range tests into one figure, as PNG. A filled marker is where a loss falls fastest, a ring
/// at a tenth of the rate where it is least.
///
/// # Errors
///
/// [`Error::Figure`] where it cannot be drawn.
pub fn rate_range_png(curves: &[RateCurve]) -> Result<Vec<u8>, Error> {
    let scene = draw(curves, WIDE);
    let svg = scene.to_svg("Rate-range test", "Smoothed loss over the learning rate.");
    Drawing::parse("rate-range", &svg, scene.size())?.png()
}

fn draw(curves: &[RateCurve], width: f64) -> Scene {
    let points = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let losses = || {
        points()
            .map(|(_, loss)| loss)
            .filter(|loss| loss.is_finite())
    };
    let least = losses().fold(f64::INFINITY, f64::min);
    let first = curves.iter().filter_map(|curve| curve.points.first());
    let first = first.map(|point| point.1).fold(least, f64::max);
    // What has diverged leaves through the upper edge.
    let most = first + ABOVE * (first - least);
    let shown = losses().map(|loss| loss.min(most));
    let axes = [
        Axis::log(points().map(|(rate, _)| rate), 10),
        Axis::linear(shown, 6),
    ];
    let mut entries: Vec<Entry> = (curves.iter().enumerate())
        .map(|(index, curve)| Entry::series(curve.name.clone(), look(index)))
        .collect();
    entries.push(Entry::hollow("a tenth of the minimum", INK));
    let (mut scene, panel) = chart(
        width,
        entries,
        axes,
        ["learning rate", "smoothed train loss"],
    );
    let place = |(rate, loss): (f64, f64)| panel.at(rate, panel.inside(loss).0);
    // Before they part, curves lie on one another: dashes go over whole lines, which show in the gaps.
    let mut order: Vec<usize> = (0..curves.len()).collect();
    order.sort_by_key(|&index| !look(index).dash.is_empty());
    for index in order {
        let (look, curve) = (look(index), &curves[index]);
        let inside = curve.points.iter().take_while(|(_, loss)| *loss <= most);
        let line: Vec<_> = inside.copied().map(place).collect();
        scene.line(&line, look.colour, 1.2, look.dash);
    }
    for (index, curve) in curves.iter().enumerate() {
        let look = look(index);
        let at = |rate: f64| {
            let apart = |point: &(f64, f64)| (point.0 / rate).ln().abs();
            let points = curve.points.iter();
            points
                .min_by(|one, other| apart(one).total_cmp(&apart(other)))
                .copied()
        };
        let [steepest, tenth] = curve.marked.map(|rate| rate.and_then(at));
        if let Some(point) = steepest {
            scene.marker(place(point), look.marker, 2.6, look.colour, 1.0);
        }
        if let Some(point) = tenth {
            scene.open_marker(place(point), look.marker, 2.6, look.colour);
        }
    }
    scene
}

#[cfg(test)]
mod tests {
    use plotters::style::RGBColor;

    use super::*;

    #[test]
    fn a_diverged_loss_leaves_the_others_their_height() {
        let curve = |name: &str, end: f64| RateCurve {
            name: name.to_owned(),
            points: vec![(1e-4, 1.0), (1e-3, 0.8), (1e-2, 0.5), (1e-1, end)],
            marked: [Some(1e-3), Some(1e-2 / 10.0)],
        };
        let png = rate_range_png(&[curve("a", 0.6), curve("b", 1e9)]).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
        // One that has no step is no reason to fail.
        rate_range_png(&[RateCurve::default()]).unwrap();
    }

    /// The fifth is a whole line, the second has dashes, and all are the same curve.
    #[test]
    fn a_whole_line_does_not_cover_dashes() {
        let curve = RateCurve {
            name: "a".to_owned(),
            points: vec![(1e-4, 1.0), (1e-3, 0.8), (1e-2, 0.5)],
            marked: [None; 2],
        };
        let curves: Vec<RateCurve> = std::iter::repeat_n(curve, 5).collect();
        let svg = draw(&curves, WIDE).to_svg("", "");
        let last = |index: usize| {
            let RGBColor(red, green, blue) = look(index).colour;
            let colour = format!("#{red:02x}{green:02x}{blue:02x}");
            let place = svg.to_lowercase().rfind(&colour);
            place.unwrap_or_else(|| panic!("{colour} is not in: {svg}"))
        };
        assert!(last(4) < last(1));
        assert!(last(0) < last(4));
    }
}
