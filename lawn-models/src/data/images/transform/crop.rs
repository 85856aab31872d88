//! Parts of images, as torchvision chooses them.
//!
//! Source: torchvision 0.26, `transforms/transforms.py` (`RandomResizedCrop.get_params`) and
//! `transforms/functional.py` (`center_crop`, `_compute_resized_output_size`).

use crate::data::images::image::Region;
use crate::data::images::numbers::Numbers;

/// Least and most width by height of a random part.
const RATIO: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];

/// Random parts that are tried before the middle is taken.
const TRIES: usize = 10;

/// A random part of an image of `[height, width]`: `smallest` to all of its area, with sides in
/// a ratio of 3:4 to 4:3, uniform in its logarithm.
pub(super) fn random(
    [height, width]: [usize; 2],
    smallest: f64,
    numbers: &mut impl Numbers,
) -> Region {
    let area = (height * width) as f64;
    let [least, most] = RATIO.map(|ratio| (ratio as f32).ln());
    for _ in 0..TRIES {
        let share = f64::from(between(smallest as f32, 1.0, numbers.unit()));
        let ratio = f64::from(between(least, most, numbers.unit()).exp());
        let side = |square: f64| square.sqrt().round_ties_even() as usize;
        let part_width = side(area * share * ratio);
        let part_height = side(area * share / ratio);
        if (1..=width).contains(&part_width) && (1..=height).contains(&part_height) {
            let top = numbers.below(height - part_height + 1);
            let left = numbers.below(width - part_width + 1);
            return Region {
                left,
                top,
                width: part_width,
                height: part_height,
            };
        }
    }
    middle([height, width])
}

/// Uniform from `from` to `to`, in the order of torch's operations on f32.
fn between(from: f32, to: f32, unit: f32) -> f32 {
    unit * (to - from) + from
}

/// The middle of an image, cut to a ratio that is allowed.
fn middle([height, width]: [usize; 2]) -> Region {
    let ratio = width as f64 / height as f64;
    let round = |value: f64| value.round_ties_even() as usize;
    let [part_height, part_width] = if ratio < RATIO[0] {
        [round(width as f64 / RATIO[0]), width]
    } else if ratio > RATIO[1] {
        [height, round(height as f64 * RATIO[1])]
    } else {
        [height, width]
    };
    Region {
        left: (width - part_width) / 2,
        top: (height - part_height) / 2,
        width: part_width,
        height: part_height,
    }
}

/// The size of an image of `[height, width]` whose shorter side becomes `side`.
pub(super) fn resized([height, width]: [usize; 2], side: usize) -> [usize; 2] {
    let (short, long) = (height.min(width), height.max(width));
    let other = (side as f64 * long as f64 / short as f64) as usize;
    if width <= height {
        [other, side]
    } else {
        [side, other]
    }
}

/// `side` × `side` pixels of the middle.
///
/// # Panics
/// If the image is smaller.
pub(super) fn centre([height, width]: [usize; 2], side: usize) -> Region {
    let start = |length: usize| ((length - side) as f64 / 2.0).round_ties_even() as usize;
    Region {
        left: start(width),
        top: start(height),
        width: side,
        height: side,
    }
}
