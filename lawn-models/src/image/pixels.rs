//! Decoded images in memory.

/// Bytes a pixel: red, green, blue.
pub(crate) const CHANNELS: usize = 3;

/// Images of one size with their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Images {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) classes: Vec<String>,
    /// `[N]`, indices into `classes`.
    pub(crate) labels: Vec<u32>,
    /// `[N, height, width, 3]`, 0 to 255.
    pub(crate) bytes: Vec<u8>,
}

impl Images {
    /// Number of images.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Bytes of one image, rows from the top.
    pub(crate) fn of(&self, index: usize) -> &[u8] {
        let size = self.height * self.width * CHANNELS;
        &self.bytes[index * size..][..size]
    }
}

/// Mean and standard deviation of each channel, in parts of 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) mean: [f64; CHANNELS],
    pub(crate) deviation: [f64; CHANNELS],
}

impl Statistics {
    /// Over all pixels of the chosen images.
    pub(crate) fn over(images: &Images, chosen: &[u32]) -> Self {
        // Sums of squared bytes are exact in integers.
        let (mut sums, mut squares) = ([0u64; CHANNELS], [0u64; CHANNELS]);
        for &index in chosen {
            for pixel in images.of(index as usize).chunks_exact(CHANNELS) {
                for (channel, &byte) in pixel.iter().enumerate() {
                    sums[channel] += u64::from(byte);
                    squares[channel] += u64::from(byte) * u64::from(byte);
                }
            }
        }
        let count = (chosen.len() * images.height * images.width) as f64;
        let mean = sums.map(|sum| sum as f64 / count / 255.0);
        let deviation = std::array::from_fn(|channel| {
            let square = squares[channel] as f64 / count / (255.0 * 255.0);
            let variance: f64 = square - mean[channel] * mean[channel];
            // One flat colour has no spread, and nothing to divide by.
            if variance > 1e-12 {
                variance.sqrt()
            } else {
                1.0
            }
        });
        Self { mean, deviation }
    }
}
