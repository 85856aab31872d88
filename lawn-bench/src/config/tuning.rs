//! How a sweep is tuned: the metric that chooses, and the rungs of successive halving.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::raw::{RawRungs, RawTuning, SETTINGS};
use super::source::{Source, nearest};
use super::values::at_least;
use crate::config::sweep::{NamedTask, Rung};
use crate::count::{count, verb};
use crate::error::ConfigError;

/// The number of settings asked for.
pub(super) fn settings(source: &Source<'_>, raw: &RawTuning) -> Result<Option<u64>, ConfigError> {
    let Some(settings) = &raw.settings else {
        return Ok(None);
    };
    let given = at_least(source, settings, "tuning.settings", 1)?;
    if given > SETTINGS as u64 {
        let message = format!("tuning.settings must be {SETTINGS} or less, not {given}");
        return Err(source.error(settings.span(), message, None));
    }
    Ok(Some(given))
}

/// The rungs of `settings` settings: one over the whole budget where none are asked for.
///
/// ```text
/// rung k    part of the budget p_k = min(1, first · ηᵏ),   settings n_k = ⌊n / ηᵏ⌋
/// ```
///
/// Source: Jamieson and Talwalkar 2016, *Non-stochastic best arm identification and
/// hyperparameter optimization*, arXiv 1502.07943, successive halving with η for 2.
pub(super) fn rungs(
    source: &Source<'_>,
    raw: &RawTuning,
    settings: usize,
) -> Result<Vec<Rung>, ConfigError> {
    let Some(rungs) = &raw.rungs else {
        return Ok(vec![Rung {
            part: 1.0,
            settings,
        }]);
    };
    let RawRungs { eta, first } = rungs.get_ref();
    let eta = at_least(source, eta, "tuning.rungs.eta", 2)?;
    let given = *first.get_ref();
    if !(given > 0.0 && given < 1.0) {
        let message = format!("tuning.rungs.first must be above 0 and below 1, not {given}");
        let help = "the part of the budget after which the first settings are dropped, as in 0.111";
        return Err(source.error(first.span(), message, Some(help.into())));
    }
    let mut list = Vec::new();
    let (mut part, mut divisor) = (given, 1_usize);
    loop {
        // 0.111 · 9 is meant to be all of it.
        let last = part > 0.98;
        let left = settings / divisor;
        if left == 0 {
            let message = format!(
                "{} {} too few for these rungs: none is left for rung {}",
                count(settings, "setting"),
                verb(settings, "is", "are"),
                list.len() + 1
            );
            let help = format!("give {divisor} or more, a larger first or a smaller eta");
            return Err(source.error(rungs.span(), message, Some(help)));
        }
        list.push(Rung {
            part: if last { 1.0 } else { part },
            settings: left,
        });
        if last {
            return Ok(list);
        }
        part = (part * eta as f64).min(1.0);
        divisor = divisor.saturating_mul(usize::try_from(eta).unwrap_or(usize::MAX));
    }
}

/// Sets the metric that chooses a task's settings: `tuning.metric`, for one task or for all.
/// Without it the task's first metric stays.
pub(super) fn choose_metrics(
    source: &Source<'_>,
    root: &DeTable<'_>,
    tasks: &mut [NamedTask],
) -> Result<(), ConfigError> {
    let Some(metric) = root
        .get("tuning")
        .and_then(|tuning| tuning.get_ref().get("metric"))
    else {
        return Ok(());
    };
    let mut chosen = BTreeMap::new();
    match metric.get_ref() {
        DeValue::String(_) => {
            for task in tasks.iter() {
                chosen.insert(task.name.clone(), metric.clone());
            }
        }
        DeValue::Table(by_task) => {
            for (name, metric) in by_task {
                let found = name.get_ref().as_ref();
                if !tasks.iter().any(|task| task.name == found) {
                    let names: Vec<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
                    let message = format!("no task is called `{found}`");
                    let help = nearest(found, names.iter().copied());
                    return Err(source.refused(name.span(), message, names, help));
                }
                chosen.insert(found.to_owned(), metric.clone());
            }
        }
        _ => {
            let message = "tuning.metric must be the name of a metric, or a table by task";
            let help = "for example: metric = \"ndcg@10\"";
            return Err(source.error(metric.span(), message, Some(help.into())));
        }
    }
    for task in tasks {
        let Some(metric) = chosen.get(&task.name) else {
            continue;
        };
        let allowed = task.config.metrics().ranked();
        let found = metric.get_ref().as_str().unwrap_or_default();
        if !allowed.contains(&found) {
            let said = match task.config.metrics().all.contains(&found) {
                true => format!(
                    "no setting of task `{}` is the best by `{found}`: neither more nor less is better",
                    task.name
                ),
                false => format!(
                    "task `{}` does not measure `{found}` on validation data",
                    task.name
                ),
            };
            let help = nearest(found, allowed.iter().copied());
            return Err(source.refused(metric.span(), said, allowed, help));
        }
        task.metric = found.to_owned();
    }
    Ok(())
}
