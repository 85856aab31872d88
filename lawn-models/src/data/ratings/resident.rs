//! Train pairs that stay on a GPU, where the samples of a batch are drawn by a kernel: a thread a sample,
//! to the bits that the host gives.

use std::ffi::{CStr, c_void};
use std::ops::Range;

use lawn_core::DeviceCode;
use tch::{Device, Kind, Tensor};

use super::interactions::Interactions;
use crate::data::dataset::Batch;
use crate::device::free_device_memory;
use crate::random::{DevicePermutation, Permutation};

/// The kernel, and what it includes.
const FILES: [(&str, &str); 2] = [
    ("samples.cu", include_str!("../../../cpp/samples.cu")),
    ("samples.h", include_str!("../../../cpp/samples.h")),
];
const NAMES: [&CStr; 1] = [c"lawn_ratings"];

/// Threads of a block of them.
const THREADS: u32 = 256;

/// The part of what a device has left that pairs may take: training needs the rest.
const PART: u64 = 4;

/// `Pairs` of `cpp/samples.h`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Pairs {
    pairs: *const c_void,
    count: u64,
    items: u64,
    bits: *const c_void,
    starts: *const c_void,
    listed: *const c_void,
}

unsafe extern "C" {
    fn lawn_samples_ratings(
        train: *const Pairs,
        order: *const DevicePermutation,
        key: u64,
        first: u64,
        count: u64,
        users: *mut i64,
        items: *mut i64,
        labels: *mut f32,
    );
}

/// The train pairs of a data set on one device, and what draws samples there.
pub(super) struct Resident {
    device: Device,
    pairs: Tensor,
    count: u64,
    items: u64,
    members: Members,
    drawer: Drawer,
}

/// What says whether a user has met an item.
enum Members {
    /// A bit for each pair.
    Bits(Tensor),
    /// The items of each user, sorted, and where those of each begin.
    Listed { starts: Tensor, items: Tensor },
}

/// What runs the kernel.
enum Drawer {
    Kernel(DeviceCode),
    /// The same source, compiled for the CPU.
    Emulated,
}

impl Resident {
    /// Brings pairs to a device.
    ///
    /// # Errors
    /// In one line, why samples are not drawn there.
    pub(super) fn new(train: &Interactions, pairs: &[u64], device: Device) -> Result<Self, String> {
        let drawer = match device {
            Device::Cuda(index) => {
                let bytes = 8 * pairs.len() as u64 + train.bytes_of_members();
                let left = free_device_memory(device).unwrap_or(0);
                if bytes > left / PART {
                    return Err(format!(
                        "{} MiB of pairs are more than a quarter of the {} MiB that are left",
                        bytes >> 20,
                        left >> 20
                    ));
                }
                Drawer::Kernel(DeviceCode::new(index, &FILES, &NAMES)?)
            }
            _ => Drawer::Emulated,
        };
        let words = |words: &[u64]| {
            let words: Vec<i64> = words.iter().map(|word| word.cast_signed()).collect();
            Tensor::from_slice(&words).to_device(device)
        };
        let members = match train.bitmap() {
            [] => {
                let starts: Vec<u64> = train.starts().collect();
                let items: Vec<i32> = train.pairs().map(|(_, item)| item.cast_signed()).collect();
                Members::Listed {
                    starts: words(&starts),
                    items: Tensor::from_slice(&items).to_device(device),
                }
            }
            bits => Members::Bits(words(bits)),
        };
        Ok(Self {
            device,
            pairs: words(pairs),
            count: pairs.len() as u64,
            items: train.items() as u64,
            members,
            drawer,
        })
    }

    /// The samples at these places of an order, whose negatives have this key: as
    /// [`TrainRatings`](super::sampler::TrainRatings) has them.
    pub(super) fn batch(&self, order: &Permutation, key: u64, samples: Range<u64>) -> Batch {
        let count = samples.end - samples.start;
        let room = |kind, rows: &[i64]| Tensor::empty(rows, (kind, self.device));
        let rows = room(Kind::Int64, &[2, count as i64]);
        let labels = room(Kind::Float, &[count as i64]);
        let none = std::ptr::null();
        let address = |tensor: &Tensor| tensor.data_ptr().cast_const();
        let (bits, starts, listed) = match &self.members {
            Members::Bits(bits) => (address(bits), none, none),
            Members::Listed { starts, items } => (none, address(starts), address(items)),
        };
        let mut train = Pairs {
            pairs: address(&self.pairs),
            count: self.count,
            items: self.items,
            bits,
            starts,
            listed,
        };
        let mut order = DevicePermutation::of(order);
        let (users, items) = (rows.get(0), rows.get(1));
        let [mut users_at, mut items_at, mut labels_at] =
            [&users, &items, &labels].map(Tensor::data_ptr);
        let (mut key, mut first, mut count) = (key, samples.start, count);
        match &self.drawer {
            _ if count == 0 => {}
            Drawer::Kernel(code) => {
                let blocks = count.div_ceil(u64::from(THREADS));
                let blocks = u32::try_from(blocks).expect("a batch has fewer samples than a grid");
                let mut parameters: [*mut c_void; 8] = [
                    (&raw mut train).cast(),
                    (&raw mut order).cast(),
                    (&raw mut key).cast(),
                    (&raw mut first).cast(),
                    (&raw mut count).cast(),
                    (&raw mut users_at).cast(),
                    (&raw mut items_at).cast(),
                    (&raw mut labels_at).cast(),
                ];
                // SAFETY: these are the parameters of the kernel. The tensors are of its device; what is
                // let go of there is given to nobody before the stream has come so far.
                unsafe { code.launch(0, blocks, THREADS, &mut parameters) };
            }
            // SAFETY: all tensors are on the CPU and live until the end of the call; what is written to
            // has a place for each of the samples.
            Drawer::Emulated => unsafe {
                lawn_samples_ratings(
                    &raw const train,
                    &raw const order,
                    key,
                    first,
                    count,
                    users_at.cast(),
                    items_at.cast(),
                    labels_at.cast(),
                );
            },
        }
        Batch {
            inputs: vec![users, items],
            targets: labels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::Dataset;
    use crate::data::ratings::sampler::TrainRatings;

    fn pairs() -> Vec<(u32, u32)> {
        (0..20)
            .flat_map(|user| (0..9).map(move |k| (user, (user + k) % 12)))
            .collect()
    }

    /// What a device draws, drawn on the CPU, is what the host draws: from bits and from lists, batch by
    /// batch.
    #[test]
    fn a_device_draws_the_same_samples() {
        for limit in [u64::MAX, 0] {
            let train = Interactions::with_limit(20, 12, &pairs(), limit);
            assert_eq!(train.bitmap().is_empty(), limit == 0);
            let host = TrainRatings::new(train.clone(), 4, 7);
            let resident = Resident::new(&train, host.pairs(), Device::Cpu).unwrap();
            for (samples, epoch) in [(0..host.len(), 3), (17..301, 1), (899..900, 2), (5..5, 1)] {
                let expected = host.batch(samples.clone(), epoch).unwrap();
                let (order, key) = host.epoch(epoch);
                let found = resident.batch(&order, key, samples);
                assert_eq!(found.inputs, expected.inputs);
                assert_eq!(found.targets, expected.targets);
            }
        }
    }

    /// Says what is left out where there is no NVRTC.
    #[test]
    fn the_kernel_compiles_as_it_is() {
        let compiler = match lawn_core::Backend::cuda_compiler() {
            Ok(compiler) => compiler,
            Err(why) => {
                eprintln!("skipped: nothing is compiled for a card, since {why}");
                return;
            }
        };
        for capability in [70, 80, 90, 100] {
            if !compiler.capabilities.contains(&capability) {
                eprintln!("skipped: sm_{capability} is none of NVRTC's");
                continue;
            }
            let ptx = DeviceCode::ptx(&FILES, capability).unwrap();
            assert!(
                ptx.contains(".visible .entry lawn_ratings("),
                "{capability}"
            );
        }
        // All of samples.h, also what no kernel takes yet.
        let all = r#"#include "samples.h"
            using namespace lawn::samples;
            extern "C" __global__ void all(Permutation order, u64 key, u64 *numbers, Move *moves) {
              numbers[threadIdx.x] = permuted(order, threadIdx.x);
              moves[threadIdx.x] = moved(key, threadIdx.x, 4);
            }"#;
        let files = [("all.cu", all), FILES[1]];
        let newest = compiler.capabilities[compiler.capabilities.len() - 1];
        let ptx = DeviceCode::ptx(&files, newest).unwrap();
        assert!(ptx.contains(".visible .entry all("));
    }

    #[test]
    fn a_device_that_cannot_draw_says_why_and_the_host_goes_on() {
        let train = Interactions::new(20, 12, &pairs());
        let set = TrainRatings::new(train, 4, 7);
        assert_eq!(set.take_reason(), None);
        // No machine has so many.
        let absent = Device::Cuda(1 << 20);
        let refused = Resident::new(&set.train, set.pairs(), absent)
            .err()
            .unwrap();
        assert!(!refused.is_empty() && !refused.contains('\n'), "{refused}");
        assert!(set.on_device(absent, |_| ()).is_none());
        assert_eq!(set.take_reason(), Some(refused));
        // It is told once.
        assert!(set.on_device(absent, |_| ()).is_none());
        assert_eq!(set.take_reason(), None);
    }
}
