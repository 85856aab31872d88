//! `RawSweep` → `Sweep`: the checks that need more than one value.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lawn_models::TaskConfig;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::raw::{RawReport, RawResources, RawSweep};
use super::source::{Source, nearest};
use super::{Arm, ConfigError, Contrast, NamedTask, Resources, Sweep, arm};

/// A key and its value, both with their place in the text.
type Entry<'t, 'i> = (&'t Spanned<Cow<'i, str>>, &'t Spanned<DeValue<'i>>);

pub(super) fn sweep(source: &Source<'_>) -> Result<Sweep, ConfigError> {
    let root = DeTable::parse(source.text).map_err(|error| source.toml(&error, 0..0))?;
    let span = root.span();
    let table = root.get_ref().clone();
    let value = Spanned::new(span.clone(), DeValue::Table(root.into_inner()));
    let raw = RawSweep::deserialize(ValueDeserializer::from(value))
        .map_err(|error| source.toml(&error, span))?;

    let epochs = at_least(source, &raw.budget.epochs, "budget.epochs", 1)?;
    let tasks = tasks(source, &table)?;
    let arms = arms(source, &table, &raw)?;
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
    Ok(Sweep {
        name: file_name(source, &raw.name)?,
        contrasts: contrasts(source, &raw, &arms)?,
        tasks,
        arms,
        batch_sizes,
        reference_batch_size,
        epochs,
        tuning_seed,
        learning_rate_scaling: raw.tuning.learning_rate_scaling,
        confirmation_seeds,
        alpha: alpha(source, &raw.report.alpha)?,
        margins: margins(source, &raw.report)?,
        resources: resources(source, &raw.resources)?,
    })
}

fn tasks(source: &Source<'_>, root: &DeTable<'_>) -> Result<Vec<NamedTask>, ConfigError> {
    entries(source, root, "tasks")?
        .into_iter()
        .map(|(name, table)| {
            let DeValue::Table(fields) = table.get_ref() else {
                return Err(source.error(table.span(), "a task must be a table", None));
            };
            let mut fields = fields.clone();
            let kinds = || format!("allowed: {}", TaskConfig::KINDS.join(", "));
            let kind = match fields.remove("kind") {
                Some(kind) => kind,
                None => {
                    let message = format!("task `{}` has no `kind`", name.get_ref());
                    return Err(source.error(name.span(), message, Some(kinds())));
                }
            };
            let Some(text) = kind
                .get_ref()
                .as_str()
                .filter(|text| TaskConfig::KINDS.contains(text))
            else {
                let found = kind
                    .get_ref()
                    .as_str()
                    .unwrap_or("something other than text");
                let help = nearest(found, TaskConfig::KINDS.iter().copied()).unwrap_or_else(kinds);
                return Err(source.error(
                    kind.span(),
                    format!("unknown kind of task `{found}`; {}", kinds()),
                    Some(help),
                ));
            };
            let rest = Spanned::new(table.span(), DeValue::Table(fields));
            let config = TaskConfig::from_table(text, ValueDeserializer::from(rest))
                .map_err(|error| source.toml(&error, table.span()))?;
            config
                .validate()
                .map_err(|error| source.error(table.span(), error.to_string(), None))?;
            Ok(NamedTask {
                name: file_name(source, name)?,
                config,
            })
        })
        .collect()
}

fn arms(source: &Source<'_>, root: &DeTable<'_>, raw: &RawSweep) -> Result<Vec<Arm>, ConfigError> {
    let defaults = match root
        .get("defaults")
        .map(|value| (value.span(), value.get_ref()))
    {
        None => DeTable::default(),
        Some((_, DeValue::Table(table))) => table.clone(),
        Some((span, _)) => return Err(source.error(span, "defaults must be a table", None)),
    };
    let epochs = *raw.budget.epochs.get_ref();
    let mut arms: Vec<Arm> = Vec::new();
    for (name, table) in entries(source, root, "arms")? {
        let arm = arm::read(source, &file_name(source, name)?, table, &defaults)?;
        for setting in &arm.settings {
            if let Some(free) = setting
                .optimizer
                .free_epochs
                .filter(|free| *free >= epochs as f64)
            {
                return Err(source.error(
                    name.span(),
                    format!("arm `{}` would never be constrained: free_epochs = {free} of {epochs} epochs", arm.name),
                    Some(format!("free_epochs must be below {epochs}")),
                ));
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

/// The contrasts given, or every arm without LAWN against those with it on the same rule.
fn contrasts(
    source: &Source<'_>,
    raw: &RawSweep,
    arms: &[Arm],
) -> Result<Vec<Contrast>, ConfigError> {
    let known = |name: &Spanned<String>| {
        if arms.iter().any(|arm| arm.name == *name.get_ref()) {
            return Ok(name.get_ref().clone());
        }
        let names: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
        let help = nearest(name.get_ref(), names.iter().copied());
        let message = format!(
            "no arm is called `{}`; allowed: {}",
            name.get_ref(),
            names.join(", ")
        );
        Err(source.error(name.span(), message, help))
    };
    if let Some(given) = &raw.contrasts {
        return given
            .get_ref()
            .iter()
            .map(|contrast| {
                Ok(Contrast {
                    baseline: known(&contrast.baseline)?,
                    treatment: known(&contrast.treatment)?,
                })
            })
            .collect();
    }
    let first = |arm: &Arm| arm.settings[0].optimizer.clone();
    Ok(arms
        .iter()
        .filter(|baseline| !first(baseline).lawn)
        .flat_map(|baseline| {
            arms.iter()
                .filter(|arm| first(arm).lawn && first(arm).rule == first(baseline).rule)
                .map(|treatment| Contrast {
                    baseline: baseline.name.clone(),
                    treatment: treatment.name.clone(),
                })
        })
        .collect())
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
    let timeout = match &raw.timeout_seconds {
        None => None,
        Some(seconds) => Some(
            Duration::try_from_secs_f64(*seconds.get_ref()).map_err(|_| {
                let message = format!(
                    "timeout_seconds must be a positive number, not {}",
                    seconds.get_ref()
                );
                source.error(seconds.span(), message, None)
            })?,
        ),
    };
    let micro_batch_size = match &raw.micro_batch_size {
        None => None,
        Some(size) => Some(at_least(source, size, "micro_batch_size", 1)?),
    };
    Ok(Resources {
        workers: at_least(source, &raw.workers, "resources.workers", 1)?,
        threads: at_least(source, &raw.threads, "resources.threads", 1)?,
        device: raw.device,
        timeout,
        micro_batch_size,
    })
}

/// The entries of the table `key` in the order of the file; there must be one at least.
fn entries<'t, 'i>(
    source: &Source<'_>,
    root: &'t DeTable<'i>,
    key: &str,
) -> Result<Vec<Entry<'t, 'i>>, ConfigError> {
    let value = &root[key];
    let mut entries: Vec<Entry<'t, 'i>> = match value.get_ref() {
        DeValue::Table(table) => table.iter().collect(),
        _ => Vec::new(),
    };
    if entries.is_empty() {
        let message = format!("`{key}` must hold one table at least");
        return Err(source.error(
            value.span(),
            message,
            Some(format!("for example: [{key}.NAME]")),
        ));
    }
    entries.sort_by_key(|(name, _)| name.span().start);
    Ok(entries)
}

/// Names become folders and columns: letters, digits, `-`, `_` and `.`.
fn file_name<T: AsRef<str>>(source: &Source<'_>, name: &Spanned<T>) -> Result<String, ConfigError> {
    let text = name.get_ref().as_ref();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || text.starts_with('.') || !text.chars().all(allowed) {
        let message = format!("`{text}` cannot be a name");
        let help =
            "a name is made of letters, digits, `-`, `_` and `.`, and does not begin with `.`";
        return Err(source.error(name.span(), message, Some(help.into())));
    }
    Ok(text.to_owned())
}

fn at_least<T: PartialOrd + Copy + std::fmt::Display>(
    source: &Source<'_>,
    value: &Spanned<T>,
    what: &str,
    least: T,
) -> Result<T, ConfigError> {
    let given = *value.get_ref();
    if given < least {
        return Err(source.error(
            value.span(),
            format!("{what} must be {least} or more, not {given}"),
            None,
        ));
    }
    Ok(given)
}

/// The values of a list, ascending: one at least, each `least` or more, none twice.
fn distinct(
    source: &Source<'_>,
    list: &Spanned<Vec<Spanned<u64>>>,
    what: &str,
    least: u64,
) -> Result<Vec<u64>, ConfigError> {
    let mut seen = BTreeSet::new();
    for value in list.get_ref() {
        let given = at_least(source, value, what, least)?;
        if !seen.insert(given) {
            return Err(source.error(
                value.span(),
                format!("{what} {given} is listed twice"),
                None,
            ));
        }
    }
    if seen.is_empty() {
        return Err(source.error(
            list.span(),
            format!("one {what} at least must be listed"),
            None,
        ));
    }
    Ok(seen.into_iter().collect())
}
