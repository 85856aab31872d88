//! Schedule-Free AdamW: an average of the iterates in the place of a falling learning rate.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::decay::WeightDecay;
use crate::error::{Error, require};
use crate::rule::context::Context;
use crate::rule::form::{Averaging, DecayEntry, DecayTerm, Direction, Form};
use crate::rule::interface::Rule;
use crate::rule::moments::{quotient, validate_moments};

/// Schedule-Free AdamW: gradients are taken between the iterates and their average, and the
/// average is what the model is evaluated with.
///
/// ```text
/// v ← β₂ v + (1 − β₂) g²                v̂ = v / (1 − β₂ᵗ)      g of the model's weights y
/// h = g / (√v̂ + ε) + λ y                decoupled decay
/// a = tʳ η_maxᵖ,  A ← A + a,  c = a / A  η_max: the largest η so far
/// z ← z − η h
/// x ← (1 − c) x + c z                    y = (1 − β₁) z + β₁ x
/// ```
///
/// `z`, `v` have the parameter's shape; `t` counts its updates from 1. `z` and `x` start at the
/// weights, and `x` is not kept: `x = y + (1 − 1/β₁)(z − y)`. The learning rate should be constant
/// after a warm-up, and is then 1 to 10 times that of a schedule.
///
/// The model's weights are `y` while it is trained. [`Optimizer::eval`](crate::Optimizer::eval) puts
/// `x` in their place, [`Optimizer::train`](crate::Optimizer::train) takes it out again; a step is
/// refused in between. Running statistics of batch normalization are those of `y`: a loop of one's own
/// takes them anew for `x`, by passes in training mode between the two calls, and puts them back.
///
/// *Source:* Defazio et al. 2024, arXiv 2405.15682; `AdamWScheduleFree` of the package
/// `schedulefree`, which has the same defaults but for its own warm-up, which is the schedule's here.
///
/// *Differs from* the source: the change of mode is undone to the bit; at a learning rate of 0
/// nothing moves, the average included; `A` is a sum of two numbers, so that f32 does not end it.
/// Under a norm constraint `y` is held, and `z` is not. Every step then moves what is computed as `x` by
/// `1/β₁` of what holding `y` takes away, until it is no average of anything: a parameter whose norms
/// are held is evaluated at `y`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleFreeConfig {
    /// `β₁` in `(0, 1)`: how near the average gradients are taken.
    pub beta1: f64,
    /// `β₂` in `[0, 1)`.
    pub beta2: f64,
    /// `ε` of at least 0.
    pub epsilon: f64,
    /// `r` of at least 0: weighs late iterates more.
    pub weight_power: f64,
    /// `p` of at least 0: weighs the iterates of a warm-up less.
    pub rate_power: f64,
}

impl Default for ScheduleFreeConfig {
    /// `β₁ = 0.9`, `β₂ = 0.999`, `ε = 1e-8`, `r = 0`, `p = 2`.
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_power: 0.0,
            rate_power: 2.0,
        }
    }
}

/// Numbers of the average: `η_max`, `A`, and what rounding has left of `A`.
const AVERAGE: i64 = 3;

impl ScheduleFreeConfig {
    /// Adds this update to `A`; answers `c`, of a shape that broadcasts over the weight's.
    fn share(&self, context: &Context, average: &mut Tensor, dimensions: usize) -> Tensor {
        let part = |index| average.narrow(-1, index, 1);
        let (mut largest, mut sum, mut rest) = (part(0), part(1), part(2));
        let _ = largest.clamp_min_(context.learning_rate);
        let power = (context.updates as f64).powf(self.weight_power);
        let weight = largest.pow_tensor_scalar(self.rate_power) * power;
        let before = sum.copy();
        let _ = sum.g_add_(&weight);
        // What the sum has lost to rounding, exactly as long as it is the larger.
        let _ = rest.g_add_(&(&weight - (&sum - before)));
        let share = quotient(&weight, &(&sum + &rest));
        if average.dim() == 1 {
            return share.view([1]).reshape(vec![1; dimensions]);
        }
        share
    }
}

/// Which rows of a table have had no update: there is nothing in their average.
fn is_new(average: &Tensor) -> Tensor {
    average.narrow(-1, 1, 1).eq(0.0)
}

impl Rule for ScheduleFreeConfig {
    fn name(&self) -> &str {
        "schedule_free"
    }

    fn buffers(&self) -> &[&str] {
        &["iterate", "second_moment", "average"]
    }

    fn buffer_shape(&self, context: &Context, buffer: &str, shape: &[i64]) -> Vec<i64> {
        match (buffer, shape) {
            // Every row of a table has the numbers of all.
            ("average", [rows, _]) if context.table => vec![*rows, AVERAGE],
            ("average", _) => vec![AVERAGE],
            _ => shape.to_vec(),
        }
    }

    fn direction(
        &self,
        context: &Context,
        weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        let [z, v, average] = buffers else {
            unreachable!("schedule-free has an iterate, a moment and an average")
        };
        if context.updates == 1 {
            z.copy_(weight);
        } else if context.table {
            // Rows that were left alone so far begin now.
            z.copy_(&weight.where_self(&is_new(average), z));
        }
        let _ = v.g_mul_scalar_(self.beta2);
        let _ = v.g_add_(&(gradient * gradient * (1.0 - self.beta2)));
        let eta = context.learning_rate;
        if eta == 0.0 {
            return weight.zeros_like();
        }
        let c2 = 1.0 - self.beta2.powf(context.updates as f64);
        let mut h = quotient(gradient, &((&*v / c2).sqrt() + self.epsilon));
        if let WeightDecay::Decoupled { rate } = context.decay
            && rate != 0.0
        {
            h += weight * rate;
        }
        let c = self.share(context, average, weight.dim());
        // y ← y + c (z − y) − η (1 − β₁ (1 − c)) h, with z as it was.
        let d = (weight - &*z) * (&c / eta) + &h * (&c * self.beta1 + (1.0 - self.beta1));
        let _ = z.g_sub_(&(h * eta));
        d
    }

    fn absorbs(&self, decay: WeightDecay) -> bool {
        matches!(decay, WeightDecay::Decoupled { .. })
    }

    fn form(&self, context: &Context) -> Option<Form> {
        let inside = matches!(context.decay, WeightDecay::Decoupled { .. });
        Some(Form {
            direction: Direction::Averaged(Averaging {
                beta1: self.beta1,
                beta2: self.beta2,
                epsilon: self.epsilon,
                weight_power: self.weight_power,
                rate_power: self.rate_power,
            }),
            trust: None,
            adapts: false,
            decay: DecayTerm::new(context, inside.then_some(DecayEntry::Direction)),
            radial: None,
        })
    }

    fn evaluated(&self, context: &Context, weight: &Tensor, buffers: &[Tensor]) -> Option<Tensor> {
        let [z, _, average] = buffers else {
            unreachable!("schedule-free has an iterate, a moment and an average")
        };
        // `updates` counts the next one.
        (context.updates > 1 && !context.constrained).then(|| {
            let x = weight + (z - weight) * (1.0 - 1.0 / self.beta1);
            match context.table {
                true => weight.where_self(&is_new(average), &x),
                false => x,
            }
        })
    }

    fn validate(&self) -> Result<(), Error> {
        validate_moments(self.beta1, self.beta2, self.epsilon)?;
        require(self.beta1 > 0.0, "beta1", "a number in (0, 1)", self.beta1)?;
        let expected = "a finite number of at least 0";
        for (setting, found) in [
            ("weight_power", self.weight_power),
            ("rate_power", self.rate_power),
        ] {
            require(found.is_finite() && found >= 0.0, setting, expected, found)?;
        }
        Ok(())
    }
}
