//! What computes the steps.

use serde::{Deserialize, Serialize};

/// What computes the steps.
///
/// All of them take the same steps, up to rounding, and load each other's state.
/// A rule of one's own has libtorch operations on any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
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

/// What takes a step through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// Fused kernels, and operations of libtorch for what they do not take.
    Kernels,
    /// Operations of libtorch on all parameters at once.
    MultiTensor,
    /// Operations of libtorch, tensor by tensor.
    Operations,
}

impl Backend {
    /// The path of a rule that is `built_in` or not, over parameters of which some
    /// are on CUDA or none, in a build that is `optimised` or not.
    pub(crate) fn path(self, built_in: bool, on_cuda: bool, optimised: bool) -> Path {
        match self {
            _ if !built_in => Path::Operations,
            Backend::Reference => Path::Operations,
            Backend::MultiTensor => Path::MultiTensor,
            Backend::Auto if on_cuda => Path::MultiTensor,
            Backend::Auto if optimised => Path::Kernels,
            Backend::Auto => Path::Operations,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_optimisation_auto_takes_the_operations_of_libtorch() {
        use Backend::{Auto, MultiTensor, Reference};
        for (backend, built_in, on_cuda, optimised, expected) in [
            (Auto, true, false, true, Path::Kernels),
            (Auto, true, false, false, Path::Operations),
            (Auto, true, true, true, Path::MultiTensor),
            (Auto, true, true, false, Path::MultiTensor),
            (Auto, false, false, true, Path::Operations),
            (Auto, false, true, true, Path::Operations),
            (MultiTensor, true, false, true, Path::MultiTensor),
            (MultiTensor, true, false, false, Path::MultiTensor),
            (MultiTensor, false, false, true, Path::Operations),
            (Reference, true, true, true, Path::Operations),
        ] {
            let found = backend.path(built_in, on_cuda, optimised);
            assert_eq!(
                found, expected,
                "{backend:?} {built_in} {on_cuda} {optimised}"
            );
        }
    }
}
