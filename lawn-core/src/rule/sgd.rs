//! Stochastic gradient descent.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Error, require};
use crate::rule::context::Context;
use crate::rule::form::{DecayTerm, Direction, Form};
use crate::rule::interface::Rule;
use crate::rule::rows::RowUpdates;

/// Stochastic gradient descent with momentum, dampening and Nesterov's form.
///
/// ```text
/// v ← g                     at a parameter's first update
/// v ← μ v + (1 − τ) g       later
/// d = g                     μ = 0
/// d = v                     μ > 0
/// d = g + μ v               Nesterov
/// ```
///
/// `μ` is `momentum`, `τ` `dampening`; `v` has the parameter's shape.
///
/// *Source:* Sutskever et al. 2013, in the form of `torch.optim.SGD`: the
/// learning rate is outside of `v`, and dampening is left out of the first update.
///
/// *Differs from* that of Sutskever et al., whose learning rate is within `v`; from torch's in nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdConfig {
    /// `μ` in `[0, 1)`; 0 keeps no buffer.
    pub momentum: f64,
    /// `τ` in `[0, 1]`.
    pub dampening: f64,
    /// Looks ahead by one momentum step. Needs momentum and no dampening.
    pub nesterov: bool,
}

impl Rule for SgdConfig {
    fn name(&self) -> &str {
        "sgd"
    }

    fn buffers(&self) -> &[&str] {
        if self.momentum == 0.0 {
            &[]
        } else {
            &["momentum"]
        }
    }

    fn direction(
        &self,
        context: &Context,
        _weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        let [v] = buffers else {
            return gradient.shallow_clone();
        };
        if context.updates == 1 {
            v.copy_(gradient);
        } else {
            let _ = v.g_mul_scalar_(self.momentum);
            let _ = v.g_add_(&(gradient * (1.0 - self.dampening)));
        }
        if self.nesterov {
            gradient + &*v * self.momentum
        } else {
            v.shallow_clone()
        }
    }

    fn row_updates(&self, _context: &Context) -> RowUpdates {
        if self.momentum == 0.0 {
            RowUpdates::Still
        } else {
            RowUpdates::All
        }
    }

    fn validate(&self) -> Result<(), Error> {
        let Self {
            momentum,
            dampening,
            nesterov,
        } = *self;
        require(
            (0.0..1.0).contains(&momentum),
            "momentum",
            "a number in [0, 1)",
            momentum,
        )?;
        require(
            (0.0..=1.0).contains(&dampening),
            "dampening",
            "a number in [0, 1]",
            dampening,
        )?;
        require(
            !nesterov || momentum > 0.0,
            "momentum",
            "more than 0 with nesterov",
            momentum,
        )?;
        require(
            !nesterov || dampening == 0.0,
            "dampening",
            "0 with nesterov",
            dampening,
        )
    }

    fn form(&self, context: &Context) -> Option<Form> {
        let direction = match self.momentum {
            0.0 => Direction::Gradient,
            mu => Direction::Momentum {
                mu,
                dampening: self.dampening,
                nesterov: self.nesterov,
            },
        };
        Some(Form {
            direction,
            trust: None,
            adapts: false,
            decay: DecayTerm::new(context, None),
            radial: None,
        })
    }
}
