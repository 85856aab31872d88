//! Words of tasks that have another name today. They are put into those of today before
//! anything is read, so that a file and what is set over it may use either.

use std::borrow::Cow;
use std::fmt;

use lawn_models::{KINDS, KindEntry};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_edit::TableLike;

use super::source::Source;
use crate::error::ConfigError;

/// The table of the tasks.
const TASKS: &str = "tasks";

/// The key whose value names a data set.
const DATA: &str = "data";

/// A word that was found, and what it is called today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Renamed {
    task: String,
    /// As it stands in the file: a key, or a key and its value.
    found: String,
    now: String,
}

/// What is said of it.
impl fmt::Display for Renamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, found, now } = self;
        write!(
            f,
            "task `{task}`: `{found}` is called `{now}` now; both are read"
        )
    }
}

/// Puts the words of today into the tasks of `root`, each of the kind that it gives, or that the
/// task has in `below`.
///
/// # Errors
///
/// Where a task has a key under both of its names.
pub(super) fn rename(
    source: &Source<'_>,
    root: &mut DeTable<'_>,
    below: Option<&DeTable<'_>>,
) -> Result<Vec<Renamed>, ConfigError> {
    let mut found = Vec::new();
    let tasks = root.get_mut(TASKS).and_then(table_mut);
    for (name, task) in tasks.into_iter().flatten() {
        let name = name.get_ref().as_ref();
        let Some(task) = table_mut(task) else {
            continue;
        };
        let below = below.and_then(|below| below.get(TASKS)?.get_ref().get(name));
        let kind = |task: &DeTable<'_>| {
            let own = task.get("kind").map(Spanned::get_ref);
            let kind = own.or_else(|| Some(below?.get_ref().get("kind")?.get_ref()));
            entry(kind?.as_str()?)
        };
        let renamed = kind(task).map_or(&[][..], |kind| kind.renamed);
        for &(then, now) in renamed {
            let mut note = |found_as: String, now: String| {
                found.push(Renamed {
                    task: name.to_owned(),
                    found: found_as,
                    now,
                });
            };
            if let Some(data) = task.get_mut(DATA)
                && data.get_ref().as_str() == Some(then)
            {
                *data.get_mut() = DeValue::String(Cow::Borrowed(now));
                note(
                    format!("{DATA} = \"{then}\""),
                    format!("{DATA} = \"{now}\""),
                );
            }
            let Some((key, sizes)) = task.remove_entry(then) else {
                continue;
            };
            if task.contains_key(now) {
                let message =
                    format!("task `{name}` has both `{then}` and `{now}`, which are one key");
                let help = format!("keep `{now}`: `{then}` is its earlier name");
                return Err(source.error(key.span(), message, Some(help)));
            }
            task.insert(Spanned::new(key.span(), Cow::Borrowed(now)), sizes);
            note(then.to_owned(), now.to_owned());
        }
    }
    Ok(found)
}

/// Puts the words of today into the tasks of `root` that `over` sets values of, and into `over`,
/// so that a value that is written into a text takes the place of the one that is there.
pub(super) fn rename_written(root: &mut dyn TableLike, over: &mut dyn TableLike) {
    let tasks = |table: &dyn TableLike| -> Vec<String> {
        let tasks = table.get(TASKS).and_then(|tasks| tasks.as_table_like());
        let tasks = tasks.into_iter().flat_map(|tasks| tasks.iter());
        tasks.map(|(name, _)| name.to_owned()).collect()
    };
    for name in tasks(over) {
        let kind = [&*over, &*root].into_iter().find_map(|table| {
            let kind = table.get(TASKS)?.get(&name)?.get("kind")?;
            entry(kind.as_str()?)
        });
        let renamed = kind.map_or(&[][..], |kind| kind.renamed);
        rename_keys(root, &name, renamed);
        rename_keys(over, &name, renamed);
    }
}

fn rename_keys(root: &mut dyn TableLike, task: &str, renamed: &[(&str, &str)]) {
    let task = root.get_mut(TASKS).and_then(|tasks| tasks.get_mut(task));
    let Some(task) = task.and_then(|task| task.as_table_like_mut()) else {
        return;
    };
    for (then, now) in renamed {
        if let Some(sizes) = task.remove(then) {
            task.insert(now, sizes);
        }
    }
}

fn table_mut<'t, 'i>(value: &'t mut Spanned<DeValue<'i>>) -> Option<&'t mut DeTable<'i>> {
    match value.get_mut() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

fn entry(kind: &str) -> Option<&'static KindEntry> {
    KINDS.iter().find(|entry| entry.name == kind)
}
