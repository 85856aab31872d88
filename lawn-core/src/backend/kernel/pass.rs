//! What a pass over memory does, and what it finds.

use std::ops::AddAssign;

/// Inner products over some elements, in f64.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    /// `⟨w, w⟩`.
    pub(crate) ww: f64,
    /// `⟨w, g⟩`.
    pub(crate) wg: f64,
    /// `⟨g, g⟩`.
    pub(crate) gg: f64,
    /// `⟨w, d⟩`.
    pub(crate) wd: f64,
    /// `⟨d, d⟩`.
    pub(crate) dd: f64,
    /// `Σ w`, where units are centred.
    pub(crate) w: f64,
    /// `Σ d`, where units are centred.
    pub(crate) d: f64,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.ww += other.ww;
        self.wg += other.wg;
        self.gg += other.gg;
        self.wd += other.wd;
        self.dd += other.dd;
        self.w += other.w;
        self.d += other.d;
    }
}

/// The factors of one unit in one step.
///
/// ```text
/// g̃ = κ g + α w        w ← p w + q d + o
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Factors {
    pub(crate) kappa: f64,
    pub(crate) alpha: f64,
    pub(crate) p: f64,
    pub(crate) q: f64,
    /// What takes off the mean of a centred unit; 0 for others.
    pub(crate) o: f64,
}

/// From which end a pass runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Forwards,
    /// What a pass forwards has touched last is still in the cache.
    Backwards,
}

/// What to do to a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// `⟨w,w⟩, ⟨w,g⟩, ⟨g,g⟩`; writes nothing.
    Products,
    /// The same, and `Σw`.
    CentredProducts,
    /// `⟨g,g⟩`; writes nothing.
    Square,
    /// Buffers and weights at once; sums nothing.
    Step,
    /// Buffers and weights at once; `⟨g,g⟩`.
    StepAndSquare,
    /// Buffers and weights at once; all sums, with the weights as they were.
    StepAndSum,
    /// Buffers; `⟨w,d⟩, ⟨d,d⟩`.
    Buffers,
    /// Buffers; `⟨w,d⟩, ⟨d,d⟩, Σd`.
    CentredBuffers,
    /// Buffers; all sums but those of centred units.
    BuffersAndSum,
    /// The same, and `Σw, Σd`.
    CentredBuffersAndSum,
    /// Weights, from the buffers; sums nothing.
    Move,
}

impl Pass {
    /// From which end it runs. The second of three passes runs backwards, so that it finds in
    /// the cache what the first has touched last. The third finds there what the second has
    /// touched last.
    pub(crate) fn order(self) -> Order {
        use Pass::{Buffers, BuffersAndSum, CentredBuffers, CentredBuffersAndSum};
        match self {
            Buffers | CentredBuffers | BuffersAndSum | CentredBuffersAndSum => Order::Backwards,
            _ => Order::Forwards,
        }
    }

    /// Whether it writes the weights.
    pub(crate) fn moves(self) -> bool {
        use Pass::{Move, Step, StepAndSquare, StepAndSum};
        matches!(self, Step | StepAndSquare | StepAndSum | Move)
    }
}
