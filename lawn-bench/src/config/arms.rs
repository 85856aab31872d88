//! The arms of a sweep: each over the defaults, all tuned alike.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::arm::{self, Tuning};
use super::raw_arm::{GaveWay, Layer, RawArm};
use super::source::Source;
use super::values::{entries, file_name, found};
use crate::config::sweep::Arm;
use crate::error::ConfigError;

/// Where the keys of an arm come from that it did not write.
pub(super) struct Inherited {
    /// The layer of each.
    pub(super) origins: BTreeMap<String, Layer>,
    /// Those that were left where they are.
    pub(super) gave_way: Vec<GaveWay>,
}

/// The arms, and beside each what it has from elsewhere.
pub(super) fn arms(
    source: &Source<'_>,
    root: &DeTable<'_>,
    tuning: &Tuning<'_>,
) -> Result<(Vec<Arm>, Vec<Inherited>), ConfigError> {
    let defaults = match root.get("defaults") {
        None => RawArm::default(),
        Some(value) => match value.get_ref() {
            DeValue::Table(table) => RawArm::read(source, table, tuning)?,
            _ => return Err(source.error(value.span(), "defaults must be a table", None)),
        },
    };
    let mut arms: Vec<Arm> = Vec::new();
    let mut inherited = Vec::new();
    for (name, table) in entries(source, root, "arms")? {
        let called = file_name(source, name)?;
        let (arm, written) = arm::read(source, &called, table, &defaults, tuning)?;
        let count = arm.settings.len();
        let tuned = arms.iter().find(|arm| !arm.space.is_empty());
        let equal = match (tuning.settings, tuned) {
            // It is what it is, beside arms that are tuned.
            _ if arm.space.is_empty() => None,
            (Some(settings), _) if settings != count as u64 => {
                Some(format!("tuning.settings asks for {settings}"))
            }
            (None, Some(first)) if first.settings.len() != count => {
                Some(format!("arm `{}` has {}", first.name, first.settings.len()))
            }
            _ => None,
        };
        if let Some(other) = equal {
            let plural = if count == 1 { "" } else { "s" };
            let message = format!(
                "arm `{}` has {count} setting{plural} in its grid, {other}",
                arm.name
            );
            let help = "every arm that is tuned must be tuned over the same number of settings";
            return Err(source.error(name.span(), message, Some(help.into())));
        }
        arms.push(arm);
        inherited.push(Inherited {
            origins: written.origins,
            gave_way: written.gave_way,
        });
    }
    let is_tuned = arms.iter().any(|arm| !arm.space.is_empty());
    if let (Some(settings @ 2..), false) = (tuning.settings, is_tuned) {
        let message = format!("no arm has anything to tune, tuning.settings asks for {settings}");
        let help = "give an arm ranges under `tune`, or leave tuning.settings out";
        let at = found(root, &["tuning", "settings"]).ok();
        let at = at.unwrap_or_else(|| root["arms"].span());
        return Err(source.error(at, message, Some(help.into())));
    }
    Ok((arms, inherited))
}
