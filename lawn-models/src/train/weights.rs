//! The weights that a confirmation leaves, for whoever wants the net itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lawn_core::State;
use tch::Device;

use super::error::TrialError;
use super::ranked::Ranked;
use super::record::EvaluationRecord;
use super::training::Training;
use crate::measure::Split;
use crate::models::{weights_of, write_weights};
use crate::tasks::{TaskConfig, TaskMetrics, note_of_task};
use crate::trial::Stage;

/// Name of the file of the last weights, which are those that are tested, beside the
/// checkpoint.
const LAST: &str = "model.safetensors";

/// Name of the file of those with the best validation metric.
const BEST: &str = "model.best.safetensors";

/// Metadata keys of a file: what was known of the weights.
const STEP: &str = "step";
const EPOCH: &str = "epoch";
const METRIC: &str = "metric";
const VALUE: &str = "value";

/// Which weights a trial has kept.
pub(super) struct KeptWeights {
    last: PathBuf,
    best: PathBuf,
    /// The best value of the metric so far.
    best_value: Option<f64>,
}

impl KeptWeights {
    /// None for a trial that keeps no weights: a sweep has many that only tune. Rank 0 writes them,
    /// and the others come with their rows of shared tables.
    pub(super) fn new(training: &Training<'_>) -> Option<Self> {
        let context = training.context;
        let is_needed = training.ranks.is_first() || shares_tables(training);
        let keeps = context.keep_weights && is_needed;
        if training.config.stage != Stage::Confirm || !keeps {
            return None;
        }
        let best = context.checkpoint.with_file_name(BEST);
        Some(Self {
            last: context.checkpoint.with_file_name(LAST),
            best_value: value_before(&best, training.step),
            best,
        })
    }

    /// Keeps the weights of an evaluation if none before had a better metric.
    pub(super) fn evaluated(
        &mut self,
        training: &mut Training<'_>,
        record: &EvaluationRecord,
    ) -> Result<(), TrialError> {
        let Some(value) = validation(&training.config.task, record) else {
            return Ok(());
        };
        let TaskMetrics {
            higher_is_better, ..
        } = training.config.task.metrics();
        let is_better = |best: f64| {
            if higher_is_better {
                value > best
            } else {
                value < best
            }
        };
        let mut is_best = self.best_value.is_none_or(is_better);
        if shares_tables(training) {
            is_best = training.first_says(is_best)?;
        }
        if is_best {
            write(training, record, &self.best)?;
            self.best_value = Some(value);
            training.progress.since.seconds.checkpoint += training.timer.lap().elapsed;
        }
        Ok(())
    }

    /// Keeps the weights that the trial ended with.
    pub(super) fn finished(
        &self,
        training: &mut Training<'_>,
        record: &EvaluationRecord,
    ) -> Result<(), TrialError> {
        write(training, record, &self.last)
    }
}

fn shares_tables(training: &Training<'_>) -> bool {
    (training.ranked.as_ref()).is_some_and(Ranked::shares_tables)
}

/// The value in a file of the best weights that was written up to `step`: what comes later is
/// trained again.
fn value_before(path: &Path, step: u64) -> Option<f64> {
    let file = State::load(path, Device::Cpu).ok()?;
    let of: u64 = file.metadata.get(STEP)?.parse().ok()?;
    let value = file.metadata.get(VALUE)?.parse().ok()?;
    (of <= step).then_some(value)
}

fn validation(task: &TaskConfig, record: &EvaluationRecord) -> Option<f64> {
    let primary = task.metrics().primary;
    let mut measured = record.measurements.iter();
    let found = measured.find(|one| one.split == Split::Validation && one.metric == primary);
    found.map(|one| one.value)
}

/// Writes the variables that the trial is judged by.
fn write(
    training: &mut Training<'_>,
    record: &EvaluationRecord,
    path: &Path,
) -> Result<(), TrialError> {
    let mut metadata = BTreeMap::new();
    let mut note = |key: &str, value: String| metadata.insert(key.to_owned(), value);
    note(STEP, record.step.to_string());
    note(EPOCH, record.epoch.to_string());
    if let Some((key, task)) = note_of_task(&training.config.task) {
        note(key, task);
    }
    if let Some(value) = validation(&training.config.task, record) {
        let primary = training.config.task.metrics().primary;
        note(METRIC, format!("validation {primary}"));
        note(VALUE, value.to_string());
    }
    let own = training.measured(|task| {
        let mut state = weights_of(&task.store, metadata);
        // The variables themselves are about to change back.
        let tensors = state.tensors.values_mut();
        tensors.for_each(|tensor| *tensor = tensor.detach().copy());
        state
    })?;
    let whole = training.whole(own)?;
    if training.ranks.is_first() {
        write_weights(&whole, path)?;
    }
    Ok(())
}
