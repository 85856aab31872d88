//! What a norm constraint is.

use std::fmt;

use crate::constraint::form::ConstraintForm;
use crate::error::Error;
use crate::parameters::scope::Extent;

/// A constraint on the norms of units, on top of any rule.
pub(crate) trait NormConstraint: fmt::Debug {
    /// Which parameters it is for, and in which units.
    fn extent(&self) -> Extent<'_>;

    /// Steps before the radii are taken of the weights.
    fn free_steps(&self) -> u64;

    /// The radius of a unit that has this norm then.
    fn radius(&self, norm: f64) -> f64 {
        norm
    }

    /// What the backends compute from then on.
    fn form(&self) -> ConstraintForm;

    /// Checks the hyper-parameters; called once, when the optimizer is built.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] naming the one that is outside of its domain.
    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Refuses a second constraint, of those that are given by the names of their fields: two
/// would each hold the norm at a radius of its own.
pub(crate) fn require_at_most_one<'a>(
    mut given: impl Iterator<Item = (&'static str, &'a dyn NormConstraint)>,
) -> Result<(), Error> {
    match (given.next(), given.next()) {
        (Some((first, _)), Some((second, _))) => Err(Error::TwoConstraints { first, second }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LawnConfig;

    #[test]
    fn two_constraints_at_once_are_refused() {
        let lawn = LawnConfig::new(3);
        let given = |names: &[&'static str]| {
            let named = |name: &&'static str| (*name, &lawn as &dyn NormConstraint);
            require_at_most_one(names.iter().map(named))
        };
        assert!(given(&[]).is_ok());
        assert!(given(&["lawn"]).is_ok());
        assert_eq!(
            given(&["lawn", "another"]).unwrap_err().to_string(),
            "`lawn` and `another` are both given: expected one norm constraint at most"
        );
    }
}
