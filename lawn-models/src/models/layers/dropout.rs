use rand::Rng;
use tch::{Device, Kind, Tensor};

use super::first_sample::{at_there, first_there};
use crate::models::model::Mode;
use crate::random::{Purpose, at, stream};

/// Sets some of what passes through it to 0 in training, and scales up the rest.
///
/// ```text
/// y = x · keep / (1 − rate),   P(keep = 0) = rate
/// ```
/// What is dropped depends on the seed, the layer and the number of the sample alone
/// ([`Mode::Train`]): however a batch is cut into parts, and wherever training goes on, the
/// same is dropped.
///
/// Source: Srivastava et al. 2014; of whole samples: stochastic depth, Huang et al. 2016,
/// arXiv 1603.09382, in the form that is scaled in training.
///
/// ```
/// use lawn_models::models::{Mode, layers::Dropout};
/// use tch::{Device, Kind, Tensor};
///
/// let dropout = Dropout::of_elements(0.25, 0, 0);
/// let input = Tensor::ones([2, 1000], (Kind::Float, Device::Cpu));
/// let output = dropout.forward(&input, Mode::Train { first: 0 });
/// let kept = output.ne(0.0).sum(Kind::Int64).int64_value(&[]);
/// assert!((1400..1600).contains(&kept));
/// assert_eq!(output.narrow(0, 1, 1), dropout.forward(&input.narrow(0, 1, 1), Mode::Train { first: 1 }));
/// assert_eq!(dropout.forward(&input, Mode::Evaluate), input);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    rate: f64,
    whole_samples: bool,
    key: u64,
}

impl Dropout {
    /// Drops single elements with the probability `rate`, which is below 1. Layers with the
    /// same `seed` differ by `place`.
    pub fn of_elements(rate: f64, seed: u64, place: u64) -> Self {
        Self {
            rate,
            whole_samples: false,
            key: stream(seed, Purpose::Dropout, place).next_u64(),
        }
    }

    /// Drops whole samples (stochastic depth, drop path).
    pub fn of_samples(rate: f64, seed: u64, place: u64) -> Self {
        Self {
            whole_samples: true,
            ..Self::of_elements(rate, seed, place)
        }
    }

    /// Its probability of dropping.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// `[N, …]` to the same.
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Tensor {
        match mode {
            Mode::Train { first } if self.rate > 0.0 => {
                let keep = self.keep(&input.size(), first, input.device());
                input * keep.to_kind(input.kind()) / (1.0 - self.rate)
            }
            _ => input.shallow_clone(),
        }
    }

    /// What is kept: booleans that broadcast over `shape`.
    fn keep(&self, shape: &[i64], first: u64, device: Device) -> Tensor {
        let mut numbers = self.numbers(shape[0], first, device);
        let mut broad = vec![1; shape.len()];
        broad[0] = shape[0];
        if !self.whole_samples {
            let elements: i64 = shape[1..].iter().product();
            let places = Tensor::arange(elements, (Kind::Int, device)).view([1, elements]);
            let places = places * GOLDEN_RATIO;
            numbers = scramble(numbers.view([-1, 1]).bitwise_xor_tensor(&places));
            broad = shape.to_vec();
        }
        // Uniform over all i32.
        let bound = (self.rate - 0.5) * 2f64.powi(32);
        numbers.ge(bound.round() as i64).view(&broad[..])
    }

    /// A number of each sample, i32.
    fn numbers(&self, count: i64, first: u64, device: Device) -> Tensor {
        let there = first_there();
        if device == Device::Cpu && there.is_none() {
            let one = |sample| (at(self.key, first + sample) >> 32) as i32;
            return Tensor::from_slice(&(0..count as u64).map(one).collect::<Vec<_>>());
        }
        // A device has them without a copy that it would be waited for.
        let samples = Tensor::arange(count, (Kind::Int64, device));
        let samples = match there {
            Some(there) => samples + there,
            None => samples + first as i64,
        };
        at_there(self.key, &samples)
            .bitwise_right_shift_tensor_scalar(32)
            .to_kind(Kind::Int)
    }
}

/// An odd number whose multiples are spread over 32 bits, as i32: 2³² / golden ratio.
const GOLDEN_RATIO: i64 = 0x9e37_79b1 - (1 << 32);

/// Spreads each bit of an i32 over all; products wrap.
fn scramble(x: Tensor) -> Tensor {
    // The shift brings the sign in from the left.
    let folded = |x: &Tensor, by: i64| {
        let high = x.bitwise_right_shift_tensor_scalar(by);
        x.bitwise_xor_tensor(&high.bitwise_and((1i64 << (32 - by)) - 1))
    };
    let x = folded(&x, 16) * 0x7feb_352d;
    let x = folded(&x, 15) * 0x045d_9f3b;
    folded(&x, 16)
}

#[cfg(test)]
mod tests {
    use super::super::first_sample::FirstSample;
    use super::*;

    fn ones(shape: &[i64]) -> Tensor {
        Tensor::ones(shape, (Kind::Float, Device::Cpu))
    }

    fn mean(tensor: &Tensor) -> f64 {
        tensor.mean(Kind::Double).double_value(&[])
    }

    const TRAIN: Mode = Mode::Train { first: 0 };

    #[test]
    fn the_rate_is_met_and_the_mean_stays() {
        for rate in [0.1, 0.5, 0.9] {
            for dropout in [
                Dropout::of_elements(rate, 3, 0),
                Dropout::of_samples(rate, 3, 0),
            ] {
                // 40,000 draws either way.
                let count = if dropout.whole_samples { 40_000 } else { 40 };
                let input = ones(&[count, 40_000 / count]);
                let output = dropout.forward(&input, TRAIN);
                let dropped = mean(&output.eq(0.0).to_kind(Kind::Float));
                let error = (rate * (1.0 - rate) / 40_000.0).sqrt();
                assert!((dropped - rate).abs() < 4.0 * error, "{rate}: {dropped}");
                let kept = output.max().double_value(&[]);
                assert!((kept * (1.0 - rate) - 1.0).abs() < 1e-6, "{kept}");
            }
        }
    }

    /// Between neighbours, samples, layers and seeds, a correlation is as small as chance
    /// makes it.
    #[test]
    fn draws_do_not_hang_together() {
        let draw = |seed, place| {
            let dropout = Dropout::of_elements(0.5, seed, place);
            dropout.forward(&ones(&[100, 400]), TRAIN) - 1.0
        };
        let base = draw(0, 0);
        let correlation = |a: &Tensor, b: &Tensor| mean(&(a * b));
        for (what, found) in [
            (
                "elements",
                correlation(&base.narrow(1, 1, 399), &base.narrow(1, 0, 399)),
            ),
            (
                "farther",
                correlation(&base.narrow(1, 64, 336), &base.narrow(1, 0, 336)),
            ),
            (
                "samples",
                correlation(&base.narrow(0, 1, 99), &base.narrow(0, 0, 99)),
            ),
            ("layers", correlation(&base, &draw(0, 1))),
            ("seeds", correlation(&base, &draw(1, 0))),
        ] {
            assert!(found.abs() < 4.0 / 180.0, "{what}: {found}");
        }
        // Neither of samples nor of places have some more than the others.
        for dimension in [0, 1] {
            let sums = base.mean_dim(dimension, false, Kind::Float);
            let count = [100.0, 400.0][dimension as usize];
            let spread = mean(&sums.square()) * count;
            assert!((0.7..1.4).contains(&spread), "{dimension}: {spread}");
        }
    }

    /// A device computes them by its own operations, also of a number that it has itself.
    #[test]
    fn a_device_drops_the_same() {
        let dropout = Dropout::of_elements(0.3, 5, 1);
        let (input, first) = (ones(&[9, 4]), (1 << 40) + 3);
        let expected = dropout.forward(&input, Mode::Train { first });
        let there = Tensor::from(first as i64);
        let given = FirstSample::of(&there);
        // Of another number, as a graph has the one that it was captured with.
        assert_eq!(dropout.forward(&input, TRAIN), expected);
        drop(given);
        assert_ne!(dropout.forward(&input, TRAIN), expected);
    }

    /// Committed numbers: other ones would change the results of trials.
    #[test]
    fn draws_keep_their_values() {
        let kept = |dropout: Dropout| {
            let output = dropout.forward(&ones(&[12, 2]), Mode::Train { first: 7 });
            Vec::<f64>::try_from(output.gt(0.0).to_kind(Kind::Double).view(-1)).unwrap()
        };
        let bits = |dropout| {
            let kept = kept(dropout).into_iter();
            kept.fold(0u32, |bits, one| 2 * bits + one as u32)
        };
        assert_eq!(
            [
                bits(Dropout::of_elements(0.5, 1, 2)),
                bits(Dropout::of_samples(0.5, 1, 2))
            ],
            [4_718_558, 12_841_776]
        );
    }
}
