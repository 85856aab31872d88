//! PNG files: alpha is left out, of 16 bits the upper 8 are taken, and a gamma or a colour
//! profile changes nothing, as with PIL.

use std::io::{Cursor, ErrorKind};

use png::{ColorType, Decoder, DecodingError, Limits, Transformations};

use super::common::{MOST_PIXELS, without_alpha};
use super::fault::Fault;
use crate::data::images::image::{CHANNELS, Image};

/// Height and width.
pub(super) fn size(bytes: &[u8]) -> Result<[usize; 2], Fault> {
    // The sides are the first two numbers of the first chunk.
    if let Some((sides, _)) = bytes
        .get(16..24)
        .and_then(|text| text.split_first_chunk::<4>())
        && bytes.get(12..16) == Some(b"IHDR")
        && (*sides == [0; 4] || bytes[20..24] == [0; 4])
    {
        let side = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|byte| bytes[at + byte]));
        let (width, height) = (side(16), side(20));
        return Err(Fault::of(format!("it has {width} × {height} pixels")));
    }
    let mut cursor = Cursor::new(bytes);
    let mut decoder = Decoder::new(&mut cursor);
    let found = decoder
        .read_header_info()
        .map(|info| [info.height as usize, info.width as usize]);
    drop(decoder);
    found.map_err(|error| fault(&error, &cursor))
}

/// The bytes of its EXIF tags.
pub(super) fn exif(bytes: &[u8]) -> Option<Vec<u8>> {
    let reader = Decoder::new(Cursor::new(bytes)).read_info().ok()?;
    reader.info().exif_metadata.as_deref().map(<[u8]>::to_vec)
}

pub(super) fn decode(bytes: &[u8]) -> Result<Image, Fault> {
    let mut cursor = Cursor::new(bytes);
    let found = read(&mut cursor);
    found.map_err(|error| fault(&error, &cursor))
}

fn read(cursor: &mut Cursor<&[u8]>) -> Result<Image, DecodingError> {
    let limits = Limits {
        // Eight bytes a pixel, the most that a PNG has.
        bytes: MOST_PIXELS as usize * 8,
    };
    let mut decoder = Decoder::new_with_limits(cursor, limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info()?;
    let mut bytes = vec![
        0;
        reader
            .output_buffer_size()
            .ok_or(DecodingError::LimitsExceeded)?
    ];
    let frame = reader.next_frame(&mut bytes)?;
    reader.finish()?;
    bytes.truncate(frame.buffer_size());
    let bytes = match frame.color_type {
        ColorType::Rgb => bytes,
        ColorType::Rgba => without_alpha(&bytes),
        ColorType::Grayscale => grey(&bytes, 1),
        ColorType::GrayscaleAlpha => grey(&bytes, 2),
        ColorType::Indexed => unreachable!("colours of a palette are looked up by the decoder"),
    };
    Ok(Image {
        height: frame.height as usize,
        width: frame.width as usize,
        bytes,
    })
}

/// The first of every `step` bytes as red, green and blue.
fn grey(bytes: &[u8], step: usize) -> Vec<u8> {
    let pixels = bytes.chunks_exact(step);
    pixels.flat_map(|pixel| [pixel[0]; CHANNELS]).collect()
}

fn fault(error: &DecodingError, cursor: &Cursor<&[u8]>) -> Fault {
    Fault::at(sentence(error), cursor.position())
}

/// What the decoder says, without the names of its types.
fn sentence(error: &DecodingError) -> String {
    let text = match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            return "the file is cut".to_owned();
        }
        DecodingError::Format(error) => error.to_string(),
        error => return error.to_string(),
    };
    if text.starts_with("Corrupt deflate stream") {
        return "compressed pixels are damaged".to_owned();
    }
    // `ChunkType { type: IDAT, critical: true, … }` is what it calls a chunk.
    let chunk = text.split_once("ChunkType { type: ");
    let chunk = chunk.and_then(|(before, rest)| {
        let (name, after) = (rest.split(',').next()?, rest.split_once('}')?.1);
        Some((before, name, after))
    });
    match chunk {
        Some((_, name, _)) if text.starts_with("CRC error") => {
            format!("chunk {name} is damaged: its checksum is another")
        }
        Some((before, name, after)) => format!("no PNG file: {before}{name}{after}"),
        None => format!("no PNG file: {text}"),
    }
    .trim_end_matches('.')
    .to_owned()
}
