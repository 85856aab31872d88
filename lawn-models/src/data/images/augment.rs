//! Random flips and crops, and the way from bytes to a batch.

use tch::Tensor;

use super::image::CHANNELS;
use super::pixels::Images;
use super::statistics::Statistics;
use super::table::Table;
use crate::data::error::DataError;
use crate::data::parts;
use crate::random::{Purpose, below, shuffle, stream};

/// How one sample of an epoch is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) index: u32,
    pub(crate) flip: bool,
    /// Pixels by which the picture moves down and right.
    pub(crate) shift: [i32; 2],
}

/// The views of an epoch in training order.
///
/// Order and augmentation depend on `(seed, epoch)` only, so batches of any
/// size cut up the same sequence.
pub(crate) fn views(train: &[u32], augment: Option<i32>, seed: u64, epoch: u64) -> Vec<View> {
    let mut order = train.to_vec();
    shuffle(&mut stream(seed, Purpose::Order, epoch), &mut order);
    let mut rng = stream(seed, Purpose::Augmentation, epoch);
    let view = |index| match augment {
        None => View::plain(index),
        Some(padding) => {
            let span = 2 * padding as usize + 1;
            let mut shift = || below(&mut rng, span) as i32 - padding;
            let shift = [shift(), shift()];
            View {
                index,
                flip: below(&mut rng, 2) == 1,
                shift,
            }
        }
    };
    order.into_iter().map(view).collect()
}

impl View {
    /// The picture as it is.
    pub(crate) fn plain(index: u32) -> Self {
        Self {
            index,
            ..Self::default()
        }
    }
}

/// `[N, 3, height, width]` f32 on the CPU: each channel less its mean, over its
/// deviation. What moves into the picture from outside is 0, the mean.
///
/// # Errors
/// [`DataError`] of the first image that cannot be read.
pub(crate) fn tensor(
    images: &Images,
    statistics: &Statistics,
    views: &[View],
    threads: usize,
) -> Result<Tensor, DataError> {
    let size = CHANNELS * images.height * images.width;
    let table = Table::new(statistics);
    let mut values = vec![0.0f32; views.len() * size];
    let part = parts::size(views.len(), images.threads(threads));
    let parts = views.chunks(part).zip(values.chunks_mut(part * size));
    let show = |(views, targets): (&[View], &mut [f32])| -> Result<(), DataError> {
        for (view, target) in views.iter().zip(targets.chunks_exact_mut(size)) {
            let source = images.of(view.index as usize)?;
            table.show(*view, &source, [images.height, images.width], target);
        }
        Ok(())
    };
    parts::each(parts, show)
        .into_iter()
        .collect::<Result<(), DataError>>()?;
    let shape = [views.len(), CHANNELS, images.height, images.width].map(|size| size as i64);
    Ok(Tensor::from_slice(&values).view(shape))
}

impl Table {
    /// Writes a view of `source`, `[height, width, 3]`, to `target`, `[3, height, width]`.
    fn show(&self, view: View, source: &[u8], [height, width]: [usize; 2], target: &mut [f32]) {
        let area = height * width;
        for y in 0..height {
            let Some(from_y) = moved(y, view.shift[0], height) else {
                continue;
            };
            for x in 0..width {
                let Some(from_x) = moved(x, view.shift[1], width) else {
                    continue;
                };
                let from_x = if view.flip {
                    width - 1 - from_x
                } else {
                    from_x
                };
                let pixel = &source[(from_y * width + from_x) * CHANNELS..][..CHANNELS];
                for (channel, &byte) in pixel.iter().enumerate() {
                    target[channel * area + y * width + x] = self.value(channel, byte);
                }
            }
        }
    }
}

/// Where a pixel comes from, unless from outside.
fn moved(to: usize, shift: i32, size: usize) -> Option<usize> {
    to.checked_add_signed(-shift as isize)
        .filter(|&from| from < size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::images::pixels::Pixels;

    /// One image of 2 × 3 pixels; red counts 0 to 5, green and blue are flat.
    fn image() -> Images {
        Images {
            height: 2,
            width: 3,
            classes: vec!["a".to_owned(), "b".to_owned()],
            labels: vec![0],
            pixels: Pixels::InMemory((0..6).flat_map(|red| [red, 10, 10]).collect()),
        }
    }

    /// Leaves the byte values as they are.
    const PLAIN: Statistics = Statistics {
        mean: [0.0; 3],
        deviation: [1.0 / 255.0; 3],
    };

    fn red(view: View) -> Vec<f32> {
        let red = tensor(&image(), &PLAIN, &[view], 1)
            .unwrap()
            .select(1, 0)
            .reshape([-1])
            .round();
        Vec::try_from(red).unwrap()
    }

    #[test]
    fn views_by_hand() {
        let plain = View::plain(0);
        assert_eq!(red(plain), [0., 1., 2., 3., 4., 5.]);
        let flipped = View {
            flip: true,
            ..plain
        };
        assert_eq!(red(flipped), [2., 1., 0., 5., 4., 3.]);
        let down = View {
            shift: [1, 0],
            ..plain
        };
        assert_eq!(red(down), [0., 0., 0., 0., 1., 2.]);
        let left = View {
            shift: [0, -1],
            ..plain
        };
        assert_eq!(red(left), [1., 2., 0., 4., 5., 0.]);
    }

    #[test]
    fn statistics_give_zero_mean_and_unit_deviation() {
        let statistics = Statistics::over(&image(), &[0], 1).unwrap();
        let values = tensor(&image(), &statistics, &[View::plain(0)], 1).unwrap();
        let red = values.select(1, 0);
        assert!(red.mean(tch::Kind::Float).double_value(&[]).abs() < 1e-6);
        assert!((red.std(false).double_value(&[]) - 1.0).abs() < 1e-6);
        assert_eq!(values.select(1, 1).abs().max().double_value(&[]), 0.0);
    }

    #[test]
    fn an_epoch_shows_each_image_once_and_moves_within_the_padding() {
        let train: Vec<u32> = (5..105).collect();
        let shown = views(&train, Some(2), 1, 1);
        assert_eq!(shown, views(&train, Some(2), 1, 1));
        assert_ne!(shown, views(&train, Some(2), 1, 2));
        let mut indices: Vec<u32> = shown.iter().map(|view| view.index).collect();
        indices.sort_unstable();
        assert_eq!(indices, train);
        let shifts = || shown.iter().flat_map(|view| view.shift);
        assert_eq!((shifts().min(), shifts().max()), (Some(-2), Some(2)));
        assert!(shown.iter().any(|view| view.flip) && shown.iter().any(|view| !view.flip));
    }
}
