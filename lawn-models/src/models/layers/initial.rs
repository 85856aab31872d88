//! Initial values from explicit random streams, the same on every device.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};
use tch::Tensor;

use crate::random::unit;

/// What the values of one parameter are drawn from.
///
/// ```
/// use lawn_models::models::layers::Distribution;
/// use rand::SeedableRng;
///
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let values = Distribution::Uniform { bound: 0.5 }.draw(&[100, 100], &mut rng);
/// assert!(values.abs().max().double_value(&[]) < 0.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// All are the same; nothing is drawn.
    Constant(f64),
    /// N(0, deviation²).
    Normal {
        /// Standard deviation.
        deviation: f64,
    },
    /// N(0, s²) without what lies beyond ±2 s, with the s that gives this deviation: what
    /// Flax calls truncated normal.
    TruncatedNormal {
        /// Standard deviation of what is left.
        deviation: f64,
    },
    /// Uniform in [−bound, bound).
    Uniform {
        /// Greatest magnitude.
        bound: f64,
    },
    /// Uniform in [0, bound).
    Positive {
        /// Greatest value.
        bound: f64,
    },
}

/// Standard deviation of N(0, 1) without what lies beyond ±2.
const TRUNCATED_DEVIATION: f64 = 0.879_625_661_034_239_8;

impl Distribution {
    /// Zeros.
    pub const ZERO: Self = Self::Constant(0.0);

    /// Glorot and Bengio 2010, equation 16: uniform with the variance 2 / (inputs + outputs).
    pub fn glorot(inputs: i64, outputs: i64) -> Self {
        Self::Uniform {
            bound: (6.0 / (inputs + outputs) as f64).sqrt(),
        }
    }

    /// The same variance, normal.
    pub fn glorot_normal(inputs: i64, outputs: i64) -> Self {
        Self::Normal {
            deviation: (2.0 / (inputs + outputs) as f64).sqrt(),
        }
    }

    /// He et al. 2015, arXiv 1502.01852, equations 10 and 14: N(0, 2 / connections), those
    /// of an output to its inputs or those of an input to its outputs.
    pub fn he(connections: i64) -> Self {
        Self::Normal {
            deviation: (2.0 / connections as f64).sqrt(),
        }
    }

    /// f32 values of the given shape, on the CPU.
    pub fn draw(self, shape: &[i64], rng: &mut ChaCha8Rng) -> Tensor {
        match self {
            Self::Constant(value) => {
                Tensor::full(shape, value, (tch::Kind::Float, tch::Device::Cpu))
            }
            Self::Normal { deviation } => normal(shape, deviation, rng),
            Self::TruncatedNormal { deviation } => {
                let scale = deviation / TRUNCATED_DEVIATION;
                fill(shape, || scale * truncated(rng))
            }
            Self::Uniform { bound } => uniform(shape, bound, rng),
            Self::Positive { bound } => fill(shape, || bound * unit(rng)),
        }
    }
}

/// What weight and bias of a layer are drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Initial {
    /// Of the weight.
    pub weight: Distribution,
    /// Of the bias, where there is one.
    pub bias: Distribution,
}

impl Initial {
    /// With a bias of zeros.
    pub fn unbiased(weight: Distribution) -> Self {
        Self {
            weight,
            bias: Distribution::ZERO,
        }
    }

    /// What PyTorch gives a linear or convolutional layer that nothing else is said of:
    /// weight and bias uniform in ±1 / √inputs, `inputs` being those of one output.
    pub fn pytorch(inputs: i64) -> Self {
        let bound = (1.0 / inputs as f64).sqrt();
        Self {
            weight: Distribution::Uniform { bound },
            bias: Distribution::Uniform { bound },
        }
    }
}

/// f32 values of the given shape from N(0, deviation²), on the CPU.
pub fn normal(shape: &[i64], deviation: f64, rng: &mut ChaCha8Rng) -> Tensor {
    fill(shape, || {
        let value: f64 = StandardNormal.sample(rng);
        value * deviation
    })
}

/// f32 values of the given shape, uniform in [−bound, bound), on the CPU.
pub fn uniform(shape: &[i64], bound: f64, rng: &mut ChaCha8Rng) -> Tensor {
    fill(shape, || (2.0 * unit(rng) - 1.0) * bound)
}

/// N(0, 1) until it lies within ±2.
fn truncated(rng: &mut ChaCha8Rng) -> f64 {
    loop {
        let value: f64 = StandardNormal.sample(rng);
        if value.abs() <= 2.0 {
            return value;
        }
    }
}

fn fill(shape: &[i64], draw: impl FnMut() -> f64) -> Tensor {
    let mut draw = draw;
    let count: i64 = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| draw() as f32).collect();
    Tensor::from_slice(&values).view(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn drawn(distribution: Distribution) -> [f64; 4] {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let values = distribution.draw(&[300, 1000], &mut rng);
        let values = values.to_kind(tch::Kind::Double);
        let moment = |power: f64| {
            let moment = values.pow_tensor_scalar(power).mean(tch::Kind::Double);
            moment.double_value(&[])
        };
        let most = values.abs().max().double_value(&[]);
        [moment(1.0), moment(2.0), moment(4.0), most]
    }

    /// Moments by theory; with 300,000 values each is within five of its standard errors.
    #[test]
    fn moments_and_bounds_are_those_of_the_distributions() {
        let [mean, second, fourth, most] = drawn(Distribution::Normal { deviation: 2.0 });
        assert!(mean.abs() < 5.0 * 2.0 / 548.0, "{mean}");
        assert!((second / 4.0 - 1.0).abs() < 5.0 * 1.415 / 548.0, "{second}");
        assert!(
            (fourth / 48.0 - 1.0).abs() < 5.0 * 3.266 / 548.0,
            "{fourth}"
        );
        assert!(most > 4.0 * 2.0, "{most}");

        let [mean, second, fourth, most] = drawn(Distribution::Uniform { bound: 3.0 });
        assert!(mean.abs() < 5.0 * 1.7321 / 548.0, "{mean}");
        assert!(
            (second / 3.0 - 1.0).abs() < 5.0 * 0.8944 / 548.0,
            "{second}"
        );
        assert!(
            (fourth / 16.2 - 1.0).abs() < 5.0 * 1.3334 / 548.0,
            "{fourth}"
        );
        assert!((2.999..=3.0).contains(&most), "{most}");

        let [mean, second, _, most] = drawn(Distribution::TruncatedNormal { deviation: 1.0 });
        assert!(mean.abs() < 5.0 / 548.0, "{mean}");
        assert!((second - 1.0).abs() < 5.0 * 1.2 / 548.0, "{second}");
        let bound = 2.0 / TRUNCATED_DEVIATION;
        assert!(most <= bound + 1e-6 && most > 0.999 * bound, "{most}");

        let [mean, second, _, most] = drawn(Distribution::Positive { bound: 3.0 });
        assert!((mean / 1.5 - 1.0).abs() < 5.0 * 0.57736 / 548.0, "{mean}");
        assert!(
            (second / 3.0 - 1.0).abs() < 5.0 * 0.8944 / 548.0,
            "{second}"
        );
        assert!((2.999..=3.0).contains(&most), "{most}");

        assert_eq!(drawn(Distribution::Constant(0.5)), [0.5, 0.25, 0.0625, 0.5]);
    }

    #[test]
    fn rules_of_the_papers() {
        assert_eq!(
            Distribution::he(50),
            Distribution::Normal { deviation: 0.2 }
        );
        assert_eq!(
            Distribution::glorot(4, 2),
            Distribution::Uniform { bound: 1.0 }
        );
        assert_eq!(
            Initial::pytorch(25).bias,
            Distribution::Uniform { bound: 0.2 }
        );
    }
}
