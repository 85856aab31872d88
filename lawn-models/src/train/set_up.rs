//! What a trial is made of before anything is trained or restored, and what cannot be set up.

use std::path::{Path, PathBuf};

use lawn_core::{Optimizer, OptimizerConfig, Parameters, WeightAverage};

use super::context::TrialContext;
use super::error::TrialError;
use super::optimizer;
use crate::models::{Model, TablePart, load_weights, unusable_values};
use crate::tasks::{Surroundings, Task, TrialConfig};
use crate::trial::{Length, RuleName, SettingsError, require};

/// What a trial is made of before anything is trained or restored.
pub(super) struct SetUp {
    pub(super) task: Task,
    pub(super) length: Length,
    pub(super) optimizer: Optimizer,
}

impl SetUp {
    pub(super) fn new(
        config: &TrialConfig,
        context: &TrialContext,
        part: TablePart,
    ) -> Result<Self, TrialError> {
        Self::of(task(config, context, part)?, config)
    }

    /// Of a task that has been put together.
    pub(super) fn of(task: Task, config: &TrialConfig) -> Result<Self, TrialError> {
        let (length, optimizer) = optimizer(&task, config)?;
        Ok(Self {
            task,
            length,
            optimizer,
        })
    }
}

/// The task of a trial, put together where the trial runs, with a part of its tables.
pub(super) fn task(
    config: &TrialConfig,
    context: &TrialContext,
    part: TablePart,
) -> Result<Task, TrialError> {
    let data_root = context.data_root.as_deref();
    let task = config.task.assemble(Surroundings {
        device: context.device,
        data_root,
        seed: config.seed,
        part,
    })?;
    let weights = config.task.weights();
    let weights = weights.map(|path| data_root.unwrap_or(Path::new("")).join(path));
    if let Some(path) = &weights {
        load_weights(&task.store, path)?;
    }
    require_usable(&task, weights)?;
    Ok(task)
}

/// Refuses a net that begins with values that it cannot compute with: every trial of it would diverge
/// in its first step.
fn require_usable(task: &Task, path: Option<PathBuf>) -> Result<(), TrialError> {
    match unusable_values(&task.store) {
        None => Ok(()),
        Some(values) => Err(TrialError::UnusableValues { path, values }),
    }
}

/// What a trial comes to with a task, and the optimizer of its parameters.
pub(super) fn optimizer(
    task: &Task,
    config: &TrialConfig,
) -> Result<(Length, Optimizer), TrialError> {
    let length = config.budget.length(task.dataset.len(), config.batch_size);
    if task.needs_two {
        require_two(length, config.batch_size)?;
    }
    let optimizer = optimizer_of(&*task.model, task.parameters()?, config, length)?;
    Ok((length, optimizer))
}

/// The optimizer of the parameters of a net.
pub(super) fn optimizer_of(
    model: &dyn Model,
    parameters: Parameters,
    config: &TrialConfig,
    length: Length,
) -> Result<Optimizer, TrialError> {
    let mut optimizer = OptimizerConfig {
        groups: optimizer::groups(&config.optimizer, &parameters)?,
        ..optimizer::optimizer(&config.optimizer, length)
    };
    if model.tables().iter().any(|table| table.is_parted()) {
        // It is clipped by the norm over all ranks, which the optimizer does not know.
        optimizer.clip_norm = None;
    }
    let optimizer = optimizer.build(parameters)?;
    require_matrix(config, &optimizer)?;
    Ok(optimizer)
}

/// Refuses Muon where it has nothing to do.
fn require_matrix(config: &TrialConfig, optimizer: &Optimizer) -> Result<(), SettingsError> {
    let settings = &config.optimizer;
    if settings.rule != RuleName::Muon || optimizer.treatments().iter().any(|one| one.matrix) {
        return Ok(());
    }
    let (setting, allowed) = match &settings.adam_on {
        Some(_) => ("adam_on", "leave it out, or name fewer parameters"),
        None => (
            "rule",
            "set one that is not only for matrices, such as \"adam\"",
        ),
    };
    Err(SettingsError::NotApplicable {
        setting: setting.to_owned(),
        context: "rule = \"muon\" where no matrix is left to it".to_owned(),
        allowed: allowed.to_owned(),
    })
}

/// The average of the variables of a task, running statistics among them, if a trial has one.
pub(super) fn average(
    task: &Task,
    config: &TrialConfig,
) -> Result<Option<WeightAverage>, TrialError> {
    let Some(decay) = config.optimizer.ema_decay else {
        return Ok(None);
    };
    let average = WeightAverage::new(task.store.variables(), decay)?;
    Ok(Some(average.with_warm_up()))
}

/// Refuses batches of one image, where batch normalization has nothing to take its variance over:
/// all of them, or the last.
fn require_two(length: Length, batch_size: u64) -> Result<(), SettingsError> {
    let last_of = |samples: u64| match samples % batch_size {
        0 => batch_size,
        rest => rest,
    };
    let epoch = length.epoch_samples;
    let ends = [epoch.min(length.samples), length.samples % epoch];
    let is_alone = ends.iter().any(|&end| end > 0 && last_of(end) == 1);
    let allowed = format!(
        "one that leaves no batch of a single image: the last stage of the net is one pixel of it, \
         of which batch normalization cannot take the variance; an epoch has {epoch} images, the \
         budget {}",
        length.samples
    );
    require(!is_alone, "batch_size", batch_size, &allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Amount;

    #[test]
    fn a_batch_of_a_single_image_is_refused() {
        let of = |budget: Amount, epoch, batch| require_two(budget.length(epoch, batch), batch);
        of(Amount::Epochs(2), 128, 64).unwrap();
        of(Amount::Epochs(2), 130, 64).unwrap();
        of(Amount::Epochs(2), 129, 200).unwrap();
        let said = of(Amount::Epochs(2), 129, 64).unwrap_err().to_string();
        assert!(
            said.contains("`batch_size` is 64") && said.contains("129 images"),
            "{said}"
        );
        of(Amount::Samples(130 + 65), 130, 64).unwrap_err();
        of(Amount::Epochs(1), 10, 1).unwrap_err();
    }
}
