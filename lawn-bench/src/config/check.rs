//! `RawSweep` → `Sweep`: the checks that need more than one value.

use std::collections::BTreeMap;
use std::time::Duration;

use lawn_models::Amount;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::budget::{amount, diagnostics, evaluation};
use super::contrasts::contrasts;
use super::raw::{RawReport, RawResources, RawSweep};
use super::source::Source;
use super::tasks::tasks;
use super::values::{at_least, distinct, entries, file_name};
use super::{Arm, ConfigError, Resources, Sweep, arm, engines};

pub(super) fn sweep(source: &Source<'_>) -> Result<Sweep, ConfigError> {
    let root = DeTable::parse(source.text).map_err(|error| source.toml(&error, 0..0))?;
    let span = root.span();
    let table = root.get_ref().clone();
    let value = Spanned::new(span.clone(), DeValue::Table(root.into_inner()));
    let raw = RawSweep::deserialize(ValueDeserializer::from(value))
        .map_err(|error| source.toml(&error, span))?;

    let budget = amount(source, &raw.budget, "budget")?;
    let tasks = tasks(source, &table)?;
    let arms = arms(source, &table, budget)?;
    let batch_sizes = distinct(source, &raw.batch_sizes, "batch size", 1)?;
    let reference_batch_size = match &raw.reference_batch_size {
        Some(given) if !batch_sizes.contains(given.get_ref()) => {
            let message = format!(
                "reference batch size {} is not among batch_sizes",
                given.get_ref()
            );
            return Err(source.error(
                given.span(),
                message,
                Some(format!("allowed: {batch_sizes:?}")),
            ));
        }
        Some(given) => *given.get_ref(),
        None => batch_sizes[0],
    };
    let confirmation_seeds = distinct(source, &raw.confirmation.seeds, "seed", 0)?;
    let tuning_seed = *raw.tuning.seed.get_ref();
    if let Some(used) = raw
        .confirmation
        .seeds
        .get_ref()
        .iter()
        .find(|seed| *seed.get_ref() == tuning_seed)
    {
        return Err(source.error(
            used.span(),
            format!("confirmation seed {tuning_seed} is the tuning seed"),
            Some("confirm with fresh seeds, or set tuning.seed to another".into()),
        ));
    }
    let diagnostics = diagnostics(source, &raw.diagnostics, budget, &arms)?;
    Ok(Sweep {
        name: file_name(source, &raw.name)?,
        contrasts: contrasts(source, &raw, &arms)?,
        tasks,
        arms,
        batch_sizes,
        reference_batch_size,
        budget,
        evaluation: evaluation(source, &raw.evaluation)?,
        diagnostics,
        tuning_seed,
        learning_rate_scaling: raw.tuning.learning_rate_scaling,
        confirmation_seeds,
        alpha: alpha(source, &raw.report.alpha)?,
        margins: margins(source, &raw.report)?,
        width: raw.report.width,
        resources: resources(source, &raw.resources)?,
        engines: engines::check(source, &raw.engines)?,
    })
}

fn arms(source: &Source<'_>, root: &DeTable<'_>, budget: Amount) -> Result<Vec<Arm>, ConfigError> {
    let defaults = match root
        .get("defaults")
        .map(|value| (value.span(), value.get_ref()))
    {
        None => DeTable::default(),
        Some((_, DeValue::Table(table))) => table.clone(),
        Some((span, _)) => return Err(source.error(span, "defaults must be a table", None)),
    };
    let mut arms: Vec<Arm> = Vec::new();
    for (name, table) in entries(source, root, "arms")? {
        let arm = arm::read(source, &file_name(source, name)?, table, &defaults)?;
        for setting in &arm.settings {
            if let Err(error) = setting.optimizer.validate_free_phase(budget) {
                let message = format!("arm `{}`: {error}", arm.name);
                return Err(source.error(name.span(), message, None));
            }
        }
        if let Some(first) = arms
            .first()
            .filter(|first| first.settings.len() != arm.settings.len())
        {
            return Err(source.error(
                name.span(),
                format!(
                    "arm `{}` has {} settings in its grid, arm `{}` has {}",
                    arm.name,
                    arm.settings.len(),
                    first.name,
                    first.settings.len()
                ),
                Some("every arm must be tuned over the same number of settings".into()),
            ));
        }
        arms.push(arm);
    }
    Ok(arms)
}

fn alpha(source: &Source<'_>, alpha: &Spanned<f64>) -> Result<f64, ConfigError> {
    let given = *alpha.get_ref();
    if given > 0.0 && given < 0.5 {
        return Ok(given);
    }
    let message = format!("report.alpha must be above 0 and below 0.5, not {given}");
    Err(source.error(alpha.span(), message, None))
}

fn margins(source: &Source<'_>, report: &RawReport) -> Result<BTreeMap<String, f64>, ConfigError> {
    let checked = report.margins.iter().map(|(metric, margin)| {
        let given = *margin.get_ref();
        if given.is_finite() && given > 0.0 {
            return Ok((metric.clone(), given));
        }
        let message =
            format!("the margin of `{metric}` must be a finite number above 0, not {given}");
        Err(source.error(margin.span(), message, None))
    });
    checked.collect()
}

fn resources(source: &Source<'_>, raw: &RawResources) -> Result<Resources, ConfigError> {
    let duration = |given: &Spanned<f64>, what: &str, least: f64| {
        let seconds = at_least(source, given, what, least)?;
        Duration::try_from_secs_f64(seconds).map_err(|error| {
            let message = format!("{what} cannot be {seconds}: {error}");
            source.error(given.span(), message, None)
        })
    };
    let timeout = raw.timeout_seconds.as_ref();
    let timeout = timeout.map(|given| duration(given, "resources.timeout_seconds", 0.0));
    let micro_batch_size = match &raw.micro_batch_size {
        None => None,
        Some(size) => Some(at_least(source, size, "micro_batch_size", 1)?),
    };
    Ok(Resources {
        workers: at_least(source, &raw.workers, "resources.workers", 1)?,
        threads: at_least(source, &raw.threads, "resources.threads", 1)?,
        device: raw.device,
        timeout: timeout.transpose()?,
        grace: duration(&raw.grace_seconds, "resources.grace_seconds", 0.0)?,
        lease: duration(&raw.lease_seconds, "resources.lease_seconds", 1.0)?,
        micro_batch_size,
        checkpoint_every: duration(&raw.checkpoint_seconds, "resources.checkpoint_seconds", 0.0)?,
        tensorboard: raw.tensorboard,
        keep_checkpoints: raw.keep_checkpoints,
    })
}
