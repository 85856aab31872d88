//! `RawSweep` → `Sweep`: the checks that need more than one value.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::arm::Tuning;
use super::arms::{Inherited, arms};
use super::budget::{amount, diagnostics, evaluation};
use super::contrasts::contrasts;
use super::earlier::Renamed;
use super::file::SweepFile;
use super::key_at::key_at;
use super::overlay::{Laid, Overlay, toml_sets};
use super::raw::{BATCH_SIZE, RANKS, RawReport, RawResources, RawSweep, THREADS, WORKERS};
use super::source::{Source, nearest};
use super::space::to_json;
use super::tasks::tasks;
use super::values::{at_least, distinct, file_name, found, within};
use super::{engines, limits, overrides, tuning};
use crate::config::sweep::{NamedTask, Resources, Sweep};
use crate::error::ConfigError;

pub(super) fn sweep(file: &SweepFile) -> Result<Sweep, ConfigError> {
    read(file, |source, laid| Ok(checked(source, laid)?.sweep))
}

/// A sweep, beside what was written.
pub(super) struct Explanation {
    pub(super) sweep: Sweep,
    /// The tables that are not read apart, defaults filled in.
    pub(super) filled: serde_json::Value,
    /// What the file gives, and what was set over it.
    pub(super) given: serde_json::Value,
    /// What each arm has from elsewhere.
    pub(super) inherited: Vec<Inherited>,
    /// Words that had another name once.
    pub(super) renamed: Vec<Renamed>,
}

/// What comes of a text.
struct Checked {
    sweep: Sweep,
    raw: RawSweep,
    /// What each arm has from elsewhere.
    inherited: Vec<Inherited>,
}

pub(super) fn explained(file: &SweepFile) -> Result<Explanation, ConfigError> {
    read(file, |source, laid| {
        let Checked {
            sweep,
            raw,
            inherited,
        } = checked(source, laid)?;
        let whole = Spanned::new(laid.span.clone(), DeValue::Table(laid.table.clone()));
        Ok(Explanation {
            sweep,
            filled: serde_json::to_value(raw).unwrap_or_default(),
            given: to_json(source, &whole)?,
            inherited,
            renamed: laid.renamed.clone(),
        })
    })
}

/// Parses the file, changes it as was asked, and hands the table on.
///
/// An error may stand in the file and come from a change all the same: the file is right without
/// that. Then the error is placed at the first such change.
fn read<T>(
    file: &SweepFile,
    check: impl FnOnce(&Source<'_>, &Laid<'_>) -> Result<T, ConfigError>,
) -> Result<T, ConfigError> {
    let sets = toml_sets(file);
    let overlay = Overlay::new(file, &sets);
    let source = &overlay.source;
    let error = match check(source, &overlay.laid(overlay.len())?) {
        Err(error) if ![overrides::SET, overrides::UNSET].contains(&error.origin.as_str()) => error,
        done => return done,
    };
    let is_right = |count: &usize| {
        let laid = overlay.laid(*count);
        laid.is_ok_and(|laid| checked(source, &laid).is_ok())
    };
    match (0..overlay.len()).rev().find(is_right) {
        Some(without) => {
            let help = error.help.clone().or_else(|| help(file, &error));
            Err(source.blamed_on(without + 1, ConfigError { help, ..error }))
        }
        None => Err(error),
    }
}

/// What is wrong with a sweep, at its own place; none where nothing is.
fn fault_of(file: &SweepFile) -> Option<ConfigError> {
    let sets = toml_sets(file);
    let overlay = Overlay::new(file, &sets);
    let laid = overlay.laid(overlay.len());
    laid.and_then(|laid| checked(&overlay.source, &laid)).err()
}

/// Most keys that are named as those that do not go with what is set.
const UNSETS: usize = 4;

/// What takes the keys of tasks and arms out of the file that do not go with what is set, where the rest
/// is a sweep then. `error` is of the first of them, at its place in the file.
fn help(file: &SweepFile, error: &ConfigError) -> Option<String> {
    let mut tried = file.clone();
    let mut place = error.shown.span.clone();
    let mut given = String::new();
    for more in 1..=UNSETS {
        let sets = toml_sets(&tried);
        let overlay = Overlay::new(&tried, &sets);
        let key = key_at(&overlay.laid(overlay.len()).ok()?.table, &place)?;
        given += &format!("--unset {key} ");
        let mut unsets = tried.unsets.clone();
        unsets.push(key);
        let rest = file.clone().without(&unsets);
        match fault_of(&rest) {
            None if more == 1 => return Some(format!("{given}takes it out of the file")),
            None => return Some(format!("{given}take them out of the file")),
            // Another that does not go with it.
            Some(next) if next.origin == file.origin && next.shown.span != place => {
                place = next.shown.span.clone();
            }
            Some(_) => return None,
        }
        tried = rest;
    }
    None
}

/// See [`SweepFile::fault`].
pub(super) fn fault(file: &SweepFile, places: &[&[&str]], message: String) -> ConfigError {
    let sets = toml_sets(file);
    let overlay = Overlay::new(file, &sets);
    let laid = match overlay.laid(overlay.len()) {
        Ok(laid) => laid,
        Err(error) => return error,
    };
    let mut nearest = laid.span;
    for place in places {
        match found(&laid.table, place) {
            Ok(span) => {
                nearest = span;
                break;
            }
            Err(Some(span)) => nearest = span,
            Err(None) => {}
        }
    }
    overlay.source.error(nearest, message, None)
}

fn checked(source: &Source<'_>, laid: &Laid<'_>) -> Result<Checked, ConfigError> {
    let table = &laid.table;
    let value = Spanned::new(laid.span.clone(), DeValue::Table(table.clone()));
    let raw = RawSweep::deserialize(ValueDeserializer::from(value))
        .map_err(|error| source.toml(&error, laid.span.clone()))?;

    let budget = amount(source, &raw.budget, "budget")?;
    let batch_sizes = distinct(source, &raw.batch_sizes, "batch size", 1..=BATCH_SIZE)?;
    let mut tasks = tasks(source, table)?;
    tuning::choose_metrics(source, table, &mut tasks)?;
    let tuned = Tuning {
        settings: tuning::settings(source, &raw.tuning)?,
        seed: *raw.tuning.seed.get_ref(),
        batch_sizes: &batch_sizes,
        budget,
    };
    let (arms, inherited) = arms(source, table, &tuned)?;
    let settings = arms.iter().map(|arm| arm.settings.len()).max().unwrap_or(0);
    let diagnostics = diagnostics(source, &raw.diagnostics, budget, &arms)?;
    let margins = margins(source, table, &raw.report, &tasks)?;
    let sweep = Sweep {
        name: file_name(source, &raw.name)?,
        contrasts: contrasts(source, &raw, &arms)?,
        tasks,
        arms,
        reference_batch_size: reference(source, &raw, &batch_sizes)?,
        precision: raw.precision,
        budget,
        evaluation: evaluation(source, &raw.evaluation)?,
        diagnostics,
        tuning_seed: tuned.seed,
        rungs: tuning::rungs(source, &raw.tuning, settings)?,
        learning_rate_scaling: raw.tuning.learning_rate_scaling,
        confirmation_seeds: confirmation_seeds(source, &raw)?,
        batch_sizes,
        alpha: alpha(source, &raw.report.alpha)?,
        margins,
        width: raw.report.width,
        resources: resources(source, &raw.resources)?,
        engines: engines::check(source, &raw.engines)?,
    };
    check_size(source, &sweep, &raw)?;
    limits::check(source, table, &raw, &sweep)?;
    Ok(Checked {
        sweep,
        raw,
        inherited,
    })
}

/// Greatest number of trials of a sweep: beyond it, something is mistyped.
const TRIALS: usize = 1_000_000;

fn check_size(source: &Source<'_>, sweep: &Sweep, raw: &RawSweep) -> Result<(), ConfigError> {
    let tuning: usize = match sweep.is_tuned() {
        true => sweep.rungs.iter().map(|rung| rung.settings).sum(),
        false => 0,
    };
    let cells = sweep.tasks.len() * sweep.arms.len() * sweep.batch_sizes.len();
    let trials = cells.saturating_mul(tuning + sweep.confirmation_seeds.len());
    if trials <= TRIALS {
        return Ok(());
    }
    let message = format!("the sweep has {trials} trials; allowed: up to {TRIALS}");
    let help = format!("{cells} tasks × arms × batch sizes, each of so many settings and seeds");
    Err(source.error(raw.name.span(), message, Some(help)))
}

fn reference(source: &Source<'_>, raw: &RawSweep, batch_sizes: &[u64]) -> Result<u64, ConfigError> {
    let Some(given) = &raw.reference_batch_size else {
        return Ok(batch_sizes[0]);
    };
    if batch_sizes.contains(given.get_ref()) {
        return Ok(*given.get_ref());
    }
    let message = format!(
        "reference batch size {} is not among batch_sizes",
        given.get_ref()
    );
    Err(source.refused(given.span(), message, batch_sizes, None))
}

/// Fresh seeds: what a setting was chosen by must not confirm it.
fn confirmation_seeds(source: &Source<'_>, raw: &RawSweep) -> Result<Vec<u64>, ConfigError> {
    let seeds = &raw.confirmation.seeds;
    let tuning_seed = *raw.tuning.seed.get_ref();
    let mut listed = seeds.get_ref().iter();
    if let Some(used) = listed.find(|seed| *seed.get_ref() == tuning_seed) {
        return Err(source.error(
            used.span(),
            format!("confirmation seed {tuning_seed} is the tuning seed"),
            Some("confirm with fresh seeds, or set tuning.seed to another".into()),
        ));
    }
    distinct(source, seeds, "seed", 0..=u64::MAX)
}

fn alpha(source: &Source<'_>, alpha: &Spanned<f64>) -> Result<f64, ConfigError> {
    let given = *alpha.get_ref();
    if given > 0.0 && given < 0.5 {
        return Ok(given);
    }
    let message = format!("report.alpha must be above 0 and below 0.5, not {given}");
    Err(source.error(alpha.span(), message, None))
}

/// The margins. Each is of a metric that a task measures: a margin of another metric would be
/// used nowhere.
fn margins(
    source: &Source<'_>,
    table: &DeTable<'_>,
    report: &RawReport,
    tasks: &[NamedTask],
) -> Result<BTreeMap<String, f64>, ConfigError> {
    let mut measured: Vec<&str> = tasks
        .iter()
        .flat_map(|task| task.config.metrics().all.iter().copied())
        .collect();
    measured.sort_unstable();
    measured.dedup();
    let checked = report.margins.iter().map(|(metric, margin)| {
        if !measured.contains(&metric.as_str()) {
            let place = found(table, &["report", "margins"]).ok();
            let key = table
                .get("report")
                .and_then(|report| report.get_ref().as_table())
                .and_then(|report| report.get("margins"))
                .and_then(|margins| margins.get_ref().as_table())
                .and_then(|margins| margins.get_key_value(metric.as_str()));
            let place = key.map(|(key, _)| key.span()).or(place);
            let place = place.unwrap_or_else(|| margin.span());
            let found = format!("no task measures `{metric}`");
            let help = nearest(metric, measured.iter().copied());
            return Err(source.refused(place, found, &measured, help));
        }
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
    let timeout = timeout.map(|given| {
        let what = "resources.timeout_seconds";
        let timeout = duration(given, what, 0.0)?;
        // Every trial would end with it.
        if timeout.is_zero() {
            let message = format!("{what} must be more than 0; without it no time is set");
            return Err(source.error(given.span(), message, None));
        }
        Ok(timeout)
    });
    let micro_batch_size = match &raw.micro_batch_size {
        None => None,
        Some(size) => Some(within(
            source,
            size,
            "resources.micro_batch_size",
            1,
            BATCH_SIZE,
        )?),
    };
    Ok(Resources {
        workers: within(source, &raw.workers, "resources.workers", 1, WORKERS)?,
        threads: within(source, &raw.threads, "resources.threads", 1, THREADS)?,
        ranks: within(source, &raw.ranks, "resources.ranks", 1, RANKS)?,
        ranks_are_told: false,
        sharding: raw.sharding,
        device: raw.device,
        timeout: timeout.transpose()?,
        grace: duration(&raw.grace_seconds, "resources.grace_seconds", 0.0)?,
        lease: duration(&raw.lease_seconds, "resources.lease_seconds", 1.0)?,
        micro_batch_size,
        checkpoint_every: duration(&raw.checkpoint_seconds, "resources.checkpoint_seconds", 0.0)?,
        deterministic: raw.deterministic,
        graphs: raw.graphs,
        tensorboard: raw.tensorboard,
        keep_checkpoints: raw.keep_checkpoints,
        keep_weights: raw.keep_weights,
    })
}
