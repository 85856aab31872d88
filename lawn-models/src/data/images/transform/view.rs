//! One image as training or evaluation sees it.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::config::TransformConfig;
use super::crop::{self, Numbers};
use super::resize::resize;
use crate::data::images::decode::Fault;
use crate::data::images::image::{CHANNELS, Image, Region};
use crate::data::images::picture::Picture;
use crate::random::{self, Purpose};

/// What makes images of one size of images of any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transform {
    size: usize,
    shorter_side: usize,
    smallest_crop: f64,
}

/// Numbers of a stream of ours.
struct Drawn(ChaCha8Rng);

impl Numbers for Drawn {
    fn unit(&mut self) -> f32 {
        (self.0.next_u64() >> 40) as f32 / (1u64 << 24) as f32
    }

    fn below(&mut self, bound: usize) -> usize {
        random::below(&mut self.0, bound)
    }
}

impl Transform {
    pub(crate) fn new(config: &TransformConfig) -> Self {
        Self {
            size: config.size as usize,
            shorter_side: config.shorter_side() as usize,
            smallest_crop: config.smallest_crop,
        }
    }

    /// Height and width of what it gives.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The image at `index` as training sees it in an epoch: that depends on nothing but these
    /// and the seed.
    pub(crate) fn random(
        &self,
        picture: &Picture<'_>,
        [seed, epoch, index]: [u64; 3],
    ) -> Result<Image, Fault> {
        let stream = random::sample_stream(seed, Purpose::Augmentation, epoch, index);
        let mut numbers = Drawn(stream);
        let part = crop::random(picture.size(), self.smallest_crop, &mut numbers);
        let square = [self.size; 2];
        let mut image = resize(&picture.region(part)?, square, Region::whole(square));
        if numbers.unit() < 0.5 {
            flip(&mut image);
        }
        Ok(image)
    }

    /// The image as evaluation sees it.
    pub(crate) fn plain(&self, picture: &Picture<'_>) -> Result<Image, Fault> {
        let size = crop::resized(picture.size(), self.shorter_side);
        let window = crop::centre(size, self.size);
        Ok(resize(&picture.decode()?, size, window))
    }
}

/// Turns an image left to right.
fn flip(image: &mut Image) {
    for row in image.bytes.chunks_exact_mut(image.width * CHANNELS) {
        let (pixels, _) = row.as_chunks_mut::<CHANNELS>();
        pixels.reverse();
    }
}
