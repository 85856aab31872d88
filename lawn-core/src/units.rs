//! Units: what one radius belongs to.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// How a parameter is divided into units, each with a norm of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Granularity {
    /// The whole tensor is one unit.
    #[default]
    Layer,
    /// Each output row (index of the first dimension) is one unit. A tensor of
    /// fewer than two dimensions has no rows and stays one unit.
    Row,
}

impl Granularity {
    /// How many units a tensor of this shape has.
    #[must_use]
    pub fn units(self, shape: &[i64]) -> i64 {
        match self {
            Granularity::Row if shape.len() >= 2 => shape[0],
            _ => 1,
        }
    }

    /// The inner product `⟨a, b⟩` of each unit.
    ///
    /// `a` and `b` have one shape; the result has as many dimensions, of which
    /// all are 1 except the first under [`Row`](Granularity::Row), and is f64
    /// whatever they are.
    pub fn dot(self, a: &Tensor, b: &Tensor) -> Tensor {
        // Products of f32 are exact in f64, and so is their sum, nearly.
        let products = a.to_kind(Kind::Double) * b.to_kind(Kind::Double);
        let dimensions = a.dim() as i64;
        let first = i64::from(self == Granularity::Row && dimensions >= 2);
        let summed: Vec<i64> = (first..dimensions).collect();
        if summed.is_empty() {
            return products;
        }
        products.sum_dim_intlist(summed, true, Kind::Double)
    }

    /// Shape of the result of [`dot`](Self::dot) for tensors of this shape.
    pub(crate) fn dot_shape(self, shape: &[i64]) -> Vec<i64> {
        let mut result = vec![1; shape.len()];
        if let Some(first) = result.first_mut() {
            *first = self.units(shape);
        }
        result
    }

    /// The norm `‖a‖₂` of each unit, shaped as [`dot`](Self::dot)'s result.
    pub fn norm(self, a: &Tensor) -> Tensor {
        self.dot(a, a).sqrt()
    }
}

/// What a projection leaves of a squared norm where nothing but rounding is left:
/// a millionth of the norm, which is 16 roundings of f32.
pub(crate) const ROUNDING: f64 = 1e-12;

/// The same for numbers that were rounded to this kind: two roundings of 16 bits.
pub(crate) fn rounding(kind: Kind) -> f64 {
    match kind {
        Kind::Half => 2f64.powi(-20),
        Kind::BFloat16 => 2f64.powi(-14),
        _ => ROUNDING,
    }
}

/// `a` with each unit multiplied by its factor, in the kind of `a`.
pub(crate) fn scale(a: &Tensor, factors: &Tensor) -> Tensor {
    a * factors.to_kind(a.kind())
}

/// Numbers of units, or other f64, on the host, flat; waits for their device.
pub(crate) fn host(tensor: &Tensor) -> Vec<f64> {
    let mut values = vec![0.0; tensor.numel()];
    tensor
        .to_device(Device::Cpu)
        .copy_data(&mut values, tensor.numel());
    values
}

/// `‖x‖₂` over all elements, f64, on the device.
pub(crate) fn norm(x: &Tensor) -> Tensor {
    x.norm_scalaropt_dtype(2, Kind::Double)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_layers() {
        let a = Tensor::from_slice(&[3f32, 4.0, 0.0, 5.0]).reshape([2, 2]);
        let layer = Granularity::Layer.norm(&a);
        assert_eq!((layer.size(), layer.kind()), (vec![1, 1], Kind::Double));
        assert!((layer.double_value(&[0, 0]) - 50f64.sqrt()).abs() < 1e-14);
        let rows = Granularity::Row.norm(&a);
        assert_eq!(rows.size(), [2, 1]);
        assert_eq!(Vec::<f64>::try_from(rows.view(-1)).unwrap(), [5.0, 5.0]);
        assert_eq!(Granularity::Row.units(&[7]), 1);
        assert_eq!(Granularity::Row.units(&[7, 2, 2]), 7);
        assert_eq!(
            Granularity::Row
                .norm(&Tensor::from_slice(&[3f32, 4.0]))
                .size(),
            [1]
        );
    }
}
