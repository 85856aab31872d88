//! Numbers beyond what a trial can count. Every trial would be refused for them, and the file
//! alone shows them.

use std::ops::Range;

use lawn_models::TrialConfig;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::raw::{RawAmount, RawSweep};
use super::source::Source;
use super::values::entries;
use crate::config::sweep::Sweep;
use crate::error::ConfigError;

/// Makes sure that all whole numbers are those of TOML, 64 bits with a sign. Readers of TOML
/// differ in what they do with larger ones.
pub(super) fn integers(source: &Source<'_>, table: &DeTable<'_>) -> Result<(), ConfigError> {
    table.values().try_for_each(|value| integer(source, value))
}

fn integer(source: &Source<'_>, value: &Spanned<DeValue<'_>>) -> Result<(), ConfigError> {
    match value.get_ref() {
        DeValue::Integer(number)
            if i64::from_str_radix(number.as_str(), number.radix()).is_err() =>
        {
            let message = format!(
                "{} is beyond the whole numbers of TOML; allowed: {} to {}",
                number.as_str(),
                i64::MIN,
                i64::MAX
            );
            Err(source.error(value.span(), message, None))
        }
        DeValue::Array(items) => items.iter().try_for_each(|item| integer(source, item)),
        DeValue::Table(table) => integers(source, table),
        _ => Ok(()),
    }
}

/// Makes the checks of every trial of `sweep` that need no data.
pub(super) fn check(
    source: &Source<'_>,
    table: &DeTable<'_>,
    raw: &RawSweep,
    sweep: &Sweep,
) -> Result<(), ConfigError> {
    let names = entries(source, table, "arms")?;
    for (arm, (name, _)) in sweep.arms.iter().zip(&names) {
        for setting in &arm.settings {
            for &batch_size in &sweep.batch_sizes {
                let optimizer = setting.at(batch_size, arm, sweep);
                let mut trial = TrialConfig::new(
                    sweep.tasks[0].config.clone(),
                    optimizer,
                    batch_size,
                    sweep.budget,
                );
                trial.evaluation = sweep.evaluation;
                trial.diagnostics = sweep.diagnostics;
                trial.micro_batch_size = sweep.resources.micro_batch_size;
                let mut checked = trial.validate();
                // How many ranks there are may be told on the command line.
                if !sweep.resources.sharding.is_none() {
                    checked = checked.and_then(|()| trial.require_shareable_tables());
                }
                let Err(error) = checked else {
                    continue;
                };
                let every = raw.evaluation.every.as_ref();
                let place = match error.setting() {
                    "budget" => Some(count(&raw.budget)),
                    "every" => every.map(|every| count(every)),
                    _ => None,
                };
                let message = match place {
                    Some(_) => error.to_string(),
                    None => format!("arm `{}` at batch size {batch_size}: {error}", arm.name),
                };
                return Err(source.error(place.unwrap_or(name.span()), message, None));
            }
        }
    }
    Ok(())
}

/// Where the number of an amount is.
fn count(raw: &Spanned<RawAmount>) -> Range<usize> {
    let RawAmount {
        epochs,
        steps,
        samples,
    } = raw.get_ref();
    let given = [epochs, steps, samples].into_iter().flatten().next();
    given.map_or(raw.span(), |given| given.span())
}
