//! What a backend computes of a constraint: plain data, for which no backend needs its name.

use tch::Tensor;

use crate::constraint::untouched::UntouchedRows;
use crate::units::{Granularity, ROUNDING};

/// A constraint as the backends compute it in the constrained phase.
///
/// ```text
/// a = ⟨w,g⟩/⟨w,w⟩    g̃ = g − a w       project_gradient, or g̃ = g
/// d = U(s, g̃)
/// b = ⟨w,d⟩/⟨w,w⟩    d̃ = d − b w       project_update, or d̃ = d
/// w ← hold(w − ℓ d̃)                    ℓ by `length`: η for LAWN
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConstraintForm {
    /// What one radius belongs to.
    pub(crate) granularity: Granularity,
    /// Whether the rule sees the gradient without its radial part.
    pub(crate) project_gradient: bool,
    /// Whether the direction loses its radial part.
    pub(crate) project_update: bool,
    /// Whether weights and direction have a mean of 0 in each unit.
    pub(crate) centred: bool,
    /// How far a step goes.
    pub(crate) length: StepLength,
    /// How the norm is held.
    pub(crate) hold: Hold,
    /// What becomes of rows of a table without a gradient.
    pub(crate) untouched_rows: UntouchedRows,
}

/// How far a unit of radius `r` goes along its direction `d`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum StepLength {
    /// As the rule says: `η ρ`.
    Own,
    /// By a part of the radius: `η r / ‖d‖`.
    OfRadius,
    /// By an angle: `η_r r / (√q̂ + ε)`, with `q ← φ q + (1 − φ) ‖d‖²` and `q̂ = q / (1 − φᵗ)`. `η_r` is
    /// [`Direction::rotation`](crate::rule::form::Direction::rotation) of the decay.
    OfRotation {
        /// λ.
        decay: f64,
        /// φ.
        memory: f64,
        /// ε.
        epsilon: f64,
    },
}

/// How the norm of a unit is held by its radius `r`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Hold {
    /// At it: `w ← r w / ‖w‖₂`.
    Sphere,
    /// Below it, by a multiplier: `λ ← max(0, λ + μ (‖w‖² − r²) / n)`, `w ← (1 − 2 λ) w`, of `n`
    /// elements.
    Ball {
        /// μ.
        rate: f64,
        /// Whether `2 η λ` stands in the place of `2 λ`.
        by_learning_rate: bool,
    },
}

impl ConstraintForm {
    /// `⟨w,w⟩` of each unit of the weights `w`, without their mean where units are centred: of weights
    /// that are all the same nothing but rounding is left, and so 0.
    pub(crate) fn held_squares(&self, w: &Tensor) -> Tensor {
        let squares = self.granularity.dot(w, w);
        if !self.centred {
            return squares;
        }
        let centred = self.granularity.centred(w);
        let left = self.granularity.dot(&centred, &centred);
        let nothing = left.le_tensor(&(squares * ROUNDING));
        left.masked_fill(&nothing, 0.0)
    }

    /// What a state calls the number that is remembered of each unit, if there is one: the
    /// multiplier of [`Hold::Ball`], or `q` of [`StepLength::OfRotation`].
    pub(crate) fn remembered(&self) -> Option<&'static str> {
        match (self.hold, self.length) {
            (Hold::Ball { .. }, _) => Some("multiplier"),
            (_, StepLength::OfRotation { .. }) => Some("update_square"),
            _ => None,
        }
    }
}

impl Hold {
    /// Whether weights of this squared norm can be held.
    pub(crate) fn takes(self, ww: f64) -> bool {
        match self {
            Hold::Sphere => has_direction(ww),
            Hold::Ball { .. } => ww.is_finite(),
        }
    }
}

/// Whether weights of this squared norm have a direction.
pub(crate) fn has_direction(ww: f64) -> bool {
    ww > 0.0 && ww.is_finite()
}
