//! One image as a JPEG file.

use std::path::Path;

use jpeg_encoder::{ColorType, Encoder};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::data::error::DataError;

/// Bytes a pixel: red, green, blue.
pub(crate) const CHANNELS: usize = 3;

/// JPEG quality of written images: high, as the noise is part of the task.
const QUALITY: u8 = 95;

/// An image in memory.
pub(crate) struct Image {
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// `[height, width, 3]`, 0 to 255, rows from the top.
    pub(crate) bytes: Vec<u8>,
}

/// Reads one file as red, green and blue, grey ones included.
pub(crate) fn read(path: &Path) -> Result<Image, DataError> {
    let file = std::fs::read(path).map_err(DataError::read(path))?;
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    let refuse = |reason: String| DataError::Image {
        path: path.to_owned(),
        reason,
    };
    let bytes = decoder
        .decode()
        .map_err(|error| refuse(format!("{error:?}")))?;
    let info = decoder
        .info()
        .ok_or_else(|| refuse("no header".to_owned()))?;
    let (height, width) = (usize::from(info.height), usize::from(info.width));
    if bytes.len() != height * width * CHANNELS {
        let expected = height * width * CHANNELS;
        return Err(refuse(format!(
            "{} bytes, expected {expected}",
            bytes.len()
        )));
    }
    Ok(Image {
        height,
        width,
        bytes,
    })
}

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
