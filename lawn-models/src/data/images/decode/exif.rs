//! How an image is to be turned, as EXIF tags say it.
//!
//! Source: CIPA DC-008 (EXIF 2.32), tag 0x0112, values 1 to 8.

use crate::data::images::image::Image;

/// The tag of the orientation.
const ORIENTATION: u16 = 0x0112;

/// The orientation of a JPEG file, where its header has one.
pub(super) fn of_jpeg(bytes: &[u8]) -> Option<u8> {
    let mut at = 2;
    loop {
        let marker = bytes.get(at..at + 4)?;
        // Nothing that follows the start of the image's own data is a header.
        if marker[0] != 0xFF || marker[1] == 0xDA {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([marker[2], marker[3]]));
        let segment = bytes.get(at + 4..at + 2 + length)?;
        if let Some(tags) = segment
            .strip_prefix(b"Exif\0\0")
            .filter(|_| marker[1] == 0xE1)
        {
            return orientation(tags);
        }
        at += 2 + length;
    }
}

/// The orientation among tags, which are those of a TIFF file: 1 to 8.
pub(super) fn orientation(tags: &[u8]) -> Option<u8> {
    let is_little = match tags.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| -> Option<u16> {
        let two = tags.get(at..at + 2)?.try_into().ok()?;
        Some(if is_little {
            u16::from_le_bytes(two)
        } else {
            u16::from_be_bytes(two)
        })
    };
    let long = |at: usize| -> Option<u32> {
        let (first, second) = (u32::from(short(at)?), u32::from(short(at + 2)?));
        Some(if is_little {
            second << 16 | first
        } else {
            first << 16 | second
        })
    };
    let directory = long(4)? as usize;
    let count = usize::from(short(directory)?);
    let entry = (0..count).find_map(|number| {
        let at = directory + 2 + 12 * number;
        (short(at)? == ORIENTATION).then_some(at)
    })?;
    let value = short(entry + 8)?;
    u8::try_from(value)
        .ok()
        .filter(|value| (1..=8).contains(value))
}

/// The image as it is to be shown.
pub(super) fn turned(image: Image, orientation: u8) -> Image {
    let (height, width) = (image.height, image.width);
    let [bottom, right] = [height.max(1) - 1, width.max(1) - 1];
    let same = [height, width];
    let other = [width, height];
    match orientation {
        2 => image.placed(same, |y, x| [y, right - x]),
        3 => image.placed(same, |y, x| [bottom - y, right - x]),
        4 => image.placed(same, |y, x| [bottom - y, x]),
        5 => image.placed(other, |y, x| [x, y]),
        6 => image.placed(other, |y, x| [bottom - x, y]),
        7 => image.placed(other, |y, x| [bottom - x, right - y]),
        8 => image.placed(other, |y, x| [x, right - y]),
        _ => image,
    }
}
