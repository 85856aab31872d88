//! A sheet of images as a network is given them, to be looked at.

use tch::{Kind, Tensor};

use super::image::{CHANNELS, Image};
use super::pixels::Statistics;
use super::sets::Sets;
use crate::data::dataset::Dataset;
use crate::data::error::DataError;

/// Images a row.
const COLUMNS: u64 = 8;

/// Rows of validation images, and of train images.
const ROWS: [u64; 2] = [1, 5];

/// Pixels between images.
const GAP: usize = 2;

/// The first validation images as they are measured, and below them the first train images of
/// an epoch.
///
/// # Errors
/// [`DataError`] naming the file that cannot be read.
pub(crate) fn sheet(sets: &Sets, epoch: u64) -> Result<Image, DataError> {
    let first = |set: &dyn Dataset, rows: u64| -> Result<Vec<Image>, DataError> {
        let batch = set.batch(0..set.len().min(rows * COLUMNS), epoch)?;
        Ok(images(&batch.inputs[0], &sets.statistics))
    };
    let rows = [
        first(&*sets.measured[1], ROWS[0])?,
        first(&*sets.train, ROWS[1])?,
    ];
    let side = |of: fn(&Image) -> usize| rows[1].first().map_or(0, of) + GAP;
    let (height, width) = (side(|image| image.height), side(|image| image.width));
    let lines: Vec<&[Image]> = rows
        .iter()
        .flat_map(|images| images.chunks(COLUMNS as usize))
        .collect();
    let mut sheet = Image {
        height: lines.len() * height,
        width: COLUMNS as usize * width,
        bytes: vec![255; lines.len() * height * COLUMNS as usize * width * CHANNELS],
    };
    for (line, images) in lines.into_iter().enumerate() {
        for (column, image) in images.iter().enumerate() {
            for y in 0..image.height {
                let place = (line * height + y) * sheet.width + column * width;
                let row = image.width * CHANNELS;
                sheet.bytes[place * CHANNELS..][..row]
                    .copy_from_slice(&image.bytes[y * row..][..row]);
            }
        }
    }
    Ok(sheet)
}

/// Normalized values, `[N, 3, height, width]`, as images again.
fn images(values: &Tensor, statistics: &Statistics) -> Vec<Image> {
    let along = |values: [f64; CHANNELS]| {
        Tensor::from_slice(&values)
            .to_kind(Kind::Float)
            .view([1, CHANNELS as i64, 1, 1])
    };
    let bytes = (values * along(statistics.deviation) + along(statistics.mean)) * 255.0;
    let bytes = bytes.round().clamp(0.0, 255.0).to_kind(Kind::Uint8);
    let bytes = bytes.permute([0, 2, 3, 1]).contiguous();
    let size = bytes.size();
    (0..size[0])
        .map(|number| Image {
            height: size[1] as usize,
            width: size[2] as usize,
            bytes: Vec::try_from(bytes.get(number).reshape([-1])).unwrap_or_default(),
        })
        .collect()
}

/// An image as a PNG file.
///
/// # Errors
/// [`DataError::Image`] where it has no pixels.
pub(crate) fn png(image: &Image) -> Result<Vec<u8>, DataError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, image.width as u32, image.height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&image.bytes));
    match written {
        Ok(()) => Ok(file),
        Err(error) => Err(DataError::Image {
            path: "sheet".into(),
            reason: error.to_string(),
        }),
    }
}
