//! The tasks of a sweep, each read by its kind.

use std::borrow::Cow;
use std::ops::Range;

use lawn_models::{KINDS, TaskConfig};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::source::{Source, nearest};
use super::values::{entries, file_name, found};
use super::{limits, overrides};
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
            let config = task(source, text, fields, table.span())?;
            Ok(NamedTask {
                name: file_name(source, name)?,
                metric: config.metrics().primary.to_owned(),
                config,
            })
        })
        .collect()
}

/// The task of `kind` with these keys, which stand in a table at `span`.
fn task(
    source: &Source<'_>,
    kind: &str,
    fields: DeTable<'_>,
    span: Range<usize>,
) -> Result<TaskConfig, ConfigError> {
    let written = fields.clone();
    let rest = Spanned::new(span.clone(), DeValue::Table(fields));
    let entry = KINDS.iter().find(|entry| entry.name == kind);
    let renamed = entry.map_or(&[][..], |entry| entry.renamed);
    let earlier: Vec<&str> = renamed.iter().map(|(then, _)| *then).collect();
    let config = TaskConfig::from_table(kind, ValueDeserializer::from(rest))
        .map_err(|error| source.toml_without(&error, span.clone(), &earlier))?;
    config.validate().map_err(|error| {
        let keys: Vec<&str> = error.setting().split('.').collect();
        let place = match found(&written, &keys) {
            Ok(place) | Err(Some(place)) => place,
            Err(None) => span,
        };
        source.error(place, error.to_string(), None)
    })?;
    Ok(config)
}

/// A key that is set as TOML. Any value that is none is taken for text: names of columns have spaces.
fn as_toml(set: &str) -> String {
    let plain = overrides::as_toml(set);
    match set.split_once('=') {
        Some((key, value)) if DeTable::parse(&plain).is_err() => {
            format!("{key}={}", toml_edit::Value::from(value))
        }
        _ => plain,
    }
}

/// The task of `kind` that reads the data set `data`, of which `sets` are the other keys, each as
/// `KEY.KEY=VALUE`. It is read as one in a sweep file is.
///
/// # Errors
///
/// [`ConfigError`] at its place in what was set.
pub(crate) fn task_of(kind: &str, data: &str, sets: &[String]) -> Result<TaskConfig, ConfigError> {
    let sets: Vec<String> = sets.iter().map(|set| as_toml(set)).collect();
    let (mut source, mut parts) = (Source::new(overrides::SET, ""), Vec::new());
    for text in &sets {
        let start = source.end();
        source.add(overrides::SET, text);
        parts.push((start, overrides::moved(text, start)));
    }
    let mut fields = DeTable::new();
    for (start, moved) in &parts {
        overrides::lay(
            &source,
            &mut fields,
            overrides::parse(&source, moved, *start)?,
        )?;
    }
    limits::integers(&source, &fields)?;
    for (key, allowed) in [
        ("data", "the set is that of NAME"),
        ("kind", "it is that of the set"),
    ] {
        if let Some((key, _)) = fields.get_key_value(key) {
            let message = format!("`{}` is set, and {allowed}", key.get_ref());
            return Err(source.error(key.span(), message, Some("leave it out".to_owned())));
        }
    }
    let text = DeValue::String(Cow::Borrowed(data));
    fields.insert(Spanned::new(0..0, "data".into()), Spanned::new(0..0, text));
    let span = parts
        .first()
        .map_or(0..0, |(start, moved)| *start..moved.len());
    task(&source, kind, fields, span)
}
