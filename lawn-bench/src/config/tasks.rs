//! The tasks of a sweep, each read by its kind.

use std::ops::Range;

use lawn_models::{KINDS, TaskConfig};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::file::SweepFile;
use super::overlay::{Overlay, toml_sets};
use super::overrides::SET;
use super::source::{Source, nearest};
use super::values::{entries, file_name, found};
use crate::config::sweep::NamedTask;
use crate::error::ConfigError;

pub(super) fn tasks(
    source: &Source<'_>,
    root: &DeTable<'_>,
) -> Result<Vec<NamedTask>, ConfigError> {
    entries(source, root, "tasks")?
        .into_iter()
        .map(|(name, table)| {
            let DeValue::Table(fields) = table.get_ref() else {
                return Err(source.error(table.span(), "a task must be a table", None));
            };
            let mut fields = fields.clone();
            let kind = match fields.remove("kind") {
                Some(kind) => kind,
                None => {
                    let message = format!("task `{}` has no `kind`", name.get_ref());
                    return Err(source.refused(name.span(), message, TaskConfig::KINDS, None));
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
                let help = nearest(found, TaskConfig::KINDS.iter().copied());
                let found = format!("unknown kind of task `{found}`");
                return Err(source.refused(kind.span(), found, TaskConfig::KINDS, help));
            };
            let config = of_kind(source, text, fields, table.span())?;
            Ok(NamedTask {
                name: file_name(source, name)?,
                metric: config.metrics().primary.to_owned(),
                config,
            })
        })
        .collect()
}

/// The task of a kind with these keys, which stand at `place`.
fn of_kind(
    source: &Source<'_>,
    kind: &str,
    fields: DeTable<'_>,
    place: Range<usize>,
) -> Result<TaskConfig, ConfigError> {
    let written = fields.clone();
    let fields = Spanned::new(place.clone(), DeValue::Table(fields));
    let entry = KINDS.iter().find(|entry| entry.name == kind);
    let renamed = entry.map_or(&[][..], |entry| entry.renamed);
    let earlier: Vec<&str> = renamed.iter().map(|(then, _)| *then).collect();
    let config = TaskConfig::from_table(kind, ValueDeserializer::from(fields))
        .map_err(|error| source.toml_without(&error, place.clone(), &earlier))?;
    config.validate().map_err(|error| {
        let keys: Vec<&str> = error.setting().split('.').collect();
        let place = match found(&written, &keys) {
            Ok(place) | Err(Some(place)) => place,
            Err(None) => place,
        };
        source.error(place, error.to_string(), None)
    })?;
    Ok(config)
}

/// The task of a kind that reads `data`, with these keys over its defaults, each as `KEY.KEY=VALUE`.
///
/// # Errors
///
/// [`ConfigError`], placed in what was set.
pub(crate) fn task_with(
    kind: &str,
    data: &str,
    sets: &[String],
) -> Result<TaskConfig, ConfigError> {
    let file = SweepFile {
        origin: data.to_owned(),
        text: format!("data = {}", toml::Value::from(data)),
        unsets: Vec::new(),
        sets: sets.to_vec(),
    };
    let sets = toml_sets(&file);
    let overlay = Overlay::new(&file, &sets);
    let read = |count: usize, place: Range<usize>| {
        let laid = overlay.laid(count)?;
        of_kind(&overlay.source, kind, laid.table, place)
    };
    let all = overlay.len();
    read(all, 0..0).or_else(|error| {
        let is_placed = error.origin == SET;
        // A key that is not set does not go with one that is.
        let blamed = (1..=all).find(|&count| !is_placed && read(count, 0..0).is_err());
        match blamed {
            Some(count) => read(count, overlay.place(count - 1)),
            None => Err(error),
        }
    })
}
