//! Which backend computes the steps.

use serde::{Deserialize, Serialize};

/// What computes the steps.
///
/// All of them take the same steps, up to rounding, and load each other's state.
/// A rule of one's own without a [form](crate::Rule::form) has libtorch operations on any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendChoice {
    /// Fused kernels on the CPU, [`MultiTensor`](Self::MultiTensor) where a
    /// parameter is on CUDA, libtorch operations for what neither takes.
    ///
    /// Kernels that are compiled without optimisation are sixty times as slow as
    /// libtorch. So where this crate is, which is what `cargo run` without `--release`
    /// does unless a profile says otherwise, this is [`Reference`](Self::Reference)
    /// on the CPU; two lines of `Cargo.toml` bring the kernels back:
    ///
    /// ```toml
    /// [profile.dev.package.lawn-core]
    /// opt-level = 3
    /// ```
    #[default]
    Auto,
    /// Operations of libtorch on all parameters at once: few launches for many
    /// tensors, and no step waits for the device, but the one of the freeze and
    /// [few others](crate#accelerators).
    /// Meant for accelerators; runs on the CPU as well, where it is slower than
    /// the kernels.
    ///
    /// It keeps a copy of the parameters and of the gradients, and for Adam and
    /// LAMB the direction: 8 or 12 bytes a parameter; and the rates of the last 65,536
    /// steps that the host has not learned of yet whether they were skipped: where
    /// more than those are skipped unasked, the schedule moves on.
    ///
    /// *Differs from* the others: Adam's own kernel, in the free steps of f32
    /// weights, takes the learning rate in f32, which is off by 2⁻²⁴ of itself at
    /// most. So is the way that the weights have gone: over 2,000 steps less than a
    /// sixtieth of what their own rounding makes of it (`tests/oracle.rs`). And where
    /// the others clip gradients of f32 or fewer bits only for their
    /// [squares](crate::OptimizerConfig::check_finite), it skips the step.
    MultiTensor,
    /// libtorch operations for all: slower, and the measure of the kernels.
    Reference,
}

/// Whether the kernels of this build are compiled with optimisation.
pub(crate) const OPTIMISED: bool = !cfg!(unoptimised);

/// What the choice of a backend depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// What is asked for.
    pub(crate) choice: BackendChoice,
    /// Whether the rule has a [`Form`](crate::Form).
    pub(crate) has_form: bool,
    /// Whether a parameter is on CUDA.
    pub(crate) on_cuda: bool,
    /// Whether the kernels are compiled with optimisation.
    pub(crate) optimised: bool,
}
