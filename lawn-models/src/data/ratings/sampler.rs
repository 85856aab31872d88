//! The samples of an epoch: every train pair once, with fresh negatives.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use rand::Rng;
use tch::{Device, Kind, Tensor};

use super::interactions::Interactions;
use super::resident::Resident;
use crate::data::dataset::{Batch, Dataset};
use crate::data::error::DataError;
use crate::data::filled::filled;
use crate::data::parts;
use crate::random::{Permutation, Purpose, at, below_of, stream};

/// Samples that are brought to a device together: 20 MiB, where a batch of a thousand is 20
/// KiB.
const TOGETHER: u64 = 1 << 20;

/// Samples whose places in the order are computed at a time.
const BLOCK: usize = 1 << 10;

/// Samples from which on another thread is worth while.
const LEAST: usize = 1 << 15;

/// The pairs that gradients come from, with negatives that are new each epoch.
///
/// ```text
/// n = order(place),   pair n mod P;   a positive where n < P, else a negative of its user
/// i₀ = ⌊at(key, n) · items / 2⁶⁴⌋,    i_k of the number after that, until the user has no pair with it
/// ```
/// Each of the P train pairs comes with so many negatives, items drawn uniformly from those that its
/// user has no train pair with. Held-out items can be among them: at training time nothing tells
/// them from others. Nothing goes from one sample to another: order and key are of the seed and the
/// epoch, so that batches of any size, on any number of threads, cut up one sequence.
/// `cpp/samples.h` has the same for a device, where they are drawn if the pairs fit.
///
/// Memory: 8 bytes a pair, beside the interactions.
pub(crate) struct TrainRatings {
    pub(super) train: Interactions,
    /// User and item of each pair: 32 bits each.
    pairs: Vec<u64>,
    len: u64,
    seed: u64,
    on_device: Mutex<OnDevice>,
}

/// What draws samples on a device, once one was asked for.
#[derive(Default)]
struct OnDevice {
    resident: Option<Option<Resident>>,
    /// Why it is the host that draws them, until that was told.
    reason: Option<String>,
}

/// Where samples are written to, place by place.
struct Columns<'a> {
    users: &'a mut [MaybeUninit<i64>],
    items: &'a mut [MaybeUninit<i64>],
    labels: &'a mut [MaybeUninit<f32>],
}

impl TrainRatings {
    /// `negatives` are drawn for each of the `train` pairs.
    pub(crate) fn new(train: Interactions, negatives: u32, seed: u64) -> Self {
        let packed = |(user, item)| u64::from(user) << 32 | u64::from(item);
        Self {
            len: train.len() as u64 * (1 + u64::from(negatives)),
            pairs: train.pairs().map(packed).collect(),
            train,
            seed,
            on_device: Mutex::default(),
        }
    }

    /// User and item of each pair: 32 bits each.
    #[cfg(test)]
    pub(super) fn pairs(&self) -> &[u64] {
        &self.pairs
    }

    /// Draws on a device that does so by itself; nothing where the host draws. A trial has one device.
    pub(super) fn on_device<T>(
        &self,
        device: Device,
        draw: impl FnOnce(&Resident) -> T,
    ) -> Option<T> {
        if !device.is_cuda() {
            return None;
        }
        let mut known = self
            .on_device
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let OnDevice { resident, reason } = &mut *known;
        let found = resident.get_or_insert_with(|| {
            let made = Resident::new(&self.train, &self.pairs, device);
            made.map_err(|why| *reason = Some(why)).ok()
        });
        found.as_ref().map(draw)
    }

    /// What order and negatives of an epoch are computed from.
    pub(super) fn epoch(&self, epoch: u64) -> (Permutation, u64) {
        let key = stream(self.seed, Purpose::Negatives, epoch).next_u64();
        (Permutation::of_epoch(self.len, self.seed, epoch), key)
    }

    /// Writes the samples with these numbers in the order of the pairs.
    ///
    /// What is looked up lies anywhere in memory: pass by pass, no look-up waits for another.
    fn block(&self, key: u64, numbers: &[u64], to: Columns<'_>) {
        let count = self.pairs.len() as u64;
        let items = self.train.items() as u64;
        let mut pairs = [0; BLOCK];
        let pairs = &mut pairs[..numbers.len()];
        for (pair, number) in pairs.iter_mut().zip(numbers) {
            *pair = self.pairs[(number % count) as usize];
        }
        let mut again = [0; BLOCK];
        let mut rejected = 0;
        for (place, (&pair, &number)) in pairs.iter().zip(numbers).enumerate() {
            let is_positive = number < count;
            let user = pair >> 32;
            let drawn = below_of(at(key, number), items);
            let item = if is_positive {
                pair & 0xffff_ffff
            } else {
                drawn
            };
            to.users[place].write(user as i64);
            to.items[place].write(item as i64);
            to.labels[place].write(f32::from(u8::from(is_positive)));
            again[rejected] = place;
            let is_met = self.train.contains(user as usize, drawn as usize);
            rejected += usize::from(is_met & !is_positive);
        }
        for &place in &again[..rejected] {
            let bits = at(at(key, numbers[place]), 0);
            let item = self.negative((pairs[place] >> 32) as usize, bits);
            to.items[place].write(item as i64);
        }
    }

    /// An item that the user has no train pair with; there is one.
    fn negative(&self, user: usize, mut bits: u64) -> u64 {
        loop {
            let item = below_of(bits, self.train.items() as u64);
            if !self.train.contains(user, item as usize) {
                return item;
            }
            bits = at(bits, 0);
        }
    }

    /// Writes the samples at the places from `first` on, on `threads` threads at most.
    fn write(&self, first: u64, epoch: u64, threads: usize, to: Columns<'_>) {
        let (order, key) = self.epoch(epoch);
        let count = to.users.len();
        let size = parts::size(count, threads.min(count.div_ceil(LEAST)));
        let columns = to.users.chunks_mut(size).zip(to.items.chunks_mut(size));
        let columns = columns.zip(to.labels.chunks_mut(size)).enumerate();
        parts::each(columns, |(part, ((users, items), labels))| {
            let first = first + (part * size) as u64;
            let blocks = users.chunks_mut(BLOCK).zip(items.chunks_mut(BLOCK));
            let blocks = blocks.zip(labels.chunks_mut(BLOCK)).enumerate();
            let mut numbers = [0; BLOCK];
            for (block, ((users, items), labels)) in blocks {
                let numbers = &mut numbers[..users.len()];
                order.fill(first + (block * BLOCK) as u64, numbers);
                let to = Columns {
                    users,
                    items,
                    labels,
                };
                self.block(key, numbers, to);
            }
        });
    }
}

impl Dataset for TrainRatings {
    fn len(&self) -> u64 {
        self.len
    }

    fn batch(&self, samples: Range<u64>, epoch: u64) -> Result<Batch, DataError> {
        self.made(samples, epoch, tch::get_num_threads().max(1) as usize)
    }

    fn batch_on(
        &self,
        samples: Range<u64>,
        epoch: u64,
        device: Device,
    ) -> Result<Batch, DataError> {
        let drawn = self.on_device(device, |resident| {
            let (order, key) = self.epoch(epoch);
            resident.batch(&order, key, samples.clone())
        });
        match drawn {
            Some(batch) => Ok(batch),
            None => Ok(self.batch(samples, epoch)?.to_device(device)),
        }
    }

    fn together(&self) -> u64 {
        TOGETHER
    }

    fn take_reason(&self) -> Option<String> {
        let mut on_device = self
            .on_device
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        on_device.reason.take()
    }
}

impl TrainRatings {
    /// Users `[N]` and items `[N]`, both i64, and labels `[N]` f32, 1 for a positive and 0 for a
    /// negative.
    fn made(&self, samples: Range<u64>, epoch: u64, threads: usize) -> Result<Batch, DataError> {
        let count = (samples.end - samples.start) as usize;
        let mut targets = Tensor::zeros([count as i64], (Kind::Float, Device::Cpu));
        let rows = filled(&[2, count], |rows| {
            let (users, items) = rows.split_at_mut(count);
            targets = filled(&[count], |labels| {
                let to = Columns {
                    users,
                    items,
                    labels,
                };
                self.write(samples.start, epoch, threads, to);
                Ok::<(), DataError>(())
            })?;
            Ok::<(), DataError>(())
        })?;
        Ok(Batch {
            inputs: vec![rows.get(0), rows.get(1)],
            targets,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train() -> Interactions {
        let pairs: Vec<(u32, u32)> = (0..20)
            .flat_map(|u| (0..9).map(move |k| (u, (u + k) % 12)))
            .collect();
        Interactions::new(20, 12, &pairs)
    }

    /// One sample.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Rating {
        user: u32,
        item: u32,
        is_positive: bool,
    }

    fn ratings(batch: &Batch) -> Vec<Rating> {
        let [users, items] =
            [0, 1].map(|column| Vec::<i64>::try_from(&batch.inputs[column]).unwrap());
        let labels = Vec::<f32>::try_from(&batch.targets).unwrap();
        let ratings = users.into_iter().zip(items).zip(labels);
        ratings
            .map(|((user, item), label)| Rating {
                user: user as u32,
                item: item as u32,
                is_positive: label == 1.0,
            })
            .collect()
    }

    fn epoch(set: &TrainRatings, epoch: u64) -> Vec<Rating> {
        ratings(&set.batch(0..set.len(), epoch).unwrap())
    }

    #[test]
    fn an_epoch_has_each_positive_once_and_no_positive_as_negative() {
        let train = train();
        let drawn = epoch(&TrainRatings::new(train.clone(), 4, 7), 1);
        assert_eq!(drawn.len(), train.len() * 5);
        let mut positives = Vec::new();
        let mut negatives = vec![0; 20];
        for Rating {
            user,
            item,
            is_positive,
        } in drawn
        {
            if is_positive {
                positives.push((user, item));
            } else {
                assert!(!train.contains(user as usize, item as usize));
                negatives[user as usize] += 1;
            }
        }
        positives.sort_unstable();
        assert_eq!(positives, train.pairs().collect::<Vec<_>>());
        assert_eq!(negatives, [4 * 9; 20]);
    }

    #[test]
    fn seed_and_epoch_decide_the_sequence() {
        let of = |seed, number| epoch(&TrainRatings::new(train(), 4, seed), number);
        assert_eq!(of(7, 1), of(7, 1));
        assert_ne!(of(7, 1), of(8, 1));
        assert_ne!(of(7, 1), of(7, 2));
    }

    /// Each of three items that its user has not met, each as likely as another.
    #[test]
    fn negatives_are_uniform() {
        let set = TrainRatings::new(train(), 4, 3);
        let mut counts = [0f64; 60];
        for number in 1..=200 {
            for Rating {
                user,
                item,
                is_positive,
            } in epoch(&set, number)
            {
                if !is_positive {
                    counts[(user * 3 + (item + 12 - (user + 9) % 12) % 12) as usize] += 1.0;
                }
            }
        }
        let expected = (200 * 4 * 9) as f64 / 3.0;
        let chi: f64 = counts
            .iter()
            .map(|count| (count - expected).powi(2) / expected)
            .sum();
        // The 99.99 % point of 40 degrees of freedom.
        assert!(chi < 82.0, "{chi}");
    }

    /// More samples than a thread takes by itself, so that there are parts.
    #[test]
    fn shares_of_any_size_on_any_threads_cut_up_one_sequence() {
        let pairs: Vec<(u32, u32)> = (0..400)
            .flat_map(|user| (0..100).map(move |k| (user, (user * 7 + k * 3) % 500)))
            .collect();
        let interactions = Interactions::new(400, 500, &pairs);
        let set = TrainRatings::new(interactions, 2, 3);
        let len = set.len();
        assert!(len > 3 * LEAST as u64);
        let whole = ratings(&set.made(0..len, 2, 1).unwrap());
        for threads in [1, 2, 4] {
            for parts in [1, 2, 4, 7] {
                let size = len.div_ceil(parts);
                let starts = (0..parts).map(|part| part * size);
                let shares = starts.map(|start| start..(start + size).min(len));
                let shares: Vec<Rating> = shares
                    .flat_map(|share| ratings(&set.made(share, 2, threads).unwrap()))
                    .collect();
                assert!(shares == whole, "{parts} parts, {threads} threads");
            }
        }
        assert!(ratings(&set.batch(5..5, 2).unwrap()).is_empty());
    }

    /// Committed numbers: other ones would change every result.
    #[test]
    fn samples_keep_their_values() {
        let set = TrainRatings::new(train(), 4, 42);
        let batch = set.batch(0..4, 3).unwrap();
        let drawn = ratings(&batch).into_iter();
        let drawn: Vec<_> = drawn
            .map(|one| (one.user, one.item, one.is_positive))
            .collect();
        assert_eq!(
            drawn,
            [
                (18, 5, false),
                (3, 1, false),
                (13, 10, false),
                (7, 5, false)
            ]
        );
    }
}
