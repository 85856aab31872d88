//! Images written as JPEG files.

use std::path::Path;

use jpeg_encoder::{ColorType, Encoder};

use crate::data::error::DataError;

/// JPEG quality of written images: high, as the noise is part of the task.
const QUALITY: u8 = 95;

/// Writes `[height, width, 3]` bytes as one file.
pub(crate) fn write(
    path: &Path,
    bytes: &[u8],
    [height, width]: [usize; 2],
) -> Result<(), DataError> {
    let mut file = Vec::new();
    Encoder::new(&mut file, QUALITY)
        .encode(bytes, width as u16, height as u16, ColorType::Rgb)
        .map_err(|error| DataError::Image {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    std::fs::write(path, file).map_err(DataError::write(path))
}
