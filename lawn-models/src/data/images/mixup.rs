//! Mixup: samples that lie between two images.

use std::ops::Range;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use crate::data::dataset::{Batch, Dataset};
use crate::data::error::DataError;
use crate::random::{Purpose, sample_stream, unit_above_zero};

/// A data set whose samples are mixed in pairs, those with the numbers 2k and 2k + 1 of an epoch.
///
/// ```text
/// x = λ a + (1 − λ) b     y = λ onehot(a) + (1 − λ) onehot(b)     λ ~ Beta(α, α)
/// ```
/// A sample is a of its own mixture and b of its partner's, with one λ for both; the last of an
/// odd number stays as it is. The seed, the epoch and k decide λ, and the epoch's order who is
/// with whom, so that batches of any size cut up one sequence.
///
/// Source: Zhang et al. 2018, *mixup: Beyond Empirical Risk Minimization*, arXiv 1710.09412.
/// *Differs from* it in that partners are drawn without repetition, and from torchvision's, which
/// mixes with the next sample of a batch by one λ for all of it.
pub(crate) struct Mixup {
    images: Arc<dyn Dataset>,
    alpha: f64,
    classes: i64,
    seed: u64,
}

impl Mixup {
    /// Mixes the samples of `images`, whose targets are numbers below `classes`.
    pub(crate) fn new(images: Arc<dyn Dataset>, alpha: f64, classes: i64, seed: u64) -> Self {
        Self {
            images,
            alpha,
            classes,
            seed,
        }
    }

    /// The part that a sample has in its own mixture.
    fn share(&self, epoch: u64, sample: u64) -> f64 {
        if sample ^ 1 >= self.len() {
            return 1.0;
        }
        let mut stream = sample_stream(self.seed, Purpose::Mixup, epoch, sample / 2);
        beta(self.alpha, &mut stream)
    }
}

impl Dataset for Mixup {
    fn len(&self) -> u64 {
        self.images.len()
    }

    fn take_reason(&self) -> Option<String> {
        self.images.take_reason()
    }

    /// Targets are `[N, classes]`, f32.
    fn batch(&self, samples: Range<u64>, epoch: u64) -> Result<Batch, DataError> {
        self.batch_on(samples, epoch, Device::Cpu)
    }

    fn batch_on(
        &self,
        samples: Range<u64>,
        epoch: u64,
        device: Device,
    ) -> Result<Batch, DataError> {
        let pairs = samples.start / 2 * 2..samples.end.next_multiple_of(2).min(self.len());
        let whole = self.images.batch_on(pairs.clone(), epoch, device)?;
        let of = |sample: u64| (sample - pairs.start) as i64;
        let own: Vec<i64> = samples.clone().map(of).collect();
        let partner = |sample: u64| {
            if sample ^ 1 < pairs.end {
                sample ^ 1
            } else {
                sample
            }
        };
        let other: Vec<i64> = samples.clone().map(partner).map(of).collect();
        let shares: Vec<f32> = samples
            .map(|sample| self.share(epoch, sample) as f32)
            .collect();
        let [own, other] =
            [own, other].map(|indices| Tensor::from_slice(&indices).to_device(device));
        let shares = Tensor::from_slice(&shares).to_device(device);
        let mix = |of: &Tensor| {
            let mut shape = vec![1; of.dim()];
            shape[0] = -1;
            let shares = shares.view(&shape[..]);
            of.index_select(0, &own) * &shares + of.index_select(0, &other) * (1.0 - &shares)
        };
        Ok(Batch {
            inputs: whole.inputs.iter().map(&mix).collect(),
            targets: mix(&whole.targets.one_hot(self.classes).to_kind(Kind::Float)),
        })
    }

    fn together(&self) -> u64 {
        self.images.together()
    }
}

/// A number of Beta(α, α), for α up to 1.
///
/// ```text
/// U^(1/α) / (U^(1/α) + V^(1/α)),   U and V uniform, where the sum is 1 at most
/// ```
/// In logarithms, as the powers of a small α are nothing but 0. Source: Jöhnk 1964, *Erzeugung
/// von betaverteilten und gammaverteilten Zufallszahlen*, Metrika 8.
fn beta(alpha: f64, stream: &mut ChaCha8Rng) -> f64 {
    loop {
        let [u, v] = [(); 2].map(|()| {
            // Above 0, so that it has a logarithm.
            unit_above_zero(stream).ln() / alpha
        });
        if u.exp() + v.exp() <= 1.0 {
            return 1.0 / (1.0 + (v - u).exp());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sample `i` of an epoch is an image full of `i` of the class `i % 3`.
    struct Numbers(u64);

    impl Dataset for Numbers {
        fn len(&self) -> u64 {
            self.0
        }

        fn batch(&self, samples: Range<u64>, _epoch: u64) -> Result<Batch, DataError> {
            assert!(samples.end <= self.0);
            let numbers: Vec<i64> = samples.map(|sample| sample as i64).collect();
            let numbers = Tensor::from_slice(&numbers);
            let images = numbers.to_kind(Kind::Float).view([-1, 1, 1, 1]);
            Ok(Batch {
                inputs: vec![images.expand([-1, 3, 2, 2], false)],
                targets: numbers.remainder(3),
            })
        }
    }

    fn mixed(len: u64, alpha: f64) -> Mixup {
        Mixup::new(Arc::new(Numbers(len)), alpha, 3, 7)
    }

    #[test]
    fn a_sample_is_the_same_however_samples_are_cut_into_parts() {
        for len in [1, 2, 9, 10] {
            let set = mixed(len, 0.4);
            for epoch in [1, 2] {
                let whole = set.batch(0..len, epoch).unwrap();
                assert_eq!(whole.targets.size(), [len as i64, 3]);
                for start in 0..len {
                    for end in start + 1..=len {
                        let part = set.batch(start..end, epoch).unwrap();
                        let same = whole.narrow(start, end - start);
                        assert_eq!(part.inputs[0], same.inputs[0], "{start}..{end} of {len}");
                        assert_eq!(part.targets, same.targets, "{start}..{end} of {len}");
                    }
                }
            }
        }
    }

    #[test]
    fn partners_share_what_they_are_made_of() {
        let set = mixed(9, 0.8);
        let images = |epoch| {
            let batch = set.batch(0..9, epoch).unwrap();
            let first = batch.inputs[0].select(1, 0).select(1, 0).select(1, 0);
            (Vec::<f64>::try_from(first).unwrap(), batch.targets)
        };
        let (values, targets) = images(1);
        for pair in 0..4 {
            let [one, other] = [values[2 * pair], values[2 * pair + 1]];
            let (low, high) = (2.0 * pair as f64, 2.0 * pair as f64 + 1.0);
            assert!((low..=high).contains(&one), "{one}");
            assert!((one + other - low - high).abs() < 1e-5, "{one} and {other}");
            // The target says by how much.
            let own = targets.double_value(&[2 * pair as i64, 2 * pair as i64 % 3]);
            assert!((own - (high - one)).abs() < 1e-5, "{own} and {one}");
        }
        assert_eq!(values[8], 8.0);
        assert_eq!(targets.double_value(&[8, 2]), 1.0);
        let sums = targets.sum_dim_intlist([1].as_slice(), false, Kind::Double);
        assert!((sums - 1.0).abs().max().double_value(&[]) < 1e-6);
        assert_ne!(images(2).0, values);
    }

    /// Mean 1/2 and variance 1 / (4 (2α + 1)).
    #[test]
    fn shares_have_the_moments_of_a_beta_distribution() {
        for alpha in [0.05, 0.2, 0.5, 1.0] {
            let set = mixed(40_000, alpha);
            let shares: Vec<f64> = (0..20_000).map(|pair| set.share(1, 2 * pair)).collect();
            let count = shares.len() as f64;
            let mean = shares.iter().sum::<f64>() / count;
            let square = |share: &f64| (share - mean).powi(2);
            let variance = shares.iter().map(square).sum::<f64>() / count;
            let expected = 0.25 / (2.0 * alpha + 1.0);
            assert!((mean - 0.5).abs() < 0.015, "{alpha}: {mean}");
            assert!((variance - expected).abs() < 0.01, "{alpha}: {variance}");
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        }
    }
}
