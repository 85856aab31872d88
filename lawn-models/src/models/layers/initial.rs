//! Initial values from explicit random streams, the same on every device.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tch::Tensor;

/// f32 values of the given shape from N(0, deviation²), on the CPU.
pub fn normal(shape: &[i64], deviation: f64, rng: &mut ChaCha8Rng) -> Tensor {
    fill(shape, || {
        let value: f64 = StandardNormal.sample(rng);
        value * deviation
    })
}

/// f32 values of the given shape, uniform in [−bound, bound), on the CPU.
pub fn uniform(shape: &[i64], bound: f64, rng: &mut ChaCha8Rng) -> Tensor {
    fill(shape, || {
        let unit = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        (2.0 * unit - 1.0) * bound
    })
}

fn fill(shape: &[i64], draw: impl FnMut() -> f64) -> Tensor {
    let mut draw = draw;
    let count: i64 = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| draw() as f32).collect();
    Tensor::from_slice(&values).view(shape)
}
