//! The samples of one epoch: every train pair once, with fresh negatives.

use std::sync::Arc;
use std::thread::JoinHandle;

use tch::{Device, Tensor};

use super::interactions::Interactions;
use crate::random::{Purpose, below, shuffle, stream};

/// The top bit of a packed sample says that it is a positive; below it lie 31
/// bits of user and 32 of item.
const POSITIVE: u64 = 1 << 63;

/// One epoch in the order it is trained in, on the CPU.
#[derive(Debug)]
pub(crate) struct EpochSamples {
    /// `[N]` i64.
    pub(crate) users: Tensor,
    /// `[N]` i64.
    pub(crate) items: Tensor,
    /// `[N]` f32, 1 for a positive and 0 for a negative.
    pub(crate) labels: Tensor,
}

/// Draws the samples of an epoch.
///
/// Each train pair comes with `negatives` items drawn uniformly from those that
/// its user has no train pair with. Held-out items can be among them: at
/// training time nothing tells them from others. Order and negatives depend on
/// `(seed, epoch)` only, so batches of any size cut up the same sequence.
pub(crate) fn draw(train: &Interactions, negatives: u32, seed: u64, epoch: u64) -> Vec<u64> {
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

impl EpochSamples {
    /// Unpacks drawn samples into index and label tensors.
    fn new(packed: &[u64]) -> Self {
        let users: Vec<i64> = packed
            .iter()
            .map(|s| ((s & !POSITIVE) >> 32) as i64)
            .collect();
        let items: Vec<i64> = packed.iter().map(|s| (s & 0xffff_ffff) as i64).collect();
        let labels: Vec<f32> = packed.iter().map(|s| (s >> 63) as f32).collect();
        Self {
            users: Tensor::from_slice(&users),
            items: Tensor::from_slice(&items),
            labels: Tensor::from_slice(&labels),
        }
    }

    /// The same on a device; nothing is copied where they are there already.
    pub(crate) fn to_device(&self, device: Device) -> Self {
        Self {
            users: self.users.to_device(device),
            items: self.items.to_device(device),
            labels: self.labels.to_device(device),
        }
    }
}

/// Draws the next epoch on a thread of its own while this one trains.
#[derive(Debug)]
pub(crate) struct Sampler {
    train: Arc<Interactions>,
    negatives: u32,
    seed: u64,
    ahead: Option<(u64, JoinHandle<EpochSamples>)>,
}

impl Sampler {
    /// A sampler of `train` pairs.
    pub(crate) fn new(train: Interactions, negatives: u32, seed: u64) -> Self {
        Self {
            train: Arc::new(train),
            negatives,
            seed,
            ahead: None,
        }
    }

    /// Samples in one epoch.
    pub(crate) fn len(&self) -> u64 {
        self.train.len() as u64 * (1 + u64::from(self.negatives))
    }

    /// The samples of `epoch`; where another one follows, it starts to be drawn.
    pub(crate) fn epoch(&mut self, epoch: u64, another: bool) -> EpochSamples {
        let handle = match self.ahead.take() {
            Some((ready, handle)) if ready == epoch => handle,
            _ => self.start(epoch),
        };
        let samples = match handle.join() {
            Ok(samples) => samples,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        if another {
            self.ahead = Some((epoch + 1, self.start(epoch + 1)));
        }
        samples
    }

    fn start(&self, epoch: u64) -> JoinHandle<EpochSamples> {
        let (train, negatives, seed) = (Arc::clone(&self.train), self.negatives, self.seed);
        std::thread::spawn(move || EpochSamples::new(&draw(&train, negatives, seed, epoch)))
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
    fn drawing_ahead_changes_nothing() {
        let mut in_order = Sampler::new(train(), 2, 3);
        in_order.epoch(1, true);
        let ahead = in_order.epoch(2, true);
        let direct = Sampler::new(train(), 2, 3).epoch(2, false);
        assert_eq!(ahead.users, direct.users);
        assert_eq!(ahead.items, direct.items);
        assert_eq!(ahead.labels, direct.labels);
        assert_eq!(in_order.len(), direct.labels.size()[0] as u64);
    }

    #[test]
    fn unpacking_keeps_user_item_and_label() {
        let samples = EpochSamples::new(&[POSITIVE | 5 << 32 | 9, 6 << 32 | 0xffff_ffff]);
        assert_eq!(Vec::<i64>::try_from(&samples.users).unwrap(), [5, 6]);
        assert_eq!(
            Vec::<i64>::try_from(&samples.items).unwrap(),
            [9, 0xffff_ffff]
        );
        assert_eq!(Vec::<f32>::try_from(&samples.labels).unwrap(), [1.0, 0.0]);
    }
}
