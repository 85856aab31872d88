//! What a rule is, and what it may know.

use std::fmt;

use tch::Tensor;

use crate::error::Error;
use crate::parameters::decay::WeightDecay;
use crate::parameters::units::Granularity;
use crate::rule::builtin::RuleConfig;

/// An update rule: hyper-parameters, and the direction they make of a gradient.
///
/// ```text
/// d = U(s, g)        direction, from the buffers s, which it updates
/// w ← w − η ρ d      ρ = trust(‖w‖, ‖d‖), 1 for most rules
/// ```
///
/// A rule holds no state of its own. The optimizer keeps its buffers, one set
/// a parameter, saves them, and stacks on it what rules have in common:
/// learning rate, weight decay, clipping, and the norm constraint, which hands
/// the rule the projected gradient and projects the direction that comes back
/// before ρ is taken. So any rule can be constrained.
///
/// All tensors of one call have the parameter's shape and one element kind,
/// f32 or f64, and so must the direction. Calls are made without gradient recording.
///
/// Nothing is written before all directions are known, so that a rule that panics, or
/// answers [what no step can be made of](Error::RuleAnswer), leaves all parameters and
/// buffers as they were. Meanwhile there is a second copy of them.
///
/// ```
/// use lawn_core::{Context, Rule};
/// use tch::Tensor;
///
/// /// Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms".
/// #[derive(Debug)]
/// struct Lion { beta1: f64, beta2: f64 }
///
/// impl Rule for Lion {
///     fn name(&self) -> &str { "lion" }
///     fn buffers(&self) -> &[&str] { &["momentum"] }
///     fn direction(&self, _: &Context, _w: &Tensor, g: &Tensor, s: &mut [Tensor]) -> Tensor {
///         let d = s[0].lerp(g, 1.0 - self.beta1).sign();
///         let _ = s[0].lerp_(g, 1.0 - self.beta2);
///         d
///     }
/// }
/// ```
pub trait Rule: fmt::Debug + Send {
    /// Name of the rule; a saved state is loaded only by a rule of that name.
    fn name(&self) -> &str;

    /// Names of the buffers kept for each parameter. Each has the parameter's
    /// shape and starts at 0.
    fn buffers(&self) -> &[&str];

    /// `d = U(s, g)`.
    ///
    /// `buffers` are those of [`buffers`](Self::buffers), in that order, and
    /// are updated in place. `gradient` may be the model's own and must not be
    /// written to.
    fn direction(
        &self,
        context: &Context,
        weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor;

    /// The trust ratio ρ of each unit, shaped as the norms are, or `None` where it is 1.
    ///
    /// An answer made of tensor operations costs no synchronisation with the
    /// device.
    fn trust(&self, context: &Context, norms: &Norms<'_>) -> Option<Tensor> {
        let _ = (context, norms);
        None
    }

    /// Whether [`direction`](Self::direction) itself applies this decay. If
    /// not, which is the default, the optimizer does.
    fn absorbs(&self, decay: WeightDecay) -> bool {
        let _ = decay;
        false
    }

    /// Checks the hyper-parameters; called once, when the optimizer is built.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] naming the one that is outside of its domain.
    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }

    /// The built-in rule that this is, if it is one. The optimizer then has that one
    /// in its place, whatever else this says, and its kernels; any other rule runs
    /// through [`direction`](Self::direction).
    fn builtin(&self) -> Option<RuleConfig> {
        None
    }
}

/// What a rule may need to know beside the tensors.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// How often this parameter has been updated, this update included: `t`,
    /// from 1. A step in which it has no gradient does not count.
    pub updates: u64,
    /// The learning rate η of this parameter at this step.
    pub learning_rate: f64,
    /// The weight decay of this parameter.
    pub decay: WeightDecay,
    /// Whether the parameter is under a norm constraint in this step.
    pub constrained: bool,
    /// How it is divided into units, for rules that take norms themselves.
    pub granularity: Granularity,
}

/// The norms that a trust ratio may ask for; nothing is computed before it does.
#[derive(Clone, Copy, Debug)]
pub struct Norms<'a> {
    granularity: Granularity,
    pub(super) weight: &'a Tensor,
    direction: &'a Tensor,
}

impl<'a> Norms<'a> {
    pub(crate) fn new(granularity: Granularity, weight: &'a Tensor, direction: &'a Tensor) -> Self {
        Self {
            granularity,
            weight,
            direction,
        }
    }

    /// `‖w‖₂` of each unit, f64, shaped as [`Granularity::dot`]'s result.
    pub fn weight(&self) -> Tensor {
        self.granularity.norm(self.weight)
    }

    /// `‖d‖₂` of each unit, f64, shaped alike.
    pub fn direction(&self) -> Tensor {
        self.granularity.norm(self.direction)
    }
}
