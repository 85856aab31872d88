//! What the loss is multiplied by in f16, so that small gradients do not become 0.

use serde::{Deserialize, Serialize};

/// Finite steps after which the scale is doubled.
const GROWTH_INTERVAL: u64 = 2_000;

/// The scale of a loss, which finds its own size.
///
/// ```text
/// a gradient is not finite    scale ← scale / 2, the step is skipped
/// 2,000 finite steps          scale ← 2 scale
/// ```
///
/// Source: Micikevicius et al. 2018, arXiv 1710.03740, section 3.2, with the constants of
/// PyTorch's `GradScaler`.
///
/// *Differs from* PyTorch: a gradient that is not finite at a scale of 1 is no matter of the
/// scale any more, and ends the trial.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct LossScale {
    factor: f64,
    /// Finite steps since the factor last changed.
    finite_steps: u64,
}

impl Default for LossScale {
    fn default() -> Self {
        Self {
            factor: 65_536.0,
            finite_steps: 0,
        }
    }
}

impl LossScale {
    pub(super) fn factor(self) -> f64 {
        self.factor
    }

    /// Counts a step whose gradient was finite.
    pub(super) fn finite(&mut self) {
        self.finite_steps += 1;
        if self.finite_steps == GROWTH_INTERVAL {
            self.factor *= 2.0;
            self.finite_steps = 0;
        }
    }

    /// Halves the scale after a step whose gradient was not; false where there is nothing left
    /// to halve.
    #[must_use]
    pub(super) fn overflowed(&mut self) -> bool {
        if self.factor <= 1.0 {
            return false;
        }
        self.factor /= 2.0;
        self.finite_steps = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_halves_at_once_and_doubles_late() {
        let mut scale = LossScale::default();
        assert!(scale.overflowed());
        assert_eq!(scale.factor(), 32_768.0);
        for _ in 0..GROWTH_INTERVAL - 1 {
            scale.finite();
        }
        assert_eq!(scale.factor(), 32_768.0);
        scale.finite();
        assert_eq!(scale.factor(), 65_536.0);
    }

    #[test]
    fn an_overflow_begins_the_count_anew() {
        let mut scale = LossScale::default();
        for _ in 0..GROWTH_INTERVAL - 1 {
            scale.finite();
        }
        assert!(scale.overflowed());
        scale.finite();
        assert_eq!(scale.factor(), 32_768.0);
    }

    #[test]
    fn it_ends_at_one() {
        let mut scale = LossScale::default();
        let halvings = std::iter::from_fn(|| scale.overflowed().then_some(())).count();
        assert_eq!((halvings, scale.factor()), (16, 1.0));
    }
}
