//! How long trials train, and when and what they measure on the way.

use lawn_models::{Amount, Diagnostics, Evaluation, FreePhase};
use toml::Spanned;

use super::raw::{RawAmount, RawDiagnostics, RawEvaluation, RawPhase};
use super::source::Source;
use super::values::at_least;
use crate::config::sweep::Arm;
use crate::error::ConfigError;

/// One of `epochs`, `steps` and `samples`, 1 or more.
pub(super) fn amount(
    source: &Source<'_>,
    raw: &Spanned<RawAmount>,
    what: &str,
) -> Result<Amount, ConfigError> {
    let units = [
        (&raw.get_ref().epochs, Amount::Epochs as fn(u64) -> Amount),
        (&raw.get_ref().steps, Amount::Steps),
        (&raw.get_ref().samples, Amount::Samples),
    ];
    let mut given = units
        .into_iter()
        .filter_map(|(count, unit)| Some((count.as_ref()?, unit)));
    let (Some((count, unit)), None) = (given.next(), given.next()) else {
        let message = format!("`{what}` must have one of {}", Amount::UNITS.join(", "));
        let help = format!("for example: {what} = {{ epochs = 20 }}");
        return Err(source.error(raw.span(), message, Some(help)));
    };
    let name = format!("{what}.{}", unit(1).unit());
    Ok(unit(at_least(source, count, &name, 1)?))
}

pub(super) fn evaluation(
    source: &Source<'_>,
    raw: &RawEvaluation,
) -> Result<Evaluation, ConfigError> {
    let mut evaluation = Evaluation {
        test_curve: raw.test_curve,
        ..Evaluation::default()
    };
    if let Some(every) = &raw.every {
        evaluation.every = amount(source, every, "evaluation.every")?;
    }
    Ok(evaluation)
}

/// Distances are measured from where the file says. Where it does not say, they are measured
/// from the end of the free phase of the arms with LAWN, if all of their settings have the
/// same.
pub(super) fn diagnostics(
    source: &Source<'_>,
    raw: &RawDiagnostics,
    budget: Amount,
    arms: &[Arm],
) -> Result<Diagnostics, ConfigError> {
    let distance_from = match &raw.distance_from {
        Some(given) => {
            let phase = free_phase(source, given)?;
            phase
                .validate("diagnostics.distance_from", budget)
                .map_err(|error| source.error(given.span(), error.to_string(), None))?;
            Some(phase)
        }
        None => {
            let settings = arms.iter().flat_map(|arm| &arm.settings);
            let mut phases = settings.filter_map(|setting| setting.optimizer.free_phase());
            let first = phases.next();
            first.filter(|first| phases.all(|phase| phase == *first))
        }
    };
    Ok(Diagnostics {
        units: raw.units,
        distance_from,
    })
}

fn free_phase(source: &Source<'_>, raw: &Spanned<RawPhase>) -> Result<FreePhase, ConfigError> {
    let RawPhase {
        epochs,
        fraction,
        steps,
    } = raw.get_ref();
    match (epochs, fraction, steps) {
        (&Some(epochs), None, None) => Ok(FreePhase::Epochs(epochs)),
        (None, &Some(fraction), None) => Ok(FreePhase::Fraction(fraction)),
        (None, None, &Some(steps)) => Ok(FreePhase::Steps(steps)),
        _ => {
            let message = "`diagnostics.distance_from` must have one of epochs, fraction, steps";
            let help = "for example: distance_from = { epochs = 2 }".to_owned();
            Err(source.error(raw.span(), message, Some(help)))
        }
    }
}
