//! What a norm constraint is.

use std::fmt;

use crate::constraint::form::ConstraintForm;
use crate::parameters::scope::Extent;

/// A constraint on the norms of units, on top of any rule.
pub(crate) trait NormConstraint: fmt::Debug {
    /// Which parameters it is for, and in which units.
    fn extent(&self) -> Extent<'_>;

    /// Steps before the radii are taken of the weights.
    fn free_steps(&self) -> u64;

    /// What the backends compute from then on.
    fn form(&self) -> ConstraintForm;
}
