//! What one step did.

use std::cell::OnceCell;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use tch::Tensor;

use crate::constraint::Phase;

/// What one step did.
///
/// On an accelerator the step may still be under way when this is returned. The
/// phase is known to the host at once; the methods that say so wait for the
/// device the first time that they are asked.
#[derive(Debug)]
#[non_exhaustive]
pub struct StepReport {
    /// The phase it was taken in.
    pub phase: Phase,
    /// Parameters that had a gradient and required it; the others were left alone.
    pub updated: usize,
    /// Steps taken before those that `taken` counts.
    pub(crate) known: u64,
    pub(crate) taken: Reading,
    pub(crate) rate: Reading,
    pub(crate) norm: Reading,
    pub(crate) limits: Limits,
}

impl StepReport {
    /// Where the schedule stands after the step: the steps taken so far, this
    /// one included unless it was skipped. Waits for the device.
    pub fn step(&self) -> u64 {
        self.known + self.taken.value() as u64
    }

    /// Its learning rate, before the factors of groups. Waits for the device.
    pub fn learning_rate(&self) -> f64 {
        self.rate.value()
    }

    /// `‖g‖₂` over the gradients of all parameters, unscaled and before
    /// clipping. Waits for the device.
    pub fn gradient_norm(&self) -> f64 {
        self.norm.value()
    }

    /// [`gradient_norm`](Self::gradient_norm) as a scalar tensor, f64, on the
    /// device that it was computed on; never waits. For sums over many steps.
    pub fn gradient_norm_tensor(&self) -> Tensor {
        self.norm.tensor()
    }

    /// Whether the device may still be computing the step, so that a method that waits would
    /// have to. It is false once the norm is known, and on the CPU always, except for
    /// [`Backend::Cuda`].
    ///
    /// [`Backend::Cuda`]: crate::Backend::Cuda
    pub fn is_pending(&self) -> bool {
        self.norm.is_pending()
    }

    /// What clipping multiplied the gradients by; 1 where it did nothing. Gradients
    /// whose squares would overflow are
    /// [clipped as well](crate::OptimizerConfig::check_finite). Waits for the device.
    pub fn clip_factor(&self) -> f64 {
        self.limits.clip_factor(self.norm.value())
    }

    /// Whether a gradient was not finite, so that nothing was changed. Waits for the device.
    pub fn skipped(&self) -> bool {
        self.limits.skips(self.norm.value())
    }
}

/// All of it, as a record with seven fields; waits for the device.
impl Serialize for StepReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_struct("StepReport", 7)?;
        record.serialize_field("step", &self.step())?;
        record.serialize_field("phase", &self.phase)?;
        record.serialize_field("updated", &self.updated)?;
        record.serialize_field("learning_rate", &self.learning_rate())?;
        record.serialize_field("gradient_norm", &self.gradient_norm())?;
        record.serialize_field("clip_factor", &self.clip_factor())?;
        record.serialize_field("skipped", &self.skipped())?;
        record.end()
    }
}

/// What the global gradient norm is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) clip_norm: Option<f64>,
    pub(crate) check_finite: bool,
    /// The largest norm whose squares do not overflow in the step; infinite where nobody looks
    /// at the norm beforehand.
    pub(crate) reach: f64,
}

impl Limits {
    /// The norm above which gradients are scaled down.
    pub(crate) fn clip(&self) -> Option<f64> {
        match self.clip_norm {
            Some(clip) => Some(clip.min(self.reach)),
            None => Some(self.reach).filter(|reach| reach.is_finite()),
        }
    }

    /// The largest norm with which a step is taken, if any steps are skipped.
    pub(crate) fn largest(&self) -> Option<f64> {
        self.check_finite.then_some(f64::MAX)
    }

    /// Whether a step with this norm is skipped.
    pub(crate) fn skips(&self, norm: f64) -> bool {
        let taken = |largest| norm <= largest;
        !self.largest().is_none_or(taken)
    }

    /// `min(1, clip / ‖g‖)`; 1 for a step that is skipped.
    pub(crate) fn clip_factor(&self, norm: f64) -> f64 {
        match self.clip() {
            Some(clip) if norm > clip && !self.skips(norm) => clip / norm,
            _ => 1.0,
        }
    }
}

/// A number that a device may still be computing.
#[derive(Debug)]
pub(crate) enum Reading {
    /// It is on the host.
    Known(f64),
    /// It is on a device until someone asks for it.
    Pending {
        /// One element.
        tensor: Tensor,
        read: OnceCell<f64>,
    },
}

impl Reading {
    pub(crate) fn value(&self) -> f64 {
        match self {
            Reading::Known(value) => *value,
            Reading::Pending { tensor, read } => *read.get_or_init(|| tensor.double_value(&[])),
        }
    }

    fn is_pending(&self) -> bool {
        matches!(self, Reading::Pending { read, .. } if read.get().is_none())
    }

    fn tensor(&self) -> Tensor {
        match self {
            Reading::Known(value) => Tensor::from(*value),
            Reading::Pending { tensor, .. } => tensor.shallow_clone(),
        }
    }
}

impl From<Tensor> for Reading {
    fn from(tensor: Tensor) -> Self {
        Reading::Pending {
            tensor,
            read: OnceCell::new(),
        }
    }
}
