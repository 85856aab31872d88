//! Which trials take graphs of CUDA, and of what.

use lawn_core::{Error, StepReport};
use tch::{Device, Tensor};

use super::captured_part::{PartOfStep, Update};
use super::captures::GraphUse;
use super::context::TrialContext;
use super::pass_graphs::PassGraphs;
use crate::data::Batch;
use crate::device::{Autocast, HalfKind};
use crate::models::Mode;
use crate::tasks::{Task, TrialConfig};
use crate::trial::Precision;

/// The graphs of a trial, where it takes any.
pub(super) struct Graphs {
    passes: PassGraphs,
    /// Whether the trial is to take them.
    asked: bool,
}

/// A part of a batch, and what its mean loss is taken over.
pub(super) struct Pass<'a> {
    pub(super) task: &'a Task,
    pub(super) batch: &'a Batch,
    pub(super) half: Option<HalfKind>,
    pub(super) on: Device,
    /// Number of its first sample among all that are trained on.
    pub(super) first: u64,
    /// Samples of the step.
    pub(super) count: u64,
    /// What the loss is multiplied by, if by anything.
    pub(super) scale: Option<f64>,
    /// Whether there are gradients of the step already.
    pub(super) adds: bool,
}

impl Graphs {
    /// On CUDA, where they are asked for.
    pub(super) fn new(config: &TrialConfig, context: &TrialContext, is_ranked: bool) -> Self {
        let asked = context.graphs && context.device.is_cuda();
        let passes = match why_not(config, is_ranked) {
            _ if !asked => PassGraphs::none(),
            Some(reason) => PassGraphs::refused(reason.to_owned()),
            None => PassGraphs::new(context.device, config.batch_size),
        };
        Self { passes, asked }
    }

    /// Computes the gradients of a part, and the step after it where that is given; its loss, which the
    /// next part of this size overwrites.
    ///
    /// # Errors
    /// Those of the step.
    pub(super) fn compute(
        &mut self,
        pass: &Pass<'_>,
        update: Option<Update<'_>>,
    ) -> Result<(Tensor, Option<StepReport>), Error> {
        let batch = pass.batch;
        let part = PartOfStep {
            store: &pass.task.store,
            tensors: batch.inputs.iter().chain([&batch.targets]).collect(),
            batch: pass.count,
            first: pass.first,
            adds: pass.adds,
            pass: &|tensors| pass.loss(tensors),
        };
        self.passes.compute_part(&part, update)
    }

    /// Whether the first graph is still to come, or to pass its checks.
    pub(super) fn are_untried(&self) -> bool {
        self.passes.are_untried()
    }

    /// Why graphs were given up, once.
    pub(super) fn take_reason(&mut self) -> Option<String> {
        self.passes.take_reason()
    }

    /// How passes were computed so far, where the trial was to take graphs.
    pub(super) fn used(&self) -> Option<GraphUse> {
        self.asked.then(|| self.passes.used())
    }
}

/// Why a trial that is to take graphs takes none.
fn why_not(config: &TrialConfig, is_ranked: bool) -> Option<&'static str> {
    if config.precision == Precision::F16 {
        return Some("the scale of a loss in f16 changes on the way");
    }
    is_ranked.then_some("ranks sum gradients in the midst of a backward pass")
}

impl Pass<'_> {
    /// Adds the gradients of inputs and targets to those that are there; their loss, the sum over
    /// the samples.
    fn loss(&self, tensors: &[Tensor]) -> Tensor {
        let (targets, inputs) = tensors.split_last().expect("a batch has targets");
        let loss = {
            let _region = self.half.map(|kind| Autocast::begin(self.on, kind));
            let mode = Mode::Train { first: self.first };
            let logits = self.task.forward(inputs, mode);
            self.task.objective.loss(&logits, targets)
        };
        // Each part is divided by the whole batch: their gradients add up
        // to those of the mean.
        let mean = &loss / self.count as f64;
        match self.scale {
            Some(scale) => mean * scale,
            None => mean,
        }
        .backward();
        loss.detach()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::TaskConfig;
    use crate::trial::{Amount, OptimizerSettings, RuleName};

    fn trial(precision: Precision) -> TrialConfig {
        let table = serde_json::json!({ "model": "gmf", "generated": { "users": 5, "items": 9 } });
        let task = TaskConfig::from_table("ncf", table).unwrap();
        let optimizer = OptimizerSettings::new(RuleName::Sgd, 0.1);
        TrialConfig {
            precision,
            ..TrialConfig::new(task, optimizer, 8, Amount::Epochs(1))
        }
    }

    #[test]
    fn what_cannot_be_captured_says_why_and_the_cpu_has_nothing_to_say() {
        assert_eq!(why_not(&trial(Precision::F32), false), None);
        assert_eq!(why_not(&trial(Precision::Bf16), false), None);
        assert!(
            why_not(&trial(Precision::F16), false)
                .unwrap()
                .contains("f16")
        );
        assert!(
            why_not(&trial(Precision::F32), true)
                .unwrap()
                .contains("ranks")
        );
        for graphs in [false, true] {
            let context = TrialContext {
                graphs,
                ..super::super::run::untrained(None)
            };
            let mut made = Graphs::new(&trial(Precision::F16), &context, false);
            assert_eq!((made.used(), made.take_reason()), (None, None));
        }
        let context = TrialContext {
            graphs: true,
            device: Device::Cuda(0),
            ..super::super::run::untrained(None)
        };
        let mut refused = Graphs::new(&trial(Precision::F16), &context, false);
        assert_eq!(refused.used(), Some(GraphUse::default()));
        assert!(refused.take_reason().unwrap().contains("f16"));
        assert_eq!(refused.take_reason(), None);
    }
}
