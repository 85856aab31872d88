//! The launches of a step apart from what the host does: what a graph of CUDA can hold.

use std::fmt;

use tch::Tensor;

/// What the launches of a step are called with, all of it fixed: two steps with equal ones differ in
/// nothing but what lies in memory of the device, so that a graph that has captured those of one step
/// computes the other. What changes from step to step, the learning rate, the count of steps and
/// whether a step is skipped, is such memory.
///
/// Of [`Optimizer::launches`](crate::Optimizer::launches).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StepLaunches {
    pub(crate) constrained: bool,
    /// Whether sums over the gradients come first.
    pub(crate) looks_first: bool,
    /// All numbers and addresses that the launches are called with.
    pub(crate) words: Vec<i64>,
}

/// Why the launches of a step cannot be captured in a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uncapturable {
    /// This step does more than the others: it freezes the norms, is the first after a state was
    /// loaded or radii were set, or measures what it does.
    ThisStep,
    /// No step of this optimizer can be, in words.
    NoStep(String),
}

impl fmt::Display for Uncapturable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ThisStep => f.write_str("this step does more than the others"),
            Self::NoStep(why) => f.write_str(why),
        }
    }
}

/// A step that the host has prepared and whose launches are to be carried out, by a graph or one by
/// one.
pub struct StepUnderWay<'a> {
    pub(crate) launch: &'a dyn Fn(),
    pub(crate) memory: &'a dyn Fn() -> Vec<(String, Tensor)>,
}

impl StepUnderWay<'_> {
    /// Carries the launches out, one by one, as a step without a graph does.
    pub fn launch(&self) {
        (self.launch)();
    }

    /// All memory that the launches write and that the next step reads, by name: weights, buffers,
    /// counts, and what is remembered of units. The tensors share it.
    #[must_use]
    pub fn memory(&self) -> Vec<(String, Tensor)> {
        (self.memory)()
    }
}

impl fmt::Debug for StepUnderWay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepUnderWay").finish_non_exhaustive()
    }
}

/// What carries the launches of a step out in the place of the backend.
#[derive(Clone, Copy)]
pub(crate) struct Replay<'a> {
    /// Those that it carries out.
    pub(crate) launches: &'a StepLaunches,
    pub(crate) run: &'a dyn Fn(&StepUnderWay<'_>),
}
