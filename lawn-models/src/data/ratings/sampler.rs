//! The samples of one epoch: every train pair once, with fresh negatives.

use std::ops::Range;
use std::sync::Arc;

use tch::Tensor;

use super::interactions::Interactions;
use crate::data::dataset::{Batch, Dataset};
use crate::data::epochs::Epochs;
use crate::data::error::DataError;
use crate::random::{Purpose, below, shuffle, stream};

/// The top bit of a packed sample says that it is a positive; below it lie 31
/// bits of user and 32 of item.
const POSITIVE: u64 = 1 << 63;

/// Samples that are brought to a device together: 20 MiB, where a batch of a thousand is 20
/// KiB.
const TOGETHER: u64 = 1 << 20;

/// Draws the samples of an epoch.
///
/// Each train pair comes with `negatives` items drawn uniformly from those that
/// its user has no train pair with. Held-out items can be among them: at
/// training time nothing tells them from others. Order and negatives depend on
/// `(seed, epoch)` only, so batches of any size cut up the same sequence.
fn draw(train: &Interactions, negatives: u32, seed: u64, epoch: u64) -> Vec<u64> {
    let mut rng = stream(seed, Purpose::Negatives, epoch);
    let mut packed = Vec::with_capacity(train.len() * (1 + negatives as usize));
    for (user, item) in train.pairs() {
        let owner = u64::from(user) << 32;
        packed.push(POSITIVE | owner | u64::from(item));
        for _ in 0..negatives {
            let negative = loop {
                let drawn = below(&mut rng, train.items());
                if !train.contains(user as usize, drawn) {
                    break drawn;
                }
            };
            packed.push(owner | negative as u64);
        }
    }
    shuffle(&mut stream(seed, Purpose::Order, epoch), &mut packed);
    packed
}

/// Index and label tensors of packed samples: users `[N]` and items `[N]`, both i64, and
/// labels `[N]` f32, 1 for a positive and 0 for a negative.
fn unpack(packed: &[u64]) -> Batch {
    let user = |sample: &u64| ((sample & !POSITIVE) >> 32) as i64;
    let users: Vec<i64> = packed.iter().map(user).collect();
    let items: Vec<i64> = packed.iter().map(|s| (s & 0xffff_ffff) as i64).collect();
    let labels: Vec<f32> = packed.iter().map(|s| (s >> 63) as f32).collect();
    Batch {
        inputs: vec![Tensor::from_slice(&users), Tensor::from_slice(&items)],
        targets: Tensor::from_slice(&labels),
    }
}

/// The pairs that gradients come from, with negatives that are new each epoch.
pub(crate) struct TrainRatings {
    len: u64,
    epochs: Epochs<Vec<u64>>,
}

impl TrainRatings {
    /// `negatives` are drawn for each of the `train` pairs.
    pub(crate) fn new(train: Interactions, negatives: u32, seed: u64) -> Self {
        let len = train.len() as u64 * (1 + u64::from(negatives));
        let train = Arc::new(train);
        Self {
            len,
            epochs: Epochs::new(move |epoch| draw(&train, negatives, seed, epoch)),
        }
    }
}

impl Dataset for TrainRatings {
    fn len(&self) -> u64 {
        self.len
    }

    fn prepare(&self, epoch: u64) {
        self.epochs.prepare(epoch);
    }

    fn batch(&self, samples: Range<u64>, epoch: u64) -> Result<Batch, DataError> {
        let packed = self.epochs.get(epoch);
        Ok(unpack(
            &packed[samples.start as usize..samples.end as usize],
        ))
    }

    fn together(&self) -> u64 {
        TOGETHER
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

    #[test]
    fn an_epoch_has_each_positive_once_and_no_positive_as_negative() {
        let train = train();
        let drawn = draw(&train, 4, 7, 1);
        assert_eq!(drawn.len(), train.len() * 5);
        let mut positives = Vec::new();
        for sample in drawn {
            let (user, item) = ((sample & !POSITIVE) >> 32, sample & 0xffff_ffff);
            if sample & POSITIVE == 0 {
                assert!(!train.contains(user as usize, item as usize));
            } else {
                positives.push((user as u32, item as u32));
            }
        }
        positives.sort_unstable();
        assert_eq!(positives, train.pairs().collect::<Vec<_>>());
    }

    #[test]
    fn seed_and_epoch_decide_the_sequence() {
        let train = train();
        assert_eq!(draw(&train, 4, 7, 1), draw(&train, 4, 7, 1));
        assert_ne!(draw(&train, 4, 7, 1), draw(&train, 4, 8, 1));
        assert_ne!(draw(&train, 4, 7, 1), draw(&train, 4, 7, 2));
    }

    #[test]
    fn drawing_ahead_and_batches_of_any_size_change_nothing() {
        let in_order = TrainRatings::new(train(), 2, 3);
        let len = in_order.len();
        in_order.batch(0..len, 1).unwrap();
        in_order.prepare(2);
        let ahead = in_order.batch(0..len, 2).unwrap();
        let direct = TrainRatings::new(train(), 2, 3);
        let parts = [0..7, 7..8, 8..len].map(|part| direct.batch(part, 2).unwrap());
        for place in 0..2 {
            let joined = Tensor::cat(&parts.each_ref().map(|part| &part.inputs[place]), 0);
            assert_eq!(ahead.inputs[place], joined);
        }
        let joined = Tensor::cat(&parts.each_ref().map(|part| &part.targets), 0);
        assert_eq!(ahead.targets, joined);
        assert_eq!(joined.size(), [len as i64]);
        let other = TrainRatings::new(train(), 2, 4).batch(0..len, 2).unwrap();
        assert_ne!(ahead.inputs[0], other.inputs[0]);
    }

    #[test]
    fn unpacking_keeps_user_item_and_label() {
        let batch = unpack(&[POSITIVE | 5 << 32 | 9, 6 << 32 | 0xffff_ffff]);
        assert_eq!(Vec::<i64>::try_from(&batch.inputs[0]).unwrap(), [5, 6]);
        assert_eq!(
            Vec::<i64>::try_from(&batch.inputs[1]).unwrap(),
            [9, 0xffff_ffff]
        );
        assert_eq!(Vec::<f32>::try_from(&batch.targets).unwrap(), [1.0, 0.0]);
    }
}
