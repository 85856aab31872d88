//! The images of one split, and their mean and deviation.

use std::borrow::Cow;
use std::sync::Arc;

use super::image::CHANNELS;
use super::pictures::Pictures;
use super::raw::RawImages;
use super::statistics::Statistics;
use crate::data::error::DataError;
use crate::data::parts;

/// Images of one size with their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Images {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) classes: Vec<String>,
    /// `[N]`, indices into `classes`.
    pub(crate) labels: Vec<u32>,
    pub(crate) pixels: Pixels,
}

/// Where the pixels are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pixels {
    /// In memory: `[N, height, width, 3]`, 0 to 255.
    InMemory(Vec<u8>),
    /// Where they are decoded each time.
    Stored(Arc<Pictures>),
}

impl From<RawImages> for Images {
    fn from(raw: RawImages) -> Self {
        Self {
            height: raw.height,
            width: raw.width,
            classes: raw.classes,
            labels: raw.labels,
            pixels: Pixels::InMemory(raw.bytes),
        }
    }
}

impl Images {
    /// Pictures that are all of one size: decoded into memory on `threads` threads where they
    /// take `room` bytes at most, and otherwise decoded each time.
    ///
    /// # Errors
    /// [`DataError`] of the first that cannot be read or has another size.
    pub(crate) fn of_one_size(
        pictures: Pictures,
        room: u64,
        threads: usize,
    ) -> Result<Self, DataError> {
        let pictures = match pictures.into_raw() {
            Ok(images) => return Ok(images.into()),
            Err(pictures) => *pictures,
        };
        let [height, width] = pictures.with(0, &mut Vec::new(), |picture| Ok(picture.size()))?;
        let (size, count) = (height * width * CHANNELS, pictures.len());
        let mut images = Self {
            height,
            width,
            classes: pictures.classes.clone(),
            labels: pictures.labels.clone(),
            pixels: Pixels::Stored(Arc::new(pictures)),
        };
        if size as u64 * count as u64 > room {
            return Ok(images);
        }
        let mut bytes = vec![0; size * count];
        let part = parts::size(count, threads);
        let decode = |(number, target): (usize, &mut [u8])| -> Result<(), DataError> {
            for (place, target) in target.chunks_exact_mut(size).enumerate() {
                target.copy_from_slice(&images.of(number * part + place)?);
            }
            Ok(())
        };
        let targets = bytes.chunks_mut(part * size).enumerate();
        parts::each(targets, decode)
            .into_iter()
            .collect::<Result<(), DataError>>()?;
        images.pixels = Pixels::InMemory(bytes);
        Ok(images)
    }

    /// These, where they have the size of `train`.
    ///
    /// # Errors
    /// [`DataError::ImageSize`] where they do not.
    pub(crate) fn like(self, train: &Self) -> Result<Self, DataError> {
        if (self.height, self.width) == (train.height, train.width) {
            return Ok(self);
        }
        Err(DataError::ImageSize {
            path: "test".into(),
            found: [self.height, self.width],
            expected: [train.height, train.width],
            like: "in train",
        })
    }

    /// Number of images.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Bytes of one image, rows from the top.
    ///
    /// # Errors
    /// [`DataError`] where its file cannot be decoded or has another size.
    pub(crate) fn of(&self, index: usize) -> Result<Cow<'_, [u8]>, DataError> {
        match &self.pixels {
            Pixels::InMemory(bytes) => {
                let size = self.height * self.width * CHANNELS;
                Ok(Cow::Borrowed(&bytes[index * size..][..size]))
            }
            Pixels::Stored(pictures) => {
                let image = pictures.decode(index)?;
                if (image.height, image.width) != (self.height, self.width) {
                    return Err(DataError::ImageSize {
                        path: pictures.path(index),
                        found: [image.height, image.width],
                        expected: [self.height, self.width],
                        like: "the first image",
                    });
                }
                Ok(Cow::Owned(image.bytes))
            }
        }
    }

    /// Threads that are worth while to read with, of so many: decoding takes long, copying
    /// does not.
    pub(crate) fn threads(&self, most: usize) -> usize {
        match self.pixels {
            Pixels::InMemory(_) => 1,
            Pixels::Stored(_) => most,
        }
    }

    /// Makes sure that the chosen images can be read. Those in memory were.
    ///
    /// # Errors
    /// [`DataError`] of the first that cannot.
    pub(crate) fn check(&self, chosen: &[u32], threads: usize) -> Result<(), DataError> {
        if let Pixels::InMemory(_) = self.pixels {
            return Ok(());
        }
        let check = |part: &[u32]| -> Result<(), DataError> {
            part.iter()
                .try_for_each(|&index| self.of(index as usize).map(drop))
        };
        let parts = chosen.chunks(parts::size(chosen.len(), threads));
        parts::each(parts, check).into_iter().collect()
    }
}

/// Sums over pixels. Sums of bytes and of squared bytes are exact in integers.
#[derive(Default)]
struct Sums {
    values: [u64; CHANNELS],
    squares: [u64; CHANNELS],
}

impl Statistics {
    /// Over all pixels of the chosen images.
    ///
    /// # Errors
    /// [`DataError`] of the first image that cannot be read.
    pub(crate) fn over(images: &Images, chosen: &[u32], threads: usize) -> Result<Self, DataError> {
        let sum = |part: &[u32]| -> Result<Sums, DataError> {
            let mut sums = Sums::default();
            for &index in part {
                sums.add(&images.of(index as usize)?);
            }
            Ok(sums)
        };
        let parts = chosen.chunks(parts::size(chosen.len(), images.threads(threads)));
        let mut all = Sums::default();
        for part in parts::each(parts, sum) {
            let part = part?;
            for channel in 0..CHANNELS {
                all.values[channel] += part.values[channel];
                all.squares[channel] += part.squares[channel];
            }
        }
        let count = (chosen.len() * images.height * images.width) as f64;
        let mean = all.values.map(|sum| sum as f64 / count / 255.0);
        let deviation = std::array::from_fn(|channel| {
            let square = all.squares[channel] as f64 / count / (255.0 * 255.0);
            let variance: f64 = square - mean[channel] * mean[channel];
            // One flat colour has no spread, and nothing to divide by.
            if variance > 1e-12 {
                variance.sqrt()
            } else {
                1.0
            }
        });
        Ok(Self { mean, deviation })
    }
}

impl Sums {
    fn add(&mut self, bytes: &[u8]) {
        for pixel in bytes.chunks_exact(CHANNELS) {
            for (channel, &byte) in pixel.iter().enumerate() {
                self.values[channel] += u64::from(byte);
                self.squares[channel] += u64::from(byte) * u64::from(byte);
            }
        }
    }
}
