//! Images written as JPEG files.

use std::path::Path;

use jpeg_encoder::{ColorType, Encoder};

use super::decode::Fault;
use super::image::Image;
use crate::data::error::DataError;

/// JPEG quality of written images: high, as the noise is part of the task.
const QUALITY: u8 = 95;

/// An image as JPEG.
pub(crate) fn jpeg(image: &Image, quality: u8) -> Result<Vec<u8>, Fault> {
    encoded(&image.bytes, [image.height, image.width], quality)
}

/// Writes `[height, width, 3]` bytes as one file.
pub(crate) fn write(path: &Path, bytes: &[u8], size: [usize; 2]) -> Result<(), DataError> {
    let file = encoded(bytes, size, QUALITY).map_err(|fault| fault.in_file(path))?;
    std::fs::write(path, file).map_err(DataError::write(path))
}

fn encoded(bytes: &[u8], size: [usize; 2], quality: u8) -> Result<Vec<u8>, Fault> {
    let [height, width] = size.map(u16::try_from);
    let (Ok(height), Ok(width)) = (height, width) else {
        return Err(Fault::of("it has more than 65535 pixels a side"));
    };
    let mut file = Vec::new();
    Encoder::new(&mut file, quality)
        .encode(bytes, width, height, ColorType::Rgb)
        .map_err(|error| Fault::of(error.to_string()))?;
    Ok(file)
}
