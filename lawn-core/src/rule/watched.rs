//! A rule of one's own, whose answers are checked before they are used.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tch::Tensor;

use crate::decay::WeightDecay;
use crate::parameters::layout::TensorSpec;
use crate::rule::context::{Context, Norms};
use crate::rule::form::Form;
use crate::rule::interface::Rule;
use crate::rule::rows::RowUpdates;

/// A rule whose answers a [`Watch`] sees.
pub(crate) struct WatchedRule<R> {
    rule: R,
    watch: Watch,
}

/// What the answers to the last calls were.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Arc<Mutex<Answers>>);

/// What is wrong with an answer: what was expected, and what was found.
pub(crate) type Fault = [String; 2];

#[derive(Debug, Default)]
struct Answers {
    fault: Option<Fault>,
    /// For each direction and trust ratio, whether all of it is finite.
    finite: Vec<Tensor>,
}

impl Watch {
    /// Takes what was seen since the last time: the first fault, and for each answer
    /// whether it is finite.
    pub(crate) fn take(&self) -> (Option<Fault>, Vec<Tensor>) {
        let answers = std::mem::take(&mut *self.lock());
        (answers.fault, answers.finite)
    }

    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an answer has the kind, shape and device that it should have. Notes the fault if
    /// not.
    fn require(&self, what: &str, answer: &Tensor, expected: &TensorSpec) -> bool {
        let found = answer.defined().then(|| TensorSpec::of(answer));
        if found.as_ref() == Some(expected) {
            return true;
        }
        let found = found.map_or_else(|| "an undefined one".to_owned(), |f| f.to_string());
        let fault = [format!("a {what} of {expected}"), found];
        self.lock().fault.get_or_insert(fault);
        false
    }

    /// Notes whether the numbers of an answer are finite.
    fn look(&self, answer: &Tensor) {
        self.lock().finite.push(answer.isfinite().all());
    }
}

impl<R: Rule> WatchedRule<R> {
    pub(crate) fn new(rule: R, watch: Watch) -> Self {
        Self { rule, watch }
    }
}

impl<R: fmt::Debug> fmt::Debug for WatchedRule<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rule.fmt(f)
    }
}

impl<R: Rule> Rule for WatchedRule<R> {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn buffers(&self) -> &[&str] {
        self.rule.buffers()
    }

    fn buffer_shape(&self, context: &Context, buffer: &str, shape: &[i64]) -> Vec<i64> {
        self.rule.buffer_shape(context, buffer, shape)
    }

    fn direction(
        &self,
        context: &Context,
        weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        let direction = self.rule.direction(context, weight, gradient, buffers);
        let expected = TensorSpec::of(weight);
        let mut sound = self.watch.require("direction", &direction, &expected);
        for (name, buffer) in self.rule.buffers().iter().zip(buffers) {
            let what = format!("buffer `{name}`");
            let expected = TensorSpec {
                shape: self.rule.buffer_shape(context, name, &expected.shape),
                ..expected.clone()
            };
            sound &= self.watch.require(&what, buffer, &expected);
        }
        if sound {
            self.watch.look(&direction);
            direction
        } else {
            // The step is given up; zeros let it run to its end.
            weight.zeros_like()
        }
    }

    fn trust(&self, context: &Context, norms: &Norms<'_>) -> Option<Tensor> {
        let trust = self.rule.trust(context, norms)?;
        let mut expected = TensorSpec::of(norms.weight);
        expected.shape = context.granularity.dot_shape(&expected.shape);
        if trust.defined() {
            // It is brought to the kind of what it multiplies.
            expected.kind = trust.kind();
        }
        if self.watch.require("trust ratio", &trust, &expected) {
            self.watch.look(&trust);
            Some(trust)
        } else {
            None
        }
    }

    fn absorbs(&self, decay: WeightDecay) -> bool {
        self.rule.absorbs(decay)
    }

    fn row_updates(&self, context: &Context) -> RowUpdates {
        self.rule.row_updates(context)
    }

    fn squares_gradients(&self, context: &Context) -> bool {
        self.rule.squares_gradients(context)
    }

    fn evaluated(&self, context: &Context, weight: &Tensor, buffers: &[Tensor]) -> Option<Tensor> {
        self.rule.evaluated(context, weight, buffers)
    }

    fn treats(&self, context: &Context) -> &'static str {
        self.rule.treats(context)
    }

    fn form(&self, context: &Context) -> Option<Form> {
        self.rule.form(context)
    }
}
