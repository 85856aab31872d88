//! The last steps of images to a network: they are moved and normalized, on the host, or where
//! they are brought as bytes.

use std::mem::MaybeUninit;

use tch::{Device, Kind, Tensor};

use super::image::CHANNELS;
use super::moves::Move;
use super::table::Table;
use super::transform::Scratch;
use crate::data::dataset::Batch;
use crate::data::error::DataError;
use crate::data::filled::filled;
use crate::data::parts;

/// Images that are finished together on a device, so that what that takes is bounded.
pub(super) const TOGETHER: i64 = 256;

/// What is needed to finish images.
pub(super) struct Finish {
    /// Height and width of all of them.
    pub(super) size: [usize; 2],
    pub(super) table: Table,
    /// Threads that make them.
    pub(super) threads: usize,
    pub(super) device: Device,
}

impl Finish {
    /// A batch of images with these labels; `make` as in [`images`](Self::images).
    ///
    /// # Errors
    /// [`DataError`] of the first image that cannot be made.
    pub(super) fn batch(
        &self,
        labels: impl Iterator<Item = u32>,
        make: impl Fn(usize, &mut Scratch) -> Result<Move, DataError> + Sync,
    ) -> Result<Batch, DataError> {
        let labels: Vec<i64> = labels.map(i64::from).collect();
        Ok(Batch {
            inputs: vec![self.images(labels.len(), make)?],
            targets: Tensor::from_slice(&labels).to_device(self.device),
        })
    }

    /// `count` images as `[count, 3, height, width]` f32 on the device. `make` puts one into
    /// the scratch and says how it is to be moved.
    ///
    /// Where the device is a GPU it is given bytes, a quarter of the values, and moves and
    /// normalizes them: the values are the same, bit by bit.
    ///
    /// # Errors
    /// [`DataError`] of the first image that cannot be made.
    fn images(
        &self,
        count: usize,
        make: impl Fn(usize, &mut Scratch) -> Result<Move, DataError> + Sync,
    ) -> Result<Tensor, DataError> {
        if self.device.is_cuda() {
            let (bytes, moves) = self.bytes(count, make)?;
            return Ok(finished(&bytes.to_device(self.device), &moves, &self.table));
        }
        let [height, width] = self.size;
        let area = CHANNELS * height * width;
        let values = filled(&[count, CHANNELS, height, width], |values| {
            self.parts(values, area, count, |place, scratch, target| {
                let moved = make(place, scratch)?;
                self.table.write(&scratch.shown, moved, target);
                Ok(())
            })
            .map(drop)
        })?;
        Ok(values.to_device(self.device))
    }

    /// The images as they are moved later: `[count, height, width, 3]` bytes on the CPU.
    fn bytes(
        &self,
        count: usize,
        make: impl Fn(usize, &mut Scratch) -> Result<Move, DataError> + Sync,
    ) -> Result<(Tensor, Vec<Move>), DataError> {
        let [height, width] = self.size;
        let area = CHANNELS * height * width;
        let mut moves = Vec::new();
        let bytes = filled(&[count, height, width, CHANNELS], |bytes| {
            moves = self.parts(bytes, area, count, |place, scratch, target| {
                let moved = make(place, scratch)?;
                for (to, &byte) in target.iter_mut().zip(&scratch.shown.bytes) {
                    to.write(byte);
                }
                Ok(moved)
            })?;
            Ok(())
        })?;
        Ok((bytes, moves))
    }

    /// Does `work` for each image, on all threads: its place, and the values that are its own.
    fn parts<T: Send, R: Send>(
        &self,
        values: &mut [MaybeUninit<T>],
        area: usize,
        count: usize,
        work: impl Fn(usize, &mut Scratch, &mut [MaybeUninit<T>]) -> Result<R, DataError> + Sync,
    ) -> Result<Vec<R>, DataError> {
        let part = parts::size(count, self.threads);
        let each = |(number, targets): (usize, &mut [MaybeUninit<T>])| {
            let mut scratch = Scratch::default();
            let targets = targets.chunks_exact_mut(area).enumerate();
            targets
                .map(|(place, target)| work(number * part + place, &mut scratch, target))
                .collect::<Result<Vec<R>, _>>()
        };
        let done = parts::each(values.chunks_mut(part * area).enumerate(), each);
        Ok(done
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect())
    }
}

/// Bytes, `[N, height, width, 3]`, moved and normalized where they are: `[N, 3, height, width]`.
fn finished(bytes: &Tensor, moves: &[Move], table: &Table) -> Tensor {
    let device = bytes.device();
    let size = bytes.size();
    let [count, height, width] = [size[0], size[1], size[2]];
    let values = Tensor::empty(
        [count, CHANNELS as i64, height, width],
        (Kind::Float, device),
    );
    let table = table.tensor().to_device(device);
    for start in (0..count).step_by(TOGETHER as usize) {
        let part = TOGETHER.min(count - start);
        let moves = &moves[start as usize..(start + part) as usize];
        let shown = normalized(&bytes.narrow(0, start, part), &table);
        values.narrow(0, start, part).copy_(&moved(&shown, moves));
    }
    values
}

/// The entries of the table, `[3 × 256]`, for bytes.
fn normalized(bytes: &Tensor, table: &Tensor) -> Tensor {
    let channels = Tensor::arange(CHANNELS as i64, (Kind::Int, bytes.device()));
    let entries = bytes.to_kind(Kind::Int) + channels * 256;
    table
        .index_select(0, &entries.reshape([-1]))
        .view(&bytes.size()[..])
        .permute([0, 3, 1, 2])
}

/// Values, `[N, 3, height, width]`, moved.
fn moved(values: &Tensor, moves: &[Move]) -> Tensor {
    let device = values.device();
    let flips: Vec<bool> = moves.iter().map(|one| one.flip).collect();
    let flips = Tensor::from_slice(&flips).to_device(device);
    let turned = values
        .flip([3])
        .where_self(&flips.view([-1, 1, 1, 1]), values);
    if moves.iter().all(|one| one.shift == [0, 0]) {
        return turned;
    }
    [2, 3].iter().zip(0..).fold(turned, |values, (&dim, axis)| {
        let shifts: Vec<i64> = moves.iter().map(|one| i64::from(one.shift[axis])).collect();
        let shifts = Tensor::from_slice(&shifts).to_device(device).view([-1, 1]);
        let length = values.size()[dim as usize];
        let from = Tensor::arange(length, (Kind::Int64, device)) - shifts;
        let mut shape = [moves.len() as i64, 1, 1, 1];
        shape[dim as usize] = length;
        let outside = from.lt(0).logical_or(&from.ge(length)).view(shape);
        let from = from.clamp(0, length - 1).view(shape);
        let from = from.expand(values.size(), false);
        values.gather(dim, &from, false).masked_fill(&outside, 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::images::image::Image;
    use crate::data::images::statistics::Statistics;

    const SIZE: [usize; 2] = [5, 7];

    fn finish(threads: usize) -> Finish {
        Finish {
            size: SIZE,
            table: Table::new(&Statistics {
                mean: [0.485, 0.456, 0.406],
                deviation: [0.229, 0.224, 0.225],
            }),
            threads,
            device: Device::Cpu,
        }
    }

    fn make(place: usize, scratch: &mut Scratch) -> Result<Move, DataError> {
        let bytes = (0..SIZE[0] * SIZE[1] * CHANNELS).map(|at| ((at + place) * 7_919 % 251) as u8);
        scratch.shown = Image {
            height: SIZE[0],
            width: SIZE[1],
            bytes: bytes.collect(),
        };
        let number = place as i32;
        Ok(Move {
            flip: place % 2 == 1,
            shift: [number % 5 - 2, number / 5 % 5 - 2],
        })
    }

    /// What a GPU computes, computed on the CPU, is what the host computes.
    #[test]
    fn bytes_that_are_finished_elsewhere_have_the_same_values() {
        // More than are finished together.
        let count = TOGETHER as usize + 44;
        for still in [false, true] {
            let make = |place: usize, scratch: &mut Scratch| {
                let moved = make(place, scratch)?;
                Ok(Move {
                    shift: if still { [0, 0] } else { moved.shift },
                    ..moved
                })
            };
            let host = finish(3).images(count, make).unwrap();
            let (bytes, moves) = finish(2).bytes(count, make).unwrap();
            assert_eq!(bytes.size(), [count as i64, 5, 7, 3]);
            let other = finished(&bytes, &moves, &finish(1).table);
            assert_eq!(host.size(), other.size());
            assert!(other.is_contiguous());
            assert_eq!(host, other, "still: {still}");
            assert!(host.std(false).double_value(&[]) > 0.1);
        }
    }
}
