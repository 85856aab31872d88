//! Images that stay on a GPU as bytes, and are moved and normalized there.

use std::ffi::{CStr, c_void};
use std::sync::{Mutex, PoisonError};

use lawn_core::DeviceCode;
use tch::{Device, Kind, Tensor};

use super::augment::View;
use super::finish::TOGETHER;
use super::image::CHANNELS;
use super::pixels::{Images, Pixels};
use super::statistics::Statistics;
use super::table::Table;
use crate::device::free_device_memory;

/// The part of what a device has left that images may take: training needs the rest.
const PART: u64 = 4;

/// The kernel, and what it includes.
const FILES: [(&str, &str); 3] = [
    ("shown.cu", include_str!("../../../cpp/shown.cu")),
    ("shown.h", include_str!("../../../cpp/shown.h")),
    ("samples.h", include_str!("../../../cpp/samples.h")),
];
const NAMES: [&CStr; 1] = [c"lawn_shown"];

/// Threads of a block of it.
const THREADS: u32 = 256;

/// `Shown` of `cpp/shown.h`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Shown {
    bytes: *const c_void,
    table: *const c_void,
    views: *const c_void,
    count: u64,
    height: u64,
    width: u64,
}

#[cfg(test)]
unsafe extern "C" {
    fn lawn_samples_shown(of: *const Shown, values: *mut f32);
}

/// The bytes of all images on a device, once they are there.
#[derive(Debug, Default)]
pub(super) struct Resident(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    there: Option<Option<There>>,
    /// Why there is no kernel for them, until that was told.
    reason: Option<String>,
}

/// Images on a device.
#[derive(Debug)]
struct There {
    /// `[N, height, width, 3]` bytes.
    images: Tensor,
    /// What each byte of each channel becomes, and behind them what lies beyond the border.
    entries: Tensor,
    /// The kernel that shows them; without it they are shown by libtorch's operations.
    kernel: Option<DeviceCode>,
}

impl Resident {
    /// Views of the images where they are kept on the device, `[views, 3, height, width]` f32; nothing
    /// on the CPU, for files, and where they do not fit.
    pub(super) fn shown(
        &self,
        images: &Images,
        statistics: &Statistics,
        views: &[View],
        device: Device,
    ) -> Option<Tensor> {
        let (Device::Cuda(index), Pixels::InMemory(bytes)) = (device, &images.pixels) else {
            return None;
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { there, reason } = &mut *known;
        let found = there.get_or_insert_with(|| {
            let left = free_device_memory(device)?;
            if bytes.len() as u64 > left / PART {
                return None;
            }
            let kernel = DeviceCode::new(index, &FILES, &NAMES);
            Some(There {
                images: all(images, bytes).to_device(device),
                entries: entries(&Table::new(statistics)).to_device(device),
                kernel: kernel.map_err(|why| *reason = Some(why)).ok(),
            })
        });
        found.as_ref().map(|there| there.shown(views))
    }

    /// Why there is no kernel for images that are on a device, once.
    pub(super) fn take_reason(&self) -> Option<String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.reason.take()
    }
}

impl There {
    fn shown(&self, views: &[View]) -> Tensor {
        match &self.kernel {
            Some(kernel) if !views.is_empty() => self.in_one_pass(views, |of, pixels, values| {
                let blocks = pixels.div_ceil(u64::from(THREADS));
                let blocks = u32::try_from(blocks).expect("a batch has fewer pixels than a grid");
                let (mut of, mut values) = (of, values);
                let mut parameters = [(&raw mut of).cast(), (&raw mut values).cast()];
                // SAFETY: these are the parameters of the kernel. The tensors are of its device; what is
                // let go of there is given to nobody before the stream has come so far.
                unsafe { kernel.launch(0, blocks, THREADS, &mut parameters) };
            }),
            _ => shown(&self.images, views, &self.entries),
        }
    }

    /// Views whose pixels `show` computes: it is given what they are made of, their number, and where
    /// they go.
    fn in_one_pass(&self, views: &[View], show: impl FnOnce(Shown, u64, *mut c_void)) -> Tensor {
        let device = self.images.device();
        let size = self.images.size();
        let (count, [height, width]) = (views.len() as i64, [size[1], size[2]]);
        let told = told(views).to_device(device);
        let shape = [count, CHANNELS as i64, height, width];
        let values = Tensor::empty(shape, (Kind::Float, device));
        let address = |tensor: &Tensor| tensor.data_ptr().cast_const();
        let of = Shown {
            bytes: address(&self.images),
            table: address(&self.entries),
            views: address(&told),
            count: count as u64,
            height: height as u64,
            width: width as u64,
        };
        show(of, (count * height * width) as u64, values.data_ptr());
        values
    }
}

/// The entries of a table one after another, and behind them what lies beyond the border: 0.
fn entries(table: &Table) -> Tensor {
    let outside = Tensor::zeros([1], (Kind::Float, Device::Cpu));
    Tensor::cat(&[&table.tensor(), &outside], 0)
}

fn all(images: &Images, bytes: &[u8]) -> Tensor {
    let size = [images.len(), images.height, images.width, CHANNELS];
    Tensor::from_slice(bytes).view(size.map(|one| one as i64))
}

/// Views of images `[N, height, width, 3]` that are bytes, where these are: `[views, 3, height, width]`
/// f32, with the bits that the host gives. Each pixel is fetched once, from where its view has it.
fn shown(images: &Tensor, views: &[View], entries: &Tensor) -> Tensor {
    let device = images.device();
    let size = images.size();
    let [height, width, channels] = [size[1], size[2], CHANNELS as i64];
    let count = views.len() as i64;
    let values = Tensor::empty([count, channels, height, width], (Kind::Float, device));
    let outside = channels * 256;
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
        let places =
            (bytes.to_kind(Kind::Int64) + &channel).masked_fill(&beyond.reshape([-1, 1]), outside);
        let found = entries.index_select(0, &places.reshape([-1]));
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
            let there = There {
                images: bytes(&images),
                entries: entries(&Table::new(&statistics)),
                kernel: None,
            };
            let found = there.shown(&views);
            let emulated = there.in_one_pass(&views, |of, pixels, values| {
                assert_eq!(pixels, 35 * count as u64);
                // SAFETY: all that it points to is on the CPU and lives until the end of the call.
                unsafe { lawn_samples_shown(&raw const of, values.cast()) };
            });
            let plain = PlainImages::new(Arc::new(images.clone()), statistics, chosen.clone(), 1);
            let host = TrainImages::new(plain, Some(shifts), 7);
            let host = host.batch(0..count as u64, 3).unwrap();
            assert!(found.is_contiguous());
            assert_eq!(found, host.inputs[0], "{most}");
            assert_eq!(emulated, found, "{most}");
        }
    }

    #[test]
    fn the_cpu_and_files_have_nothing_there() {
        let none = Statistics {
            mean: [0.0; 3],
            deviation: [1.0; 3],
        };
        let resident = Resident::default();
        let found = resident.shown(&images(2), &none, &[], Device::Cpu);
        assert!(found.is_none() && resident.take_reason().is_none());
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

    /// Says what is left out where there is no NVRTC.
    #[test]
    fn the_kernel_compiles_as_it_is() {
        match lawn_core::Backend::cuda_compiler() {
            Ok(compiler) => {
                for capability in [compiler.capabilities[0], 90] {
                    let ptx = DeviceCode::ptx(&FILES, capability).unwrap();
                    assert!(ptx.contains(".visible .entry lawn_shown("), "{capability}");
                }
            }
            Err(why) => eprintln!("skipped: nothing is compiled for a card, since {why}"),
        }
    }
}
