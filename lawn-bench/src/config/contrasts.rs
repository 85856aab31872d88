//! The pairs of arms that a report compares.

use toml::Spanned;

use super::raw::RawSweep;
use super::source::{Source, nearest};
use crate::config::sweep::{Arm, Contrast};
use crate::error::ConfigError;

/// The contrasts given, or every arm without LAWN against those with it on the same rule.
pub(super) fn contrasts(
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
        let found = format!("no arm is called `{}`", name.get_ref());
        Err(source.refused(name.span(), found, &names, help))
    };
    if let Some(given) = &raw.contrasts {
        let mut contrasts: Vec<Contrast> = Vec::new();
        for contrast in given.get_ref() {
            let (baseline, treatment) = (&contrast.baseline, &contrast.treatment);
            let pair = Contrast {
                baseline: known(baseline)?,
                treatment: known(treatment)?,
            };
            if pair.baseline == pair.treatment {
                let message = format!("arm `{}` is compared with itself", pair.baseline);
                return Err(source.error(treatment.span(), message, None));
            }
            // Each comparison makes all others of its family pay for it.
            let turned = Contrast {
                baseline: pair.treatment.clone(),
                treatment: pair.baseline.clone(),
            };
            if contrasts.contains(&pair) || contrasts.contains(&turned) {
                let message = format!(
                    "`{}` against `{}` is listed twice",
                    pair.treatment, pair.baseline
                );
                return Err(source.error(treatment.span(), message, None));
            }
            contrasts.push(pair);
        }
        return Ok(contrasts);
    }
    let first = |arm: &Arm| arm.settings[0].optimizer.clone();
    Ok(arms
        .iter()
        .filter(|baseline| !first(baseline).is_constrained())
        .flat_map(|baseline| {
            arms.iter()
                .filter(|arm| {
                    first(arm).is_constrained() && first(arm).rule == first(baseline).rule
                })
                .map(|treatment| Contrast {
                    baseline: baseline.name.clone(),
                    treatment: treatment.name.clone(),
                })
        })
        .collect())
}
