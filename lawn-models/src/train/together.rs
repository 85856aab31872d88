//! What a trial under way does together with the other ranks, and by itself where there are none.

use lawn_core::State;
use tch::Tensor;

use super::error::TrialError;
use super::observer::Observer;
use super::ranked::{Ranked, SharedAnswers, Wishes};
use super::share::Sharing;
use super::training::Training;
use crate::measure::Measurement;
use crate::trial::TestPermit;

impl Training<'_> {
    /// How batches are shared out among the ranks.
    pub(super) fn sharing(&self) -> Sharing {
        self.ranked.as_ref().map_or(Sharing::ALONE, Ranked::sharing)
    }

    /// The sum of the losses since the last evaluation, of all ranks.
    pub(super) fn total_loss(&self) -> Result<f64, TrialError> {
        let own = self.loss_sum.double_value(&[]);
        match &self.ranked {
            Some(ranked) => Ok(ranked.total(own)?),
            None => Ok(own),
        }
    }

    /// Takes the radii of rank 0 where those of others have other bits: all ranks hold the same
    /// norms.
    pub(super) fn agree_on_radii(&mut self) -> Result<(), TrialError> {
        if let Some(ranked) = &self.ranked {
            let own = self.optimizer.state().to_bytes()?;
            let of_first = ranked.of_first(&own)?;
            if of_first != own {
                let state = State::from_bytes(&of_first, self.context.device)?;
                self.optimizer.load_state(&state)?;
            }
        }
        self.has_one_radius = true;
        Ok(())
    }

    /// Refuses ranks that do not hold the same weights and the same state.
    pub(super) fn require_same_everywhere(&self) -> Result<(), TrialError> {
        if let Some(ranked) = &self.ranked {
            let parameters = self.task.parameters()?;
            let weights = parameters.iter().map(|one| one.tensor.detach());
            ranked.require_same("a weight", weights, self.step)?;
            let state = self.optimizer.state().tensors.into_values();
            ranked.require_same("the optimizer's state", state, self.step)?;
        }
        Ok(())
    }

    /// Answers of the net, computed by all ranks together.
    pub(super) fn answers(&self) -> SharedAnswers {
        SharedAnswers::new(&self.ranks)
    }

    /// Measures the test split.
    pub(super) fn measure_test(
        &mut self,
        permit: &TestPermit,
    ) -> Result<Vec<Measurement>, TrialError> {
        let answers = self.answers();
        let measured = self.measured(|task| {
            let answer = |_, inputs: &[Tensor]| answers.answer(task, inputs);
            task.objective.measure_test(&answer, permit)
        })??;
        answers.check()?;
        Ok(measured)
    }

    /// Takes down what this rank wishes for after the next step.
    pub(super) fn wish(&mut self, observer: &dyn Observer) {
        let is_due = self.checkpoint_is_due();
        if let Some(ranked) = &mut self.ranked {
            ranked.wishes = Wishes {
                stop: observer.stop_requested(),
                save: is_due,
                may_save: observer.may_save(),
            };
        }
    }

    /// Whether the trial stops before its next step. Ranks agree on it with the step before.
    pub(super) fn stops(&self, observer: &dyn Observer) -> bool {
        match &self.ranked {
            Some(ranked) => ranked.agreed.stop,
            None => observer.stop_requested(),
        }
    }

    /// Whether checkpoints may be written.
    pub(super) fn may_save(&self, observer: &dyn Observer) -> bool {
        match &self.ranked {
            Some(ranked) => ranked.agreed.may_save,
            None => observer.may_save(),
        }
    }

    /// Whether one is to be written now.
    pub(super) fn saves_now(&self, observer: &dyn Observer) -> bool {
        match &self.ranked {
            Some(ranked) => ranked.agreed.save && ranked.agreed.may_save,
            None => self.checkpoint_is_due() && observer.may_save(),
        }
    }

    fn checkpoint_is_due(&self) -> bool {
        self.last_checkpoint.elapsed() >= self.context.checkpoint_every
    }
}
