//! The first steps of trials of one task, for what they take and not for what they come to.

use std::collections::BTreeMap;

use tch::{Tensor, no_grad};

use super::context::TrialContext;
use super::error::TrialError;
use super::observer::Observer;
use super::record::TrialEnd;
use super::run::run_trial;
use super::set_up::{self, SetUp};
use super::trainer::run;
use super::training::Training;
use crate::device;
use crate::models::TablePart;
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
        let _measuring = device::CudnnMeasuring::of_training(context.device, context.deterministic);
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
            None => Ready::of(set_up::task(config, context, TablePart::default())?),
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::*;
    use crate::tasks::TaskConfig;
    use crate::train::{EvaluationRecord, TrialInfo};
    use crate::trial::{Amount, OptimizerSettings, RuleName};

    /// Train losses of each interval, and how far evaluations had come.
    #[derive(Default)]
    struct Heard {
        losses: Vec<f64>,
        samples: Vec<(u64, u64)>,
    }

    impl Observer for Heard {
        fn started(&mut self, _info: &TrialInfo) {}
        fn progress(&mut self, _step: u64, _steps: u64) {}
        fn measuring(&mut self, samples: u64, of: u64) {
            self.samples.push((samples, of));
        }
        fn evaluated(&mut self, record: &EvaluationRecord) {
            self.losses.push(record.train_loss);
        }
        fn stop_requested(&self) -> bool {
            false
        }
    }

    fn of(task: TaskConfig, rule: RuleName) -> TrialConfig {
        let optimizer = OptimizerSettings::new(rule, 1e-2);
        TrialConfig::new(task, optimizer, 64, Amount::Steps(6))
    }

    fn ratings() -> TaskConfig {
        let table = json!({ "model": "gmf", "generated": { "users": 50, "items": 200 } });
        TaskConfig::from_table("ncf", table).unwrap()
    }

    fn context(checkpoint: PathBuf) -> TrialContext {
        TrialContext {
            checkpoint,
            ..super::super::run::untrained(None)
        }
    }

    #[test]
    fn each_trial_begins_as_it_would_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let mut rehearsal = Rehearsal::new();
        for rule in [RuleName::Adam, RuleName::ScheduleFree, RuleName::Sgd] {
            let config = of(ratings(), rule);
            let [mut rehearsed, mut alone] = [Heard::default(), Heard::default()];
            let nowhere = context(PathBuf::new());
            rehearsal
                .run_trial(&config, &nowhere, &mut rehearsed)
                .unwrap();
            let kept = context(folder.path().join(format!("{rule:?}.safetensors")));
            run_trial(&config, &kept, &mut alone).unwrap();
            assert_eq!(rehearsed.losses, alone.losses, "{rule:?}");
            assert!(!alone.losses.is_empty());
        }
    }

    #[test]
    fn an_evaluation_is_heard_to_its_last_sample() {
        let clicks = json!({
            "generated": { "rows": 2000 },
            "model": { "name": "dcn_v2", "width": 4, "layers": [8] },
        });
        let clicks = TaskConfig::from_table("ctr", clicks).unwrap();
        for task in [ratings(), clicks] {
            let mut heard = Heard::default();
            let config = of(task, RuleName::Adam);
            let nowhere = context(PathBuf::new());
            Rehearsal::new()
                .run_trial(&config, &nowhere, &mut heard)
                .unwrap();
            let samples = &heard.samples;
            assert!(samples.len() > 1, "train and validation are measured");
            assert!(samples.is_sorted(), "{samples:?}");
            let (last, of) = samples[samples.len() - 1];
            assert_eq!(last, of);
        }
    }
}
