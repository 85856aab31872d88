//! What a rule may know beside the tensors of its call.

use tch::Tensor;

use crate::decay::WeightDecay;
use crate::units::Granularity;

/// What a rule may need to know beside the tensors.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// How often this parameter has been updated, this update included: `t`,
    /// from 1. A step in which it has no gradient does not count.
    pub updates: u64,
    /// The learning rate η of this parameter at this step.
    pub learning_rate: f64,
    /// The weight decay of this parameter.
    pub decay: WeightDecay,
    /// Whether the parameter is under a norm constraint in this step.
    pub constrained: bool,
    /// Whether it is an embedding table: a parameter of role
    /// [`Embedding`](crate::Role::Embedding) with two dimensions, whose rows are looked up by id.
    pub table: bool,
    /// Whether it is a matrix, for rules that treat matrices as such: a parameter of role
    /// [`Weight`](crate::Role::Weight) with at least two dimensions, unless its
    /// [group](crate::Group::matrix) says otherwise.
    pub matrix: bool,
    /// How it is divided into units, for rules that take norms themselves.
    pub granularity: Granularity,
}

/// The norms that a trust ratio may ask for; nothing is computed before it does.
#[derive(Clone, Copy, Debug)]
pub struct Norms<'a> {
    granularity: Granularity,
    pub(crate) weight: &'a Tensor,
    direction: &'a Tensor,
}

impl<'a> Norms<'a> {
    pub(crate) fn new(granularity: Granularity, weight: &'a Tensor, direction: &'a Tensor) -> Self {
        Self {
            granularity,
            weight,
            direction,
        }
    }

    /// `‖w‖₂` of each unit, f64, shaped as [`Granularity::dot`]'s result.
    pub fn weight(&self) -> Tensor {
        self.granularity.norm(self.weight)
    }

    /// `‖d‖₂` of each unit, f64, shaped alike.
    pub fn direction(&self) -> Tensor {
        self.granularity.norm(self.direction)
    }
}
