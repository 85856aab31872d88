//! LAWN: the norm is free for some steps, and fixed from then on.

use serde::{Deserialize, Serialize};

use crate::constraint::form::{ConstraintForm, Hold, StepLength};
use crate::constraint::interface::NormConstraint;
use crate::constraint::untouched::UntouchedRows;
use crate::defaults::yes;
use crate::parameters::scope::{Extent, Scope};
use crate::units::Granularity;

/// Logit Attenuating Weight Normalization, stacked on any rule.
///
/// For a unit with weights `w`, gradient `g`, radius `r`, learning rate `η`,
/// rule `U` with buffers `s`:
///
/// ```text
/// step < free_steps       d = U(s, g)            w ← w − η d
/// at the freeze           r = ‖w‖₂
/// later                   a = ⟨w,g⟩/⟨w,w⟩        g̃ = g − a w           project_gradient
///                         d = U(s, g̃)            b = ⟨w,d⟩/⟨w,w⟩
///                         d̃ = d − b w                                  project_update
///                         w ← r (w − η d̃) / ‖w − η d̃‖₂
/// ```
///
/// `r` is f64 and saved with the state. Buffers are kept at the freeze. A unit
/// whose norm is 0 at the freeze has no direction to keep: it stays free and is
/// reported in [`Treatment::free_units`](crate::Treatment::free_units). So does one
/// that is 0, or not finite, before a later step: it is free from then on.
///
/// What a projection leaves is 0 where it is no more than rounding makes of a radial
/// gradient: a millionth of its norm (2⁻⁷ in bf16, 2⁻¹⁰ in f16). Rules that divide by
/// a norm or by a root would make a full step of it.
///
/// *Source:* Gupta et al. 2021, arXiv 2108.05839. The paper leaves the
/// projections, the granularity and the sub-network open; here they are
/// switches.
///
/// The update projection alone changes little: `w − η d̃` has the direction of
/// `w − η/(1 + ηb) d`, a different learning rate. The gradient projection
/// changes what enters the moments.
///
/// ```
/// use lawn_core::{Granularity, LawnConfig, Scope};
///
/// let lawn = LawnConfig {
///     scope: Scope::Patterns(vec!["decoder.*.weight".into()]),
///     granularity: Granularity::Row,
///     ..LawnConfig::new(1000)
/// };
/// // As a file has it; what is left out is as in `new`.
/// let written = r#"{
///     "free_steps": 1000,
///     "scope": { "patterns": ["decoder.*.weight"] },
///     "granularity": "row"
/// }"#;
/// assert_eq!(serde_json::from_str::<LawnConfig>(written)?, lawn);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LawnConfig {
    /// Steps before the freeze; 0 constrains from the start.
    pub free_steps: u64,
    /// Which parameters are constrained.
    #[serde(default)]
    pub scope: Scope,
    /// Whether the rule sees the gradient without its radial part.
    #[serde(default = "yes")]
    pub project_gradient: bool,
    /// Whether the direction loses its radial part before the step.
    #[serde(default = "yes")]
    pub project_update: bool,
    /// What one radius belongs to.
    #[serde(default)]
    pub granularity: Granularity,
    /// What becomes of rows of an embedding table without a gradient.
    #[serde(default, skip_serializing_if = "UntouchedRows::is_default")]
    pub untouched_rows: UntouchedRows,
}

impl LawnConfig {
    /// Both projections, by layer, over the final homogeneous sub-network,
    /// after `free_steps`.
    #[must_use]
    pub fn new(free_steps: u64) -> Self {
        Self {
            free_steps,
            scope: Scope::default(),
            project_gradient: true,
            project_update: true,
            granularity: Granularity::default(),
            untouched_rows: UntouchedRows::default(),
        }
    }
}

impl NormConstraint for LawnConfig {
    fn extent(&self) -> Extent<'_> {
        Extent {
            scope: &self.scope,
            granularity: self.granularity,
        }
    }

    fn free_steps(&self) -> u64 {
        self.free_steps
    }

    fn form(&self) -> ConstraintForm {
        ConstraintForm {
            granularity: self.granularity,
            project_gradient: self.project_gradient,
            project_update: self.project_update,
            centred: false,
            length: StepLength::Own,
            hold: Hold::Sphere,
            untouched_rows: self.untouched_rows,
        }
    }
}
