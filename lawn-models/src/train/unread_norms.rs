//! Gradient norms that a device has not told yet.

use lawn_core::StepReport;
use tch::{Device, Tensor};

/// Steps that are taken at most before their norms are read, so that a trial that
/// has diverged ends soon.
const MOST: usize = 128;

/// Gradient norms of the last steps, which are read together: who asks for each one
/// waits for the device in every step.
#[derive(Debug, Default)]
pub(super) struct UnreadNorms(Vec<Step>);

/// One step whose gradient norm is not known yet.
#[derive(Debug)]
struct Step {
    norm: Tensor,
    before: Position,
}

/// Where a trial stood before a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) epoch: u64,
    pub(super) step: u64,
}

impl UnreadNorms {
    pub(super) fn push(&mut self, report: &StepReport, before: Position) {
        let norm = report.gradient_norm_tensor();
        self.0.push(Step { norm, before });
    }

    /// Whether they have to be read before another is added.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    /// Adds the norms to `sum` in the order of their steps, and forgets them.
    ///
    /// # Errors
    ///
    /// The position before the first step whose norm is not finite: the optimizer
    /// skipped it.
    pub(super) fn read(&mut self, sum: &mut f64) -> Result<(), Position> {
        let taken = std::mem::take(&mut self.0);
        if taken.is_empty() {
            return Ok(());
        }
        let tensors: Vec<&Tensor> = taken.iter().map(|one| &one.norm).collect();
        let mut norms = vec![0.0f64; tensors.len()];
        Tensor::stack(&tensors, 0)
            .to_device(Device::Cpu)
            .copy_data(&mut norms, tensors.len());
        for (one, norm) in taken.iter().zip(norms) {
            if !norm.is_finite() {
                return Err(one.before);
            }
            *sum += norm;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(norms: &[f64]) -> UnreadNorms {
        let taken = norms.iter().zip(10..).map(|(&norm, step)| Step {
            norm: Tensor::from(norm),
            before: Position { epoch: 2, step },
        });
        UnreadNorms(taken.collect())
    }

    #[test]
    fn norms_are_added_up_in_order() {
        let norms: Vec<f64> = (0..100).map(|i| 1.0 / f64::from(i + 3)).collect();
        let mut one_by_one = 0.7f64;
        norms.iter().for_each(|norm| one_by_one += norm);
        let (mut unread, mut sum) = (unread(&norms), 0.7f64);
        assert_eq!(unread.read(&mut sum), Ok(()));
        assert_eq!(sum.to_bits(), one_by_one.to_bits());
        assert_eq!(unread.read(&mut sum), Ok(()));
        assert_eq!(sum.to_bits(), one_by_one.to_bits());
    }

    #[test]
    fn the_first_step_that_was_skipped_is_named() {
        let mut sum = 0.0;
        let found = unread(&[1.0, 2.0, f64::NAN, 3.0, f64::INFINITY]).read(&mut sum);
        let expected = Position { epoch: 2, step: 12 };
        assert_eq!((found, sum), (Err(expected), 3.0));
    }

    #[test]
    fn they_do_not_pile_up() {
        assert!(!unread(&[1.0; MOST - 1]).is_full());
        assert!(unread(&[1.0; MOST]).is_full());
    }
}
