//! Settings and ranges of arms that are known by a name.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::rate::LEARNING_RATE;
use super::source::{Source, nearest};
use crate::error::ConfigError;

/// The key of an arm's table that names one.
pub(super) const PRESET: &str = "preset";

/// The key of an arm's table that names its rule.
pub(super) const RULE: &str = "rule";

/// All of them, as the arms of a sweep file.
const PRESETS: &str = include_str!("presets.toml");

/// The names that there are.
pub(super) fn names() -> impl Iterator<Item = String> {
    let names = all().into_iter();
    names.map(|(name, _)| name.into_inner().into_owned())
}

/// What the preset of this name says, as if it stood where it is named.
pub(super) fn table(
    source: &Source<'_>,
    name: &Spanned<DeValue<'_>>,
) -> Result<DeTable<'static>, ConfigError> {
    let found = name.get_ref().as_str().unwrap_or_default();
    let mut presets = all().into_iter();
    match presets.find(|(preset, _)| preset.get_ref().as_ref() == found) {
        Some((_, table)) => match placed(table.into_inner(), &name.span()) {
            DeValue::Table(table) => Ok(table),
            _ => unreachable!("presets are tables"),
        },
        None => {
            let help = nearest(
                found,
                names().collect::<Vec<_>>().iter().map(String::as_str),
            );
            let message = format!("unknown preset `{found}`");
            Err(source.refused(name.span(), message, names(), help))
        }
    }
}

/// Refuses a rule in the table of an arm whose preset, named by `name`, `given` has another.
pub(super) fn one_rule(
    source: &Source<'_>,
    arm: &DeTable<'_>,
    name: &Spanned<DeValue<'_>>,
    given: &DeTable<'_>,
) -> Result<(), ConfigError> {
    let rule = |table: &DeTable<'_>| {
        let mut keys = table.iter();
        let (key, value) = keys.find(|(key, _)| key.get_ref().as_ref() == RULE)?;
        Some((key.span(), value.get_ref().as_str()?.to_owned()))
    };
    match (rule(arm), rule(given)) {
        (Some((at, own)), Some((_, of_preset))) if own != of_preset => {
            let name = name.get_ref().as_str().unwrap_or_default();
            let message = format!(
                "rule = \"{own}\" stands beside preset = \"{name}\", which is of the rule `{of_preset}`"
            );
            Err(source.error(at, message, Some("leave one of the two out".into())))
        }
        _ => Ok(()),
    }
}

/// The error for an arm whose preset has no learning rate, and that gives none either.
pub(super) fn without_rate(source: &Source<'_>, arm: Range<usize>, preset: &str) -> ConfigError {
    let with_rate = all().into_iter().filter(|(_, table)| {
        let table = table.get_ref().as_table();
        table.is_some_and(|table| {
            let tune = table.get("tune").and_then(|tune| tune.get_ref().as_table());
            table.contains_key(LEARNING_RATE)
                || tune.is_some_and(|tune| tune.contains_key(LEARNING_RATE))
        })
    });
    let mut names: Vec<String> = with_rate
        .map(|(name, _)| name.into_inner().into_owned())
        .collect();
    // Those of its own kind first.
    names.sort_by_key(|name| !name.starts_with(preset));
    let kin = names.iter().take_while(|name| name.starts_with(preset));
    let shown: Vec<&str> = match kin.clone().count() {
        0 => names.iter().map(String::as_str).collect(),
        _ => kin.map(String::as_str).collect(),
    };
    let message =
        format!("preset `{preset}` has no learning rate of its own, and the arm gives none");
    let help = format!(
        "set learning_rate, or tune it; these presets have one: {}",
        shown.join(", ")
    );
    source.error(arm, message, Some(help))
}

fn all() -> DeTable<'static> {
    DeTable::parse(PRESETS)
        .expect("a constant is read")
        .into_inner()
}

/// A value whose parts are all at one place of the text.
fn placed<'i>(value: DeValue<'i>, at: &Range<usize>) -> DeValue<'i> {
    let put =
        |value: Spanned<DeValue<'i>>| Spanned::new(at.clone(), placed(value.into_inner(), at));
    match value {
        DeValue::Table(table) => DeValue::Table(
            table
                .into_iter()
                .map(|(key, value)| (Spanned::new(at.clone(), key.into_inner()), put(value)))
                .collect(),
        ),
        DeValue::Array(array) => DeValue::Array(array.into_iter().map(put).collect()),
        other => other,
    }
}
