//! What the tests share: parameters, and gradients of one's own choice.
#![allow(dead_code, reason = "each executable uses some of it")]

pub(crate) mod golden_table;
pub(crate) mod matrices;
pub(crate) mod oracle;
pub(crate) mod rules;
pub(crate) mod setting;
pub(crate) mod state_reader;
pub(crate) mod table;
pub(crate) mod trained;

use lawn_core::{Optimizer, Parameter, Parameters, Role, State};
use tch::{Device, Kind, Tensor};

/// Trainable parameters `p0`, `p1`, … with the role weight, and handles on their tensors.
pub(crate) fn parameters(weights: &[Tensor]) -> (Parameters, Vec<Tensor>) {
    let tensors: Vec<Tensor> = weights
        .iter()
        .map(|w| w.detach().copy().set_requires_grad(true))
        .collect();
    let parameters = tensors
        .iter()
        .enumerate()
        .map(|(i, tensor)| Parameter {
            name: format!("p{i}"),
            role: Role::Weight,
            tensor: tensor.shallow_clone(),
        })
        .collect();
    (Parameters::new(parameters).unwrap(), tensors)
}

/// Gives each weight this gradient, through `backward` of `⟨w, g⟩`.
pub(crate) fn set_gradients(
    optimizer: &mut Optimizer,
    weights: &[Tensor],
    gradients: &[Option<Tensor>],
) {
    optimizer.zero_grad();
    for (w, g) in weights.iter().zip(gradients) {
        if let Some(g) = g {
            // One element at a time would sum in another order; the product's
            // derivative is exactly g.
            (w * g.to_kind(w.kind())).sum(w.kind()).backward();
        }
    }
}

/// Numbers that look random and are the same everywhere: a linear congruence.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// The next number in `[-1, 1)`.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// A tensor of them, representable in f32.
    pub(crate) fn tensor(&mut self, shape: &[i64], kind: Kind) -> Tensor {
        let n: i64 = shape.iter().product();
        let values: Vec<f32> = (0..n).map(|_| self.next() as f32).collect();
        Tensor::from_slice(&values).reshape(shape).to_kind(kind)
    }
}

/// All elements in f64.
pub(crate) fn values(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor
        .detach()
        .to_device(Device::Cpu)
        .to_kind(Kind::Double)
        .contiguous()
        .view(-1);
    Vec::try_from(flat).unwrap()
}

/// Largest `|a − b| / (1 + |b|)`.
pub(crate) fn distance(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    let (a, b) = (values(a), values(b));
    a.iter()
        .zip(&b)
        .map(|(a, b)| (a - b).abs() / (1.0 + b.abs()))
        .fold(0.0, |max, x| {
            // NaN must not pass for small.
            if x > max || x.is_nan() { x } else { max }
        })
}

/// Everything a step could change, as bytes.
pub(crate) fn everything(optimizer: &Optimizer, weights: &[Tensor]) -> Vec<u8> {
    let mut state: State = optimizer.state();
    for (i, w) in weights.iter().enumerate() {
        state
            .tensors
            .insert(format!("weight/{i}"), w.detach().copy());
    }
    state.to_bytes().unwrap()
}
