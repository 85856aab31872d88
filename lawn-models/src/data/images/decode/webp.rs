//! WebP files, of which alpha is left out. Of one that moves the first picture is read, as of a PNG
//! that does, and as PIL reads both.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::common::without_alpha;
use super::fault::Fault;
use crate::data::images::image::Image;

/// Bytes before those that the length at the file's beginning counts.
const BEFORE: u64 = 8;

fn open(bytes: &[u8]) -> Result<WebPDecoder<Cursor<&[u8]>>, Fault> {
    let length = bytes.get(4..8).map_or(0, |length| {
        u64::from(u32::from_le_bytes([
            length[0], length[1], length[2], length[3],
        ]))
    });
    if length + BEFORE > bytes.len() as u64 {
        let expected = length + BEFORE;
        return Err(Fault::at(
            format!("it ends early; its header says {expected} bytes"),
            bytes.len() as u64,
        ));
    }
    WebPDecoder::new(Cursor::new(bytes)).map_err(fault)
}

/// Height and width.
pub(super) fn size(bytes: &[u8]) -> Result<[usize; 2], Fault> {
    let (width, height) = open(bytes)?.dimensions();
    Ok([height as usize, width as usize])
}

/// The bytes of its EXIF tags.
pub(super) fn exif(bytes: &[u8]) -> Option<Vec<u8>> {
    open(bytes).ok()?.exif_metadata().ok()?
}

pub(super) fn decode(bytes: &[u8]) -> Result<Image, Fault> {
    let mut decoder = open(bytes)?;
    let (width, height) = decoder.dimensions();
    let size = decoder.output_buffer_size().unwrap_or_default();
    let mut pixels = vec![0; size];
    decoder.read_image(&mut pixels).map_err(fault)?;
    if decoder.has_alpha() {
        pixels = without_alpha(&pixels);
    }
    Ok(Image {
        height: height as usize,
        width: width as usize,
        bytes: pixels,
    })
}

fn fault(error: DecodingError) -> Fault {
    Fault::of(error.to_string())
}
