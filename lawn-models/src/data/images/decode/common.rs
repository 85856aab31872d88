//! What several decoders need.

use crate::data::images::image::CHANNELS;

/// Pixels above which PIL takes an image for an attack.
pub(super) const MOST_PIXELS: u64 = 178_956_970;

/// Leaves out the fourth of every four bytes.
pub(super) fn without_alpha(bytes: &[u8]) -> Vec<u8> {
    let mut opaque = Vec::with_capacity(bytes.len() / 4 * CHANNELS);
    for pixel in bytes.chunks_exact(4) {
        opaque.extend_from_slice(&pixel[..CHANNELS]);
    }
    opaque
}
