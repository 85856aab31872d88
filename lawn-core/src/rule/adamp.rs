//! AdamP: Adam that does not lengthen weights whose length means nothing.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::decay::WeightDecay;
use crate::error::Error;
use crate::rule::adam::AdamConfig;
use crate::rule::context::Context;
use crate::rule::form::{DecayTerm, Direction, Form};
use crate::rule::interface::Rule;
use crate::rule::moments::{quotient, update_moments};
use crate::rule::projection::{RadialTest, decayed};

/// AdamP: Adam whose direction loses its radial part where the gradient has none.
///
/// ```text
/// m ← β₁ m + (1 − β₁) g                 m̂ = m / (1 − β₁ᵗ),  or (β₁ m + (1 − β₁) g) / (1 − β₁ᵗ)
/// v ← β₂ v + (1 − β₂) g²                v̂ = v / (1 − β₂ᵗ)                          Nesterov
/// d = m̂ / (√v̂ + ε)                      then the test of [`RadialTest`]
/// d ← d + λ ρ w                         decoupled decay; ρ = 1, or `decay_ratio` where it is projected
/// ```
///
/// `m`, `v` have the parameter's shape. The norm of a weight is not fixed: it grows by what a step
/// along the tangent adds to it, and shrinks by the decay.
///
/// *Source:* Heo et al. 2021, arXiv 2006.08217; `AdamP` of timm, which has the same defaults.
///
/// *Differs from* the source in nothing but rounding: decay and step are one subtraction. With
/// ε = 0, 0/0 is 0 and not NaN.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamPConfig {
    /// `β₁` in `[0, 1)`.
    pub beta1: f64,
    /// `β₂` in `[0, 1)`.
    pub beta2: f64,
    /// `ε` of at least 0.
    pub epsilon: f64,
    /// Looks ahead by one momentum step.
    pub nesterov: bool,
    /// When it projects.
    pub projection: RadialTest,
}

impl Default for AdamPConfig {
    /// `β₁ = 0.9`, `β₂ = 0.999`, `ε = 1e-8`, `δ = 0.1`, a tenth of the decay.
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            nesterov: false,
            projection: RadialTest::default(),
        }
    }
}

impl AdamPConfig {
    fn adam(&self) -> AdamConfig {
        AdamConfig {
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            amsgrad: false,
        }
    }
}

impl Rule for AdamPConfig {
    fn name(&self) -> &str {
        "adamp"
    }

    fn buffers(&self) -> &[&str] {
        &["first_moment", "second_moment"]
    }

    fn direction(
        &self,
        context: &Context,
        weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        let [m, v] = buffers else {
            unreachable!("adamp has two moments")
        };
        let beta3 = 1.0 - self.beta1;
        update_moments(m, v, gradient, self.beta1, beta3, self.beta2);
        let (c1, c2) = self.adam().moments().corrections(context.updates);
        let averaged = if self.nesterov {
            &*m * self.beta1 + gradient * beta3
        } else {
            m.shallow_clone()
        };
        let d = quotient(&(averaged / c1), &((&*v / c2).sqrt() + self.epsilon));
        let (d, ratio) = (self.projection).apply(weight, gradient, d, self.epsilon);
        match context.decay {
            WeightDecay::Decoupled { rate } => decayed(d, weight, rate, &ratio),
            _ => d,
        }
    }

    fn absorbs(&self, decay: WeightDecay) -> bool {
        matches!(decay, WeightDecay::Decoupled { .. })
    }

    fn form(&self, context: &Context) -> Option<Form> {
        let moments = self.adam().moments();
        Some(Form {
            direction: match self.nesterov {
                true => Direction::NesterovMoments(moments),
                false => Direction::Moments {
                    moments,
                    max: false,
                },
            },
            trust: None,
            adapts: false,
            decay: DecayTerm::new(context, None),
            radial: Some(self.projection.form(self.epsilon)),
        })
    }

    fn validate(&self) -> Result<(), Error> {
        self.adam().validate()?;
        self.projection.validate()
    }
}
