//! Images that stay on a GPU as bytes, and are moved and normalized there.

use std::sync::{Mutex, PoisonError};

use tch::{Device, Kind, Tensor};

use super::augment::View;
use super::finish::TOGETHER;
use super::image::CHANNELS;
use super::pixels::{Images, Pixels};
use super::table::Table;
use crate::device::free_device_memory;

/// The part of what a device has left that images may take: training needs the rest.
const PART: u64 = 4;

/// The bytes of all images on a device, once they are there.
#[derive(Debug, Default)]
pub(super) struct Resident(Mutex<Option<Option<Tensor>>>);

impl Resident {
    /// `[N, height, width, 3]` bytes; nothing on the CPU, for files, and where they do not fit.
    pub(super) fn on(&self, images: &Images, device: Device) -> Option<Tensor> {
        let (Device::Cuda(_), Pixels::InMemory(bytes)) = (device, &images.pixels) else {
            return None;
        };
        let mut there = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = there.get_or_insert_with(|| {
            let left = free_device_memory(device)?;
            (bytes.len() as u64 <= left / PART).then(|| all(images, bytes).to_device(device))
        });
        found.as_ref().map(Tensor::shallow_clone)
    }
}

fn all(images: &Images, bytes: &[u8]) -> Tensor {
    let size = [images.len(), images.height, images.width, CHANNELS];
    Tensor::from_slice(bytes).view(size.map(|one| one as i64))
}

/// Views of images `[N, height, width, 3]` that are bytes, where these are: `[views, 3, height, width]`
/// f32, with the bits that the host gives. Each pixel is fetched once, from where its view has it.
pub(super) fn shown(images: &Tensor, views: &[View], table: &Table) -> Tensor {
    let device = images.device();
    let size = images.size();
    let [height, width, channels] = [size[1], size[2], CHANNELS as i64];
    let count = views.len() as i64;
    let values = Tensor::empty([count, channels, height, width], (Kind::Float, device));
    // Behind the entries of the table is what lies beyond the border: 0.
    let outside = channels * 256;
    let table = table.tensor().to_device(device);
    let table = Tensor::cat(&[&table, &Tensor::zeros([1], (Kind::Float, device))], 0);
    let channel = Tensor::arange(channels, (Kind::Int64, device)) * 256;
    let pixels = images.view([-1, channels]);
    let told = told(views).to_device(device);
    let axis = |length| Tensor::arange(length, (Kind::Int64, device));
    for start in (0..count).step_by(TOGETHER as usize) {
        let part = TOGETHER.min(count - start);
        let told = told.narrow(1, start, part);
        let of = |row| told.get(row).view([-1, 1, 1]);
        let (index, flip, down, right) = (of(0), of(1), of(2), of(3));
        let rows = axis(height).view([1, -1, 1]) - down;
        let columns = axis(width).view([1, 1, -1]) - right;
        let beyond = |at: &Tensor, length: i64| at.lt(0).logical_or(&at.ge(length));
        let beyond = beyond(&rows, height).logical_or(&beyond(&columns, width));
        // A view that is flipped counts its columns from the other end.
        let columns = &columns + (columns.neg() * 2 + (width - 1)) * flip;
        let from =
            (index * height + rows.clamp(0, height - 1)) * width + columns.clamp(0, width - 1);
        let bytes = pixels.index_select(0, &from.reshape([-1]));
        let entries =
            (bytes.to_kind(Kind::Int64) + &channel).masked_fill(&beyond.reshape([-1, 1]), outside);
        let found = table.index_select(0, &entries.reshape([-1]));
        let found = found.view([part, height, width, channels]);
        values
            .narrow(0, start, part)
            .copy_(&found.permute([0, 3, 1, 2]));
    }
    values
}

/// Index, flip and shifts of each view, `[4, views]` i64 on the CPU: one copy for a device.
fn told(views: &[View]) -> Tensor {
    let rows: [fn(&View) -> i64; 4] = [
        |view| i64::from(view.index),
        |view| i64::from(view.moved.flip),
        |view| i64::from(view.moved.shift[0]),
        |view| i64::from(view.moved.shift[1]),
    ];
    let numbers: Vec<i64> = rows.iter().flat_map(|row| views.iter().map(row)).collect();
    Tensor::from_slice(&numbers).view([4, -1])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::dataset::{PlainImages, TrainImages};
    use super::super::moves::Move;
    use super::super::statistics::Statistics;
    use super::*;
    use crate::data::dataset::Dataset;
    use crate::data::images::augment::{self, Shifts};

    fn images(count: usize) -> Images {
        let (height, width) = (5, 7);
        let area = height * width * CHANNELS;
        let bytes = (0..count * area)
            .map(|at| (at * 7_919 % 251) as u8)
            .collect();
        Images {
            height,
            width,
            classes: vec!["a".to_owned()],
            labels: vec![0; count],
            pixels: Pixels::InMemory(bytes),
        }
    }

    fn bytes(images: &Images) -> Tensor {
        match &images.pixels {
            Pixels::InMemory(bytes) => all(images, bytes),
            Pixels::Stored(_) => panic!("they are in memory"),
        }
    }

    /// What a GPU computes, computed on the CPU, is what the host computes.
    #[test]
    fn images_that_stay_on_a_device_are_shown_as_on_the_host() {
        // More than are finished together.
        let count = TOGETHER as usize + 44;
        let images = images(count);
        let statistics = Statistics {
            mean: [0.485, 0.456, 0.406],
            deviation: [0.229, 0.224, 0.225],
        };
        let chosen: Vec<u32> = (0..count as u32).rev().collect();
        // Moves farther than an image is wide leave nothing of it.
        for most in [0, 2, 9] {
            let shifts = Shifts { most, policy: None };
            let views = augment::views(&chosen, Some(shifts), [7, 3], 0..count as u64);
            let found = shown(&bytes(&images), &views, &Table::new(&statistics));
            let there = Arc::new(images.clone());
            let plain = PlainImages::new(there, statistics, chosen.clone(), 1);
            let host = TrainImages::new(plain, Some(shifts), 7);
            let host = host.batch(0..count as u64, 3).unwrap();
            assert!(found.is_contiguous());
            assert_eq!(found, host.inputs[0], "{most}");
        }
    }

    #[test]
    fn the_cpu_and_files_have_nothing_there() {
        assert!(Resident::default().on(&images(2), Device::Cpu).is_none());
        let view = View {
            index: 1,
            moved: Move {
                flip: true,
                shift: [-1, 2],
            },
        };
        let told = Vec::<i64>::try_from(told(&[view]).view(-1)).unwrap();
        assert_eq!(told, [1, 1, -1, 2]);
    }
}
