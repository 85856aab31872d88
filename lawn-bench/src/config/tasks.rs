//! The tasks of a sweep, each read by its kind.

use lawn_models::{KINDS, TaskConfig};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

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
            let written = fields.clone();
            let rest = Spanned::new(table.span(), DeValue::Table(fields));
            let entry = KINDS.iter().find(|entry| entry.name == text);
            let renamed = entry.map_or(&[][..], |entry| entry.renamed);
            let earlier: Vec<&str> = renamed.iter().map(|(then, _)| *then).collect();
            let config = TaskConfig::from_table(text, ValueDeserializer::from(rest))
                .map_err(|error| source.toml_without(&error, table.span(), &earlier))?;
            config.validate().map_err(|error| {
                let keys: Vec<&str> = error.setting().split('.').collect();
                let place = match found(&written, &keys) {
                    Ok(place) | Err(Some(place)) => place,
                    Err(None) => table.span(),
                };
                source.error(place, error.to_string(), None)
            })?;
            Ok(NamedTask {
                name: file_name(source, name)?,
                metric: config.metrics().primary.to_owned(),
                config,
            })
        })
        .collect()
}
