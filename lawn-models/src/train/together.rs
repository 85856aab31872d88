//! What a trial under way does together with the other ranks, and by itself where there are none.

use lawn_core::{State, Treatment, WeightNorm};

use super::answers::SharedAnswers;
use super::distance::Distance;
use super::error::TrialError;
use super::observer::Observer;
use super::ranked::{Ranked, Wishes};
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

    /// Takes the fewest samples at once that any rank is to take: what memory was found to hold, one
    /// rank may know and the others not, and rank 0 says for all that it was short.
    pub(super) fn agree_on_part(&mut self) -> Result<(), TrialError> {
        let own = self.part();
        if let Some(ranked) = &self.ranked {
            self.common_part = Some(ranked.least(own)?);
        }
        Ok(())
    }

    /// Takes the radii of rank 0 where those of others have other bits: all ranks hold the same
    /// norms. Those of rows of shared tables are their owner's.
    pub(super) fn agree_on_radii(&mut self) -> Result<(), TrialError> {
        if let Some(ranked) = &self.ranked {
            let mut own = self.optimizer.state();
            let tables = ranked.take_tables(&mut own);
            let own = own.to_bytes()?;
            let of_first = ranked.of_first(&own)?;
            if of_first != own {
                let mut state = State::from_bytes(&of_first, self.context.device)?;
                state.tensors.extend(tables);
                self.optimizer.load_state(&state)?;
            }
        }
        self.has_one_radius = true;
        Ok(())
    }

    /// Refuses ranks that do not hold the same weights and the same state, of what all have.
    pub(super) fn require_same_everywhere(&self) -> Result<(), TrialError> {
        if let Some(ranked) = &self.ranked {
            let parameters = self.task.parameters()?;
            let weights = parameters.iter().filter(|one| !ranked.is_shared(&one.name));
            let weights = weights.map(|one| one.tensor.detach());
            ranked.require_same("a weight", weights, self.step)?;
            let mut state = self.optimizer.state();
            ranked.take_tables(&mut state);
            let state = state.tensors.into_values();
            ranked.require_same("the optimizer's state", state, self.step)?;
        }
        Ok(())
    }

    /// The state of a checkpoint with all rows of shared tables, at rank 0.
    pub(super) fn whole(&self, own: State) -> Result<State, TrialError> {
        match &self.ranked {
            Some(ranked) => Ok(ranked.whole(own)?),
            None => Ok(own),
        }
    }

    /// The norms of the parameters, of shared tables those of the whole.
    pub(super) fn weight_norms(&self) -> Result<Vec<WeightNorm>, TrialError> {
        let mut norms = self.optimizer.weight_norms();
        if let Some(ranked) = &self.ranked {
            let squares = norms.iter();
            let squares = squares.map(|one| (one.parameter.as_str(), one.norm.powi(2)));
            let squares = ranked.table_squares(&squares.collect())?;
            for one in &mut norms {
                if let Some(square) = squares.get(&one.parameter) {
                    one.norm = square.sqrt();
                }
            }
        }
        Ok(norms)
    }

    /// How far the weights are from where they were at the freeze.
    pub(super) fn distance_from_freeze(&self) -> Result<Option<f64>, TrialError> {
        let distance = self.distance.as_ref();
        let Some(squares) = distance.and_then(Distance::squares) else {
            return Ok(None);
        };
        let mut sum = 0.0;
        let is_shared = |name: &str| match &self.ranked {
            Some(ranked) => ranked.is_shared(name),
            None => false,
        };
        for (name, square) in &squares {
            if !is_shared(name) {
                sum += square;
            }
        }
        if let Some(ranked) = &self.ranked {
            let own = squares.iter().copied().filter(|(name, _)| is_shared(name));
            sum += ranked.table_squares(&own.collect())?.values().sum::<f64>();
        }
        Ok(Some(sum.sqrt()))
    }

    /// What is done to each parameter, where those of shared tables are of the whole.
    pub(super) fn treatments(&self) -> Vec<Treatment> {
        let mut treatments = self.optimizer.treatments().to_vec();
        for table in self.task.model.tables() {
            let named = |one: &&mut Treatment| one.parameter == table.name();
            if table.is_parted()
                && let Some(one) = treatments.iter_mut().find(named)
            {
                one.shape[0] = table.rows();
                if one.units > 0 {
                    one.units = table.rows();
                }
            }
        }
        treatments
    }

    /// Whether rank 0 says so.
    pub(super) fn first_says(&self, own: bool) -> Result<bool, TrialError> {
        let Some(ranked) = &self.ranked else {
            return Ok(own);
        };
        let own = own && ranked.is_first();
        Ok(ranked.total(f64::from(u8::from(own)))? > 0.0)
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
            let answers = answers.of(task, &|_, _| {});
            task.objective.measure_test(&answers, permit)
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
