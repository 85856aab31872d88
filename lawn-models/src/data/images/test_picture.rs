//! Images that tests and goldens make by the same formula.

use super::image::{CHANNELS, Image};

/// As in `goldens/transforms.py`.
pub(super) fn picture(kind: &str, [height, width]: [usize; 2]) -> Image {
    let mut bytes = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for c in 0..CHANNELS {
                bytes.push(match kind {
                    "checkerboard" => 255 * ((x + y) % 2),
                    "waves" => (x * 7 + y * 3 + c * 50) % 256,
                    "noise" => (x * 40_503 + y * 30_011 + c * 12_345) % 65_521 % 256,
                    other => panic!("{other}"),
                } as u8);
            }
        }
    }
    Image {
        height,
        width,
        bytes,
    }
}
