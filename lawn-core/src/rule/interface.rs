//! What a rule is.

use std::fmt;

use tch::Tensor;

use crate::decay::WeightDecay;
use crate::error::Error;
use crate::rule::context::{Context, Norms};
use crate::rule::form::Form;
use crate::rule::rows::RowUpdates;

/// An update rule: hyper-parameters, and the direction they make of a gradient.
///
/// ```text
/// d = U(s, g)        direction, from the buffers s, which it updates
/// w ← w − η ρ d      ρ = trust(‖w‖, ‖d‖), 1 for most rules
/// ```
///
/// A rule holds no state of its own. The optimizer keeps its buffers, one set a parameter, and
/// saves them. It adds what rules have in common: learning rate, weight decay, clipping, and
/// the norm constraint. The constraint hands the rule the projected gradient, and projects the
/// direction that comes back before ρ is taken. So any rule can be constrained.
///
/// All tensors of one call have the parameter's shape and one element kind,
/// f32 or f64, and so must the direction. Calls are made without gradient recording.
///
/// A step of a rule that is not built in writes nothing before all directions are known. So a
/// rule that panics, or whose answer [no step can be made of](Error::RuleAnswer), leaves all
/// parameters and buffers as they were. Meanwhile there is a second copy of them.
///
/// ```
/// use lawn_core::{Context, Rule};
/// use tch::Tensor;
///
/// /// Bernstein et al. 2018, "signSGD", with a momentum.
/// #[derive(Debug)]
/// struct Signum { beta: f64 }
///
/// impl Rule for Signum {
///     fn name(&self) -> &str { "signum" }
///     fn buffers(&self) -> &[&str] { &["momentum"] }
///     fn direction(&self, _: &Context, _w: &Tensor, g: &Tensor, s: &mut [Tensor]) -> Tensor {
///         let _ = s[0].lerp_(g, 1.0 - self.beta);
///         s[0].sign()
///     }
/// }
/// ```
pub trait Rule: fmt::Debug + Send {
    /// Name of the rule; a saved state is loaded only by a rule of that name.
    fn name(&self) -> &str;

    /// Names of the buffers kept for each parameter. Each has the parameter's
    /// shape, unless [`buffer_shape`](Self::buffer_shape) says otherwise, and starts at 0.
    fn buffers(&self) -> &[&str];

    /// The shape of a buffer of a parameter of this shape. That of an
    /// [embedding table](Context::table) keeps the table's first dimension, since updates may
    /// be of [some rows](Self::row_updates) only.
    fn buffer_shape(&self, context: &Context, buffer: &str, shape: &[i64]) -> Vec<i64> {
        let _ = (context, buffer);
        shape.to_vec()
    }

    /// `d = U(s, g)`.
    ///
    /// `weight` and `gradient` are those of the parameter, or of the rows of a table that have a
    /// gradient, where [`row_updates`](Self::row_updates) says so. `buffers` are those of
    /// [`buffers`](Self::buffers), in that order and of the same rows, and are updated in place.
    /// `gradient` may be the model's own and must not be written to.
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

    /// Which rows of an [embedding table](Context::table) an update is for; not asked of other
    /// parameters.
    fn row_updates(&self, context: &Context) -> RowUpdates {
        let _ = context;
        RowUpdates::All
    }

    /// Whether it keeps squares of gradients, which may overflow; see
    /// [`check_finite`](crate::OptimizerConfig::check_finite).
    fn squares_gradients(&self, context: &Context) -> bool {
        let form = self.form(context);
        form.is_some_and(|form| form.squares_gradients())
    }

    /// The weights that the model is evaluated with, where they are others than those that it is
    /// trained with: an average of them, mostly. `context` is that of the next update. See
    /// [`Optimizer::eval`](crate::Optimizer::eval).
    fn evaluated(&self, context: &Context, weight: &Tensor, buffers: &[Tensor]) -> Option<Tensor> {
        let _ = (context, weight, buffers);
        None
    }

    /// What it does to such a parameter, in a few words for the [treatments](crate::Treatment), if
    /// it does something else to others.
    fn treats(&self, context: &Context) -> &'static str {
        let _ = context;
        ""
    }

    /// Checks the hyper-parameters; called once, when the optimizer is built.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] naming the one that is outside of its domain.
    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }

    /// What the backends compute in place of [`direction`](Self::direction),
    /// [`trust`](Self::trust) and [`absorbs`](Self::absorbs). A rule with one runs on all
    /// backends; a rule without, which is the default, runs on libtorch operations.
    ///
    /// Built-in rules have one. A rule of your own that computes what a built-in one does,
    /// under another name or with checks of its own, can hand on the form of that one.
    fn form(&self, context: &Context) -> Option<Form> {
        let _ = context;
        None
    }
}
