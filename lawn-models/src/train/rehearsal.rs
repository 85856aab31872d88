//! The first steps of trials of one task, for what they take and not for what they come to.

use std::collections::BTreeMap;

use tch::{Tensor, no_grad};

use super::context::TrialContext;
use super::error::TrialError;
use super::observer::Observer;
use super::record::TrialEnd;
use super::run::run_trial;
use super::trainer::run;
use super::training::{self, SetUp, Training};
use crate::device;
use crate::tasks::{Task, TrialConfig};

/// A task that is put together once, for several trials of it: what a step and an evaluation take
/// can be timed without reading the data each time.
///
/// All trials must have the same task. Each begins with the initial weights of the first.
#[derive(Default)]
pub struct Rehearsal {
    ready: Option<Ready>,
}

/// A task, and the variables of its model as they were at first.
struct Ready {
    task: Task,
    origin: BTreeMap<String, Tensor>,
}

impl Rehearsal {
    /// Nothing is put together before the first trial.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`run_trial`], on the task of the trial before and without a checkpoint.
    ///
    /// # Errors
    /// As [`run_trial`].
    pub fn run_trial(
        &mut self,
        config: &TrialConfig,
        context: &TrialContext,
        observer: &mut dyn Observer,
    ) -> Result<TrialEnd, TrialError> {
        config.validate()?;
        device::require_device(context.device)?;
        device::keep_host_memory();
        let attempt = device::catch_out_of_memory(|| self.run(config, context, observer));
        match attempt.map_err(TrialError::from) {
            // It goes on with fewer samples at once, on a task of its own.
            Err(TrialError::OutOfMemory { .. }) => run_trial(config, context, observer),
            end => end,
        }
    }

    fn run(
        &mut self,
        config: &TrialConfig,
        context: &TrialContext,
        observer: &mut dyn Observer,
    ) -> Result<TrialEnd, TrialError> {
        let Ready { task, origin } = match self.ready.take() {
            Some(ready) => ready,
            None => Ready::of(training::task(config, context)?),
        };
        no_grad(|| {
            for (name, mut variable) in task.store.variables() {
                variable.copy_(&origin[&name]);
                variable.zero_grad();
            }
        });
        let set_up = SetUp::of(task, config)?;
        let mut training = Training::afresh(set_up, config, context)?;
        let end = run(&mut training, observer)?;
        let task = training.task;
        self.ready = Some(Ready { task, origin });
        Ok(end)
    }
}

impl Ready {
    fn of(task: Task) -> Self {
        let variables = task.store.variables().into_iter();
        let origin = variables.map(|(name, variable)| (name, variable.detach().copy()));
        let origin = origin.collect();
        Self { task, origin }
    }
}
