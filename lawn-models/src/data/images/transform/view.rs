//! One image as training or evaluation sees it.

use super::config::TransformConfig;
use super::crop;
use super::filter::Interpolation;
use super::resize::{Extent, resize};
use super::scratch::Scratch;
use crate::data::images::decode::Fault;
use crate::data::images::image::Region;
use crate::data::images::numbers::{Drawn, Numbers};
use crate::data::images::picture::Picture;
use crate::random::{Purpose, sample_stream};

/// What makes images of one size of images of any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transform {
    size: usize,
    shorter_side: usize,
    smallest_crop: f64,
    interpolation: Interpolation,
    reduced_decoding: bool,
}

impl Transform {
    pub(crate) fn new(config: &TransformConfig) -> Self {
        Self {
            size: config.size as usize,
            shorter_side: config.shorter_side() as usize,
            smallest_crop: config.smallest_crop,
            interpolation: config.interpolation,
            reduced_decoding: config.reduced_decoding,
        }
    }

    /// Height and width of what it gives.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The image at `index` as training sees it in an epoch, and whether it is still to be turned
    /// left to right: that depends on nothing but these and the seed.
    pub(crate) fn random(
        &self,
        picture: &Picture<'_>,
        [seed, epoch, index]: [u64; 3],
        scratch: &mut Scratch,
    ) -> Result<bool, Fault> {
        let stream = sample_stream(seed, Purpose::Augmentation, epoch, index);
        let mut numbers = Drawn(stream);
        let part = crop::random(picture.size(), self.smallest_crop, &mut numbers);
        let square = [self.size; 2];
        let Scratch {
            shown,
            decoded,
            rows,
            ..
        } = scratch;
        let eighths = if self.reduced_decoding {
            picture.eighths([part.height, part.width], self.size)
        } else {
            8
        };
        let [x, y] = [(part.left, part.width), (part.top, part.height)].map(|(start, length)| {
            let reduced = |place: usize| place as f64 * f64::from(eighths) / 8.0;
            [reduced(start), reduced(start + length)]
        });
        let start = [x, y].map(|[start, _]| start.floor());
        let end = [x, y].map(|[_, end]| end.ceil());
        let region = Region {
            left: start[0] as usize,
            top: start[1] as usize,
            width: (end[0] - start[0]) as usize,
            height: (end[1] - start[1]) as usize,
        };
        let from = Extent {
            pixels: picture.part(region, eighths, decoded)?,
            x: x.map(|place| place - start[0]),
            y: y.map(|place| place - start[1]),
        };
        let all = Region::whole(square);
        resize(from, square, all, self.interpolation, rows, shown);
        Ok(numbers.unit() < 0.5)
    }

    /// The image as evaluation sees it.
    pub(crate) fn plain(&self, picture: &Picture<'_>, scratch: &mut Scratch) -> Result<(), Fault> {
        let size = crop::resized(picture.size(), self.shorter_side);
        let window = crop::centre(size, self.size);
        let Scratch {
            shown,
            decoded,
            rows,
            ..
        } = scratch;
        let from = Extent::whole(picture.whole(decoded)?);
        resize(from, size, window, self.interpolation, rows, shown);
        Ok(())
    }
}
