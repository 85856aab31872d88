//! SGDP: momentum that does not lengthen weights whose length means nothing.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::decay::WeightDecay;
use crate::error::{Error, require};
use crate::rule::context::Context;
use crate::rule::form::{DecayTerm, Direction, Form};
use crate::rule::interface::Rule;
use crate::rule::projection::{RadialTest, decayed};

/// SGDP: momentum whose direction loses its radial part where the gradient has none.
///
/// ```text
/// v ← μ v + (1 − τ) g
/// d = v,  or  g + μ v                   Nesterov; then the test of [`RadialTest`]
/// d ← d + λ ρ w / (1 − μ)               decoupled decay; ρ = 1, or `decay_ratio` where it is projected
/// ```
///
/// `μ` is `momentum`, `τ` `dampening`; `v` has the parameter's shape. Decay is divided by `1 − μ`,
/// so that a rate means what it means as L2 decay in the gradient of SGD.
///
/// *Source:* Heo et al. 2021, arXiv 2006.08217; `SGDP` of timm.
///
/// *Differs from* the source in its default momentum, which is 0 there; and from
/// [`SgdConfig`](crate::SgdConfig), whose first update leaves dampening out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdPConfig {
    /// `μ` in `[0, 1)`.
    pub momentum: f64,
    /// `τ` in `[0, 1]`.
    pub dampening: f64,
    /// Looks ahead by one momentum step.
    pub nesterov: bool,
    /// `ε` above 0 of the test.
    pub epsilon: f64,
    /// When it projects.
    pub projection: RadialTest,
}

impl Default for SgdPConfig {
    /// `μ = 0.9`, `ε = 1e-8`, `δ = 0.1`, a tenth of the decay.
    fn default() -> Self {
        Self {
            momentum: 0.9,
            dampening: 0.0,
            nesterov: false,
            epsilon: 1e-8,
            projection: RadialTest::default(),
        }
    }
}

impl Rule for SgdPConfig {
    fn name(&self) -> &str {
        "sgdp"
    }

    fn buffers(&self) -> &[&str] {
        &["momentum"]
    }

    fn direction(
        &self,
        context: &Context,
        weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        let [v] = buffers else {
            unreachable!("sgdp has one momentum")
        };
        let _ = v.g_mul_scalar_(self.momentum);
        let _ = v.g_add_(&(gradient * (1.0 - self.dampening)));
        let d = if self.nesterov {
            gradient + &*v * self.momentum
        } else {
            v.shallow_clone()
        };
        let (d, ratio) = (self.projection).apply(weight, gradient, d, self.epsilon);
        match context.decay {
            WeightDecay::Decoupled { rate } => {
                decayed(d, weight, rate / (1.0 - self.momentum), &ratio)
            }
            _ => d,
        }
    }

    fn absorbs(&self, decay: WeightDecay) -> bool {
        matches!(decay, WeightDecay::Decoupled { .. })
    }

    /// Nothing with dampening, which the kernels leave out of the first update.
    fn form(&self, context: &Context) -> Option<Form> {
        let mut decay = DecayTerm::new(context, None);
        if matches!(context.decay, WeightDecay::Decoupled { .. }) {
            decay.rate /= 1.0 - self.momentum;
        }
        let form = Form {
            direction: Direction::Momentum {
                mu: self.momentum,
                dampening: 0.0,
                nesterov: self.nesterov,
            },
            trust: None,
            adapts: false,
            decay,
            radial: Some(self.projection.form(self.epsilon)),
        };
        (self.dampening == 0.0).then_some(form)
    }

    fn validate(&self) -> Result<(), Error> {
        let Self {
            momentum,
            nesterov,
            dampening,
            epsilon,
            ..
        } = *self;
        let valid = (0.0..1.0).contains(&momentum);
        require(valid, "momentum", "a number in [0, 1)", momentum)?;
        let valid = !nesterov || momentum > 0.0;
        require(valid, "momentum", "more than 0 with nesterov", momentum)?;
        let valid = (0.0..=1.0).contains(&dampening);
        require(valid, "dampening", "a number in [0, 1]", dampening)?;
        let valid = epsilon.is_finite() && epsilon > 0.0;
        require(valid, "epsilon", "a finite number above 0", epsilon)?;
        self.projection.validate()
    }
}
