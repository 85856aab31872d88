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
    /// Each input column (index of the second dimension) is one unit; a tensor of fewer than two
    /// dimensions stays one.
    Column,
    /// So many rows are one unit, one after the other: a head of attention, whose projections of
    /// queries, keys and values have its rows together. Written `{ "head": 64 }`. A constraint
    /// refuses parameters that cannot be cut so.
    ///
    /// The projection of the output has a head in so many *columns*: each of its rows mixes all
    /// heads. It can be cut by rows as well, and its units are no heads then, so a
    /// [`Group`](crate::Group) should name the other projections alone.
    Head(u32),
}

impl Granularity {
    /// How many units a tensor of this shape has.
    #[must_use]
    pub fn units(self, shape: &[i64]) -> i64 {
        match self {
            Granularity::Row if shape.len() >= 2 => shape[0],
            Granularity::Column if shape.len() >= 2 => shape[1],
            Granularity::Head(rows) if shape.len() >= 2 => shape[0] / i64::from(rows.max(1)),
            _ => 1,
        }
    }

    /// The inner product `⟨a, b⟩` of each unit.
    ///
    /// `a` and `b` have one shape; the result has as many dimensions, of which all are 1 except
    /// that of the units, the second under [`Column`](Granularity::Column) and the first
    /// otherwise, and is f64 whatever they are.
    pub fn dot(self, a: &Tensor, b: &Tensor) -> Tensor {
        // Products of f32 are exact in f64, and so is their sum, nearly.
        self.sum(&(a.to_kind(Kind::Double) * b.to_kind(Kind::Double)))
    }

    /// The sum of each unit's elements, shaped as [`dot`](Self::dot)'s result.
    fn sum(self, elements: &Tensor) -> Tensor {
        let shape = elements.size();
        let dimensions = shape.len() as i64;
        if let (Granularity::Head(_), true) = (self, dimensions >= 2) {
            let heads = elements.reshape([self.units(&shape), -1]);
            let sums = heads.sum_dim_intlist([1].as_slice(), true, Kind::Double);
            return sums.reshape(self.dot_shape(&shape));
        }
        let kept = match self {
            Granularity::Row if dimensions >= 2 => Some(0),
            Granularity::Column if dimensions >= 2 => Some(1),
            _ => None,
        };
        let summed: Vec<i64> = (0..dimensions).filter(|one| Some(*one) != kept).collect();
        if summed.is_empty() {
            return elements.shallow_clone();
        }
        elements.sum_dim_intlist(summed, true, Kind::Double)
    }

    /// `a` without the mean of each unit.
    pub(crate) fn centred(self, a: &Tensor) -> Tensor {
        let elements = a.numel() as f64 / self.units(&a.size()).max(1) as f64;
        let mean = self.sum(&a.to_kind(Kind::Double)) / elements;
        a - spread(&mean, a).to_kind(a.kind())
    }

    /// Shape of the result of [`dot`](Self::dot) for tensors of this shape.
    pub(crate) fn dot_shape(self, shape: &[i64]) -> Vec<i64> {
        let mut result = vec![1; shape.len()];
        let place = usize::from(self == Granularity::Column && shape.len() >= 2);
        if let Some(units) = result.get_mut(place) {
            *units = self.units(shape);
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

/// Numbers of units such that they broadcast over a tensor: those of heads once a row.
pub(crate) fn spread(numbers: &Tensor, over: &Tensor) -> Tensor {
    let (units, rows) = (numbers.size(), over.size());
    match (units.first(), rows.first()) {
        (Some(&units), Some(&rows)) if units > 1 && units != rows => {
            numbers.repeat_interleave_self_int(rows / units, 0, rows)
        }
        _ => numbers.shallow_clone(),
    }
}

/// `a` with each unit multiplied by its factor, in the kind of `a`.
pub(crate) fn scale(a: &Tensor, factors: &Tensor) -> Tensor {
    a * spread(factors, a).to_kind(a.kind())
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
        let columns = Granularity::Column.norm(&a);
        assert_eq!(columns.size(), [1, 2]);
        assert!((columns.double_value(&[0, 1]) - 41f64.sqrt()).abs() < 1e-14);
        let b = Tensor::cat(&[&a, &a], 0);
        let heads = Granularity::Head(2).norm(&b);
        assert_eq!(heads.size(), [2, 1]);
        assert!((heads.double_value(&[1, 0]) - 50f64.sqrt()).abs() < 1e-14);
        assert_eq!(scale(&b, &heads).size(), [4, 2]);
        assert!(
            Granularity::Row
                .centred(&a)
                .sum(Kind::Double)
                .double_value(&[])
                .abs()
                < 1e-6
        );
        assert_eq!(
            Granularity::Row
                .norm(&Tensor::from_slice(&[3f32, 4.0]))
                .size(),
            [1]
        );
    }
}
