//! From the bytes of a file to red, green and blue.
//!
//! A file is what its first bytes say, whatever its name. What a decoder would go on after with
//! made-up pixels is an error here: a file is read whole, or it is refused.

mod common;
mod exif;
mod fault;
mod jpeg;
mod png;
#[cfg(test)]
mod tests;
mod webp;

pub use fault::Fault;

use super::image::{Image, PixelRows, Region};
use common::MOST_PIXELS;
use jpeg::Decoded;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Jpeg,
    Png,
    WebP,
}

/// Formats that are known and not read, by their first bytes.
const NOT_READ: &[(&[u8], &str)] = &[
    (
        b"version https://git-lfs",
        "a Git LFS pointer in place of the file, which `git lfs pull` gets",
    ),
    (b"BM", "a BMP file"),
    (b"GIF8", "a GIF file"),
    (b"II*\0", "a TIFF file"),
    (b"MM\0*", "a TIFF file"),
    (b"\xFF\x0A", "a JPEG XL file"),
    (b"\0\0\0\x0CJXL ", "a JPEG XL file"),
    (b"\0\0\0\x0CjP  ", "a JPEG 2000 file"),
    (b"P5", "a PGM file"),
    (b"P6", "a PPM file"),
    (b"<svg", "an SVG file"),
    (b"<?xml", "an XML file"),
    (b"<!DOCTYPE", "an HTML file"),
    (b"<html", "an HTML file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1F\x8B", "a gzip file"),
    (b"%PDF", "a PDF file"),
];

impl Format {
    /// What `bytes` begin as.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
            return Ok(Self::Jpeg);
        }
        if bytes.starts_with(b"\x89PNG\r\n\x1A\n") {
            return Ok(Self::Png);
        }
        if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            return Ok(Self::WebP);
        }
        let found = match bytes {
            [] => "an empty file",
            _ if bytes.get(4..8) == Some(b"ftyp") => "an AVIF, HEIC or MP4 file",
            _ => NOT_READ
                .iter()
                .find(|(start, _)| bytes.starts_with(start))
                .map_or("no image", |(_, name)| name),
        };
        let allowed = "JPEG, PNG and WebP are read";
        Err(Fault::of(format!("it is {found}; {allowed}")))
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
        }
    }
}

/// The bytes of a file of which the header was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoded<'a> {
    bytes: &'a [u8],
    format: Format,
    /// As stored: height and width.
    stored: [usize; 2],
    /// As EXIF numbers it; 1 where the image is shown as it is stored.
    orientation: u8,
}

impl<'a> Encoded<'a> {
    /// Reads the header. With `exif` the image is turned as its file says.
    pub(crate) fn open(bytes: &'a [u8], exif: bool) -> Result<Self, Fault> {
        let format = Format::of(bytes)?;
        let stored = match format {
            Format::Jpeg => jpeg::size(bytes),
            Format::Png => png::size(bytes),
            Format::WebP => webp::size(bytes),
        }?;
        if stored.map(|side| side as u64).iter().product::<u64>() > MOST_PIXELS {
            let [height, width] = stored;
            return Err(Fault::of(format!(
                "it has {width} × {height} pixels; {MOST_PIXELS} in all are allowed"
            )));
        }
        let orientation = if exif {
            match format {
                Format::Jpeg => exif::of_jpeg(bytes),
                Format::Png => png::exif(bytes).and_then(|tags| exif::orientation(&tags)),
                Format::WebP => webp::exif(bytes).and_then(|tags| exif::orientation(&tags)),
            }
        } else {
            None
        };
        Ok(Self {
            bytes,
            format,
            stored,
            orientation: orientation.unwrap_or(1),
        })
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Height and width as it is shown.
    pub(crate) fn size(&self) -> [usize; 2] {
        let [height, width] = self.stored;
        if self.orientation > 4 {
            [width, height]
        } else {
            [height, width]
        }
    }

    /// All of it, and a fault where any of the file is missing or wrong.
    pub(crate) fn decode(&self) -> Result<Image, Fault> {
        let image = match self.format {
            Format::Jpeg => {
                let mut bytes = Vec::new();
                jpeg::decode(self.bytes, self.all(), &mut bytes)?;
                let [height, width] = self.stored;
                Ok(Image {
                    height,
                    width,
                    bytes,
                })
            }
            Format::Png => png::decode(self.bytes),
            Format::WebP => webp::decode(self.bytes),
        }?;
        Ok(exif::turned(image, self.orientation))
    }

    fn all(&self) -> Decoded {
        Decoded {
            region: Region::whole(self.stored),
            width: self.stored[1],
            eighths: 8,
            whole: true,
        }
    }

    /// As [`decode`](Self::decode), in memory that is used again.
    pub(crate) fn whole<'to>(&self, to: &'to mut Vec<u8>) -> Result<PixelRows<'to>, Fault> {
        if self.is_reducible() {
            return jpeg::decode(self.bytes, self.all(), to);
        }
        *to = self.decode()?.bytes;
        Ok(PixelRows::packed(to, self.size()))
    }

    /// Whether it can be decoded to a part of its size.
    pub(crate) fn is_reducible(&self) -> bool {
        self.format == Format::Jpeg && self.orientation == 1
    }

    /// A part of it: the same pixels, for less work. What of the file is not needed for it is
    /// not looked at. One that [is reducible](Self::is_reducible) may be decoded to 1, 2 or 4
    /// `eighths` of its size, of which `region` is a part then.
    pub(crate) fn part<'to>(
        &self,
        region: Region,
        eighths: u32,
        to: &'to mut Vec<u8>,
    ) -> Result<PixelRows<'to>, Fault> {
        if self.is_reducible() {
            let part = Decoded {
                region,
                width: (self.stored[1] * eighths as usize).div_ceil(8),
                eighths,
                whole: false,
            };
            return jpeg::decode(self.bytes, part, to);
        }
        Ok(self.whole(to)?.part(region))
    }
}

/// Decodes a JPEG, PNG or WebP file: its first bytes say what it is.
///
/// A JPEG has the pixels of libjpeg-turbo with its accurate integer transform and interpolated
/// chroma, which are those of PIL. Grey, CMYK and YCCK become red, green and blue as PIL
/// converts them; alpha is left out. With `exif` the image is turned as its EXIF tags say;
/// published accuracies are measured without.
///
/// # Errors
/// [`Fault`] where any part of the file is missing or wrong, and for a format that is not read.
pub fn decode_image(bytes: &[u8], exif: bool) -> Result<Image, Fault> {
    Encoded::open(bytes, exif)?.decode()
}

/// What decodes images, in a few words, for a record.
pub fn image_decoder() -> &'static str {
    if jpeg::is_vectorised() {
        "libjpeg-turbo (mozjpeg-sys 2.2), vector kernels"
    } else {
        "libjpeg-turbo (mozjpeg-sys 2.2), no vector kernels: slower"
    }
}
