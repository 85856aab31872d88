//! Operations that move pixels.
//!
//! ```text
//! (x_in, y_in) = ⌊A (x + 1/2, y + 1/2, 1)⌋
//! ```
//! with the inverse A of the movement, in whole numbers of 2⁻¹⁶; what lies outside is filled.
//!
//! Sources: torchvision 0.26, `transforms/functional.py` (`_get_inverse_affine_matrix`); Pillow
//! 13.0, `Image.rotate` and `src/libImaging/Geometry.c` (`affine_fixed`).

use crate::data::images::image::{CHANNELS, Image};

/// Rows of A: what x and y, and 1, have in x_in and in y_in.
type Affine = [[f64; 3]; 2];

/// Shifts rows in proportion to y, and columns in proportion to x, from the upper left corner.
pub(super) fn shear(image: &mut Image, by: [f64; 2], fill: u8) {
    // The detour over degrees is torchvision's, and costs bits.
    let [x, y] = by.map(|by| by.atan().to_degrees().to_radians());
    move_by(
        image,
        [[1.0, x.tan(), 0.0], [y.sin() / y.cos(), 1.0, 0.0]],
        fill,
    );
}

/// Moves right and down, by whole pixels.
pub(super) fn translate(image: &mut Image, by: [f64; 2], fill: u8) {
    let [x, y] = by.map(f64::trunc);
    move_by(image, [[1.0, 0.0, -x], [0.0, 1.0, -y]], fill);
}

/// Turns around the middle, against the clock.
pub(super) fn rotate(image: &mut Image, degrees: f64, fill: u8) {
    let angle = -degrees.rem_euclid(360.0).to_radians();
    let (cos, sin) = (to_15_digits(angle.cos()), to_15_digits(angle.sin()));
    let [x, y] = [image.width, image.height].map(|side| side as f64 / 2.0);
    let row = |[of_x, of_y]: [f64; 2], middle: f64| [of_x, of_y, of_x * -x + of_y * -y + middle];
    move_by(image, [row([cos, sin], x), row([-sin, cos], y)], fill);
}

/// Rounded as Python's `round` does.
fn to_15_digits(value: f64) -> f64 {
    format!("{value:.15}").parse().unwrap_or(value)
}

fn move_by(image: &mut Image, [of_x, of_y]: Affine, fill: u8) {
    let fixed = |value: f64| (value * 65_536.0 + 0.5).floor() as i64;
    let start = |row: [f64; 3]| fixed(row[2] + row[0] * 0.5 + row[1] * 0.5);
    let (height, width) = (image.height, image.width);
    let inside = |at: i64, length: usize| {
        usize::try_from(at >> 16)
            .ok()
            .filter(|&place| place < length)
    };
    let mut bytes = vec![fill; image.bytes.len()];
    let (pixels, _) = image.bytes.as_chunks::<CHANNELS>();
    for (y, row) in bytes.chunks_exact_mut(width * CHANNELS).enumerate() {
        let begin = |row: [f64; 3]| start(row) + y as i64 * fixed(row[1]);
        let (mut x_in, mut y_in) = (begin(of_x), begin(of_y));
        let (row, _) = row.as_chunks_mut::<CHANNELS>();
        for pixel in row {
            if let (Some(x), Some(y)) = (inside(x_in, width), inside(y_in, height)) {
                *pixel = pixels[y * width + x];
            }
            x_in += fixed(of_x[0]);
            y_in += fixed(of_y[0]);
        }
    }
    image.bytes = bytes;
}
