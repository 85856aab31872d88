//! What a backend computes of a constraint: plain data, for which no backend needs its name.

use crate::constraint::untouched::UntouchedRows;
use crate::units::Granularity;

/// A constraint as the backends compute it in the constrained phase.
///
/// ```text
/// a = ⟨w,g⟩/⟨w,w⟩    g̃ = g − a w       project_gradient, or g̃ = g
/// d = U(s, g̃)
/// b = ⟨w,d⟩/⟨w,w⟩    d̃ = d − b w       project_update, or d̃ = d
/// w ← hold(w − η d̃)
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConstraintForm {
    /// What one radius belongs to.
    pub(crate) granularity: Granularity,
    /// Whether the rule sees the gradient without its radial part.
    pub(crate) project_gradient: bool,
    /// Whether the direction loses its radial part.
    pub(crate) project_update: bool,
    /// How the norm is held.
    pub(crate) hold: Hold,
    /// What becomes of rows of a table without a gradient.
    pub(crate) untouched_rows: UntouchedRows,
}

/// How the norm of a unit is held by its radius `r`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hold {
    /// At it: `w ← r w / ‖w‖₂`.
    Sphere,
}

/// Whether weights of this squared norm have a direction.
pub(crate) fn has_direction(ww: f64) -> bool {
    ww > 0.0 && ww.is_finite()
}
