//! Steps in libtorch operations, parameter by parameter: of any rule, on any device.

mod equations;
mod rows;
mod staged;
mod update;

use tch::Tensor;

use crate::backend::host::{Decision, decide, finish, shrunk, square};
use crate::backend::interface::{Backend, Entry, StepRecord, StepRequest};
use crate::backend::slot::Slot;
use crate::diagnostics::Measurement;
use crate::error::Error;
use crate::rule::Rule;
use crate::rule::watched::Watch;
use staged::stage;
use update::{commit, update, update_rows};

pub(crate) use update::{StagedUpdate, UpdateRequest};

/// Steps in libtorch operations.
#[derive(Debug)]
pub(crate) struct Reference {
    /// What the rule answers, if it is one of the user's own.
    watch: Option<Watch>,
}

impl Reference {
    pub(crate) const ENTRY: Entry = Entry {
        name: "reference",
        suits: |_| true,
        new: |setup| Box::new(Self::new(setup.watch)),
    };

    pub(crate) fn new(watch: Option<Watch>) -> Self {
        Self { watch }
    }

    /// What a rule of one's own makes of these gradients, with nothing written yet; nothing
    /// for a built-in rule. `buffers` tells those of a parameter.
    ///
    /// # Errors
    ///
    /// [`Error::RuleAnswer`].
    pub(crate) fn stage(
        &self,
        slots: &[Slot],
        gradients: &[Option<&Tensor>],
        request: &UpdateRequest<'_>,
        buffers: fn(&Slot, &dyn Rule) -> Vec<Tensor>,
    ) -> Result<Vec<Option<StagedUpdate>>, Error> {
        match &self.watch {
            Some(watch) => stage(slots, gradients, request, watch, buffers),
            None => Ok(Vec::new()),
        }
    }

    /// Updates the parameters that have one of these gradients. It takes over what was staged,
    /// and computes the rest.
    pub(crate) fn write(
        &self,
        slots: &mut [Slot],
        gradients: &[Option<&Tensor>],
        request: &UpdateRequest<'_>,
        mut staged: Vec<Option<StagedUpdate>>,
        measured: &mut [Vec<Measurement>],
    ) {
        for (index, (slot, gradient)) in slots.iter_mut().zip(gradients).enumerate() {
            let Some(gradient) = gradient else { continue };
            measured[index] = match staged.get_mut(index).and_then(Option::take) {
                Some(staged) => commit(slot, staged),
                None => match &request.rows[index] {
                    Some(rows) => update_rows(slot, request, gradient, rows),
                    None => update(slot, request, gradient),
                },
            };
        }
    }
}

impl Backend for Reference {
    fn step(&mut self, slots: &mut [Slot], request: &StepRequest<'_>) -> Result<StepRecord, Error> {
        let gradients: Vec<Option<&Tensor>> =
            request.gradients.iter().map(Option::as_ref).collect();
        let square = square(gradients.iter().copied().flatten());
        let norm = square.sqrt() / request.options.gradient_scale;
        let factor = match decide(request, || norm) {
            Decision::Take { factor } => factor,
            Decision::Skip { norm } => return Ok(StepRecord::skipped(request, norm)),
            Decision::Shrink(gradients) => {
                return self.step(slots, &shrunk(request, &gradients));
            }
        };
        let update = UpdateRequest::new(request, factor);
        let staged = self.stage(slots, &gradients, &update, |slot, _| slot.shared_buffers())?;
        request.writes.set(true);
        let mut measured = vec![Vec::new(); slots.len()];
        self.write(slots, &gradients, &update, staged, &mut measured);
        Ok(finish(slots, request, measured, norm))
    }
}
