//! The arms of a sweep: each over the defaults, all tuned alike.

use lawn_models::Amount;
use toml::de::{DeTable, DeValue};

use super::arm::{self, RawArm, Tuning};
use super::source::Source;
use super::values::{entries, file_name};
use crate::config::sweep::Arm;
use crate::error::ConfigError;

pub(super) fn arms(
    source: &Source<'_>,
    root: &DeTable<'_>,
    tuning: &Tuning<'_>,
    budget: Amount,
) -> Result<Vec<Arm>, ConfigError> {
    let defaults = match root.get("defaults") {
        None => RawArm::default(),
        Some(value) => match value.get_ref() {
            DeValue::Table(table) => RawArm::read(source, table, tuning)?,
            _ => return Err(source.error(value.span(), "defaults must be a table", None)),
        },
    };
    let mut arms: Vec<Arm> = Vec::new();
    for (name, table) in entries(source, root, "arms")? {
        let called = file_name(source, name)?;
        let (arm, written) = arm::read(source, &called, table, &defaults, tuning)?;
        for setting in &arm.settings {
            for optimizer in setting.everywhere() {
                if let Err(error) = optimizer.validate_free_phase(budget) {
                    let origins = written.origins(&error.to_string(), &arm.name);
                    let message = format!("arm `{}`: {error}{origins}", arm.name);
                    return Err(source.error(name.span(), message, None));
                }
            }
        }
        let found = arm.settings.len();
        let equal = match (tuning.settings, arms.first()) {
            (Some(settings), _) if settings != found as u64 => {
                Some(format!("tuning.settings asks for {settings}"))
            }
            (None, Some(first)) if first.settings.len() != found => {
                Some(format!("arm `{}` has {}", first.name, first.settings.len()))
            }
            _ => None,
        };
        if let Some(other) = equal {
            let of = if arm.space.is_empty() {
                "and nothing to tune"
            } else {
                "in its grid"
            };
            let plural = if found == 1 { "" } else { "s" };
            let message = format!(
                "arm `{}` has {found} setting{plural} {of}, {other}",
                arm.name
            );
            let help = "every arm must be tuned over the same number of settings";
            return Err(source.error(name.span(), message, Some(help.into())));
        }
        arms.push(arm);
    }
    Ok(arms)
}
