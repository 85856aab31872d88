//! Which kernels a tensor is for, and whether they can walk through it.

use tch::{Kind, Tensor};

use super::format::Format;
use crate::parameters::layout::{is_dense, is_outermost};
use crate::units::Granularity;

/// What the kernels have a tensor as.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Width {
    Narrow(Format),
    Single,
    Double,
}

impl Width {
    /// None for a kind that the kernels do not have.
    pub(crate) fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Half => Some(Width::Narrow(Format::F16)),
            Kind::BFloat16 => Some(Width::Narrow(Format::Bf16)),
            Kind::Float => Some(Width::Single),
            Kind::Double => Some(Width::Double),
            _ => None,
        }
    }
}

/// As many threads as libtorch would use.
pub(crate) fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}

/// Whether each unit fills a piece of memory of its own, one after the other.
pub(crate) fn has_units_in_one_piece(weight: &Tensor, granularity: Granularity) -> bool {
    let (shape, strides) = (weight.size(), weight.stride());
    if granularity == Granularity::Column && granularity.units(&shape) > 1 {
        return false;
    }
    is_dense(&shape, &strides) && (granularity.units(&shape) == 1 || is_outermost(&shape, &strides))
}
