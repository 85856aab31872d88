//! `--set KEY.KEY=VALUE` and `--unset KEY.KEY`: single values laid over a sweep file, and taken out
//! of it.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::earlier;
use super::one_of::ONE_OF;
use super::source::{Source, nearest};
use crate::error::ConfigError;

/// What errors name as the origin of a value that was set.
pub(super) const SET: &str = "--set";

/// What they name as that of a key that was unset.
pub(super) const UNSET: &str = "--unset";

/// Makes TOML of a key that is unset.
const NOTHING: &str = "=0";

/// Keys of which a table has one, beside [those of an arm](ONE_OF). Setting one removes the others.
const INSTEAD: [&[&str]; 2] = [
    &["epochs", "steps", "samples"],
    &["epochs", "fraction", "steps"],
];

/// Tables whose keys are names that the user chose.
const NAMED: [&str; 2] = ["arms", "tasks"];

/// The keys that go when `key` is set in the table called `table`.
fn replaced<'k>(table: &str, key: &'k str) -> impl Iterator<Item = &'static str> + use<'k> {
    let (own, of_arms) = match NAMED.contains(&table) {
        true => (&[][..], &[][..]),
        false => (&INSTEAD[..], &ONE_OF[..]),
    };
    let groups = own.iter().chain(of_arms);
    let groups = groups.filter(move |group| group.contains(&key));
    groups
        .flat_map(|group| group.iter().copied())
        .filter(move |&other| other != key)
}

/// The override as TOML. A value that TOML does not know is taken for text, as in
/// `resources.device=cuda`.
pub(super) fn as_toml(set: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@/".contains(c);
    match set.split_once('=') {
        Some((key, value))
            if DeTable::parse(set).is_err()
                && !value.trim().is_empty()
                && value.trim().chars().all(plain) =>
        {
            format!("{key}=\"{}\"", value.trim())
        }
        _ => set.to_owned(),
    }
}

/// An override's text moved to where its part of the source begins.
pub(super) fn moved(text: &str, start: usize) -> String {
    " ".repeat(start) + text
}

/// The table that `moved` says, which begins at `start`.
pub(super) fn parse<'i>(
    source: &Source<'_>,
    moved: &'i str,
    start: usize,
) -> Result<DeTable<'i>, ConfigError> {
    if let Some((message, help)) = of_hydra(moved.trim()) {
        return Err(source.error(start..moved.len(), message, Some(help)));
    }
    let over = DeTable::parse(moved).map_err(|error| source.toml(&error, start..moved.len()))?;
    if over.get_ref().is_empty() {
        let message = "a value is set as KEY.KEY=VALUE";
        let help = Some("for example: --set budget.epochs=8".into());
        return Err(source.error(start..moved.len(), message, help));
    }
    Ok(over.into_inner())
}

/// What is wrong with an override as Hydra has them, and how it is written here.
fn of_hydra(set: &str) -> Option<(String, String)> {
    let (key, value) = set.split_once('=').unwrap_or((set, ""));
    let plain = key.trim_start_matches(['+', '~']);
    let value = value.trim_matches('"');
    if set.starts_with('~') || ["null", "None"].contains(&value) {
        let message = format!("a key has no value `{value}` here, it is left out");
        let message = match set.starts_with('~') {
            true => "a key is not taken out by `~` here".to_owned(),
            false => message,
        };
        return Some((message, format!("--unset {plain} takes it out of the file")));
    }
    set.starts_with('+').then(|| {
        let help = format!("--set {plain}={value}, whether the file has the key or not");
        ("a key is set without `+` here".to_owned(), help)
    })
}

/// A key that is unset as TOML.
pub(super) fn as_table(key: &str) -> String {
    format!("{key}{NOTHING}")
}

/// The table that has the key in `moved` alone, as [`as_table`] makes it; it begins at `start`.
pub(super) fn parse_key<'i>(
    source: &Source<'_>,
    moved: &'i str,
    start: usize,
) -> Result<DeTable<'i>, ConfigError> {
    let key = moved.len() - NOTHING.len();
    // What is more than a key has a value of its own, or a comment that hides ours.
    let is_key = |table: &DeTable<'_>| {
        let mut value = table.values().next();
        while let Some(DeValue::Table(below)) = value.map(Spanned::get_ref) {
            value = below.values().next();
        }
        table.len() == 1 && value.is_some_and(|value| value.span().start > key)
    };
    match DeTable::parse(moved).map(Spanned::into_inner) {
        Ok(table) if is_key(&table) => Ok(table),
        _ => {
            let help = Some("for example: --unset tasks.pictures.mixup".into());
            Err(source.error(start..key, "a key is unset as KEY.KEY", help))
        }
    }
}

/// Takes the key that `over` has alone out of `table`.
pub(super) fn remove(
    source: &Source<'_>,
    table: &mut DeTable<'_>,
    over: &DeTable<'_>,
) -> Result<(), ConfigError> {
    let Some((key, below)) = over.iter().next() else {
        return Ok(());
    };
    let name = key.get_ref().as_ref();
    let Some(there) = table.get_mut(name) else {
        let keys: Vec<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
        let found = format!("`{name}` is not set, so there is nothing to unset");
        let help = nearest(name, keys.iter().copied());
        return Err(source.refused(key.span(), found, &keys, help));
    };
    match (there.get_mut(), below.get_ref()) {
        (DeValue::Table(there), DeValue::Table(below)) => remove(source, there, below),
        (there, DeValue::Table(_)) => {
            let message = format!("`{name}` is {}, it has no keys", kind(there));
            Err(source.error(key.span(), message, None))
        }
        _ => {
            table.remove(name);
            Ok(())
        }
    }
}

/// Lays `over` over `table`, tables key by key, all else as a whole.
pub(super) fn lay<'i>(
    source: &Source<'_>,
    table: &mut DeTable<'i>,
    over: DeTable<'i>,
) -> Result<(), ConfigError> {
    merge(source, "", table, over)
}

/// Lays `over` over `table`, which is called `name`.
fn merge<'i>(
    source: &Source<'_>,
    name: &str,
    table: &mut DeTable<'i>,
    over: DeTable<'i>,
) -> Result<(), ConfigError> {
    // This comes first, so that keys that are set together do not remove each other.
    for key in over.keys() {
        for other in replaced(name, key.get_ref()) {
            table.remove(other);
        }
    }
    for (key, value) in over {
        // A key keeps its place: arms and tasks stand in the order of the file.
        let (key, there) = match table.remove_entry(key.get_ref().as_ref()) {
            Some((key, there)) => (key, Some(there)),
            None => (key, None),
        };
        let is_nothing =
            |value: &DeValue<'_>| matches!(value, DeValue::Table(table) if table.is_empty());
        if there.is_some() && is_nothing(value.get_ref()) {
            let message = format!(
                "`{}` is set to a table without keys, which changes nothing: tables are laid over one another key by key",
                key.get_ref()
            );
            return Err(source.error(value.span(), message, None));
        }
        let value = match (there, value.get_ref()) {
            (Some(there), DeValue::Table(_)) => {
                let (span, over_span) = (there.span(), value.span());
                match (there.into_inner(), value.into_inner()) {
                    (DeValue::Table(below), DeValue::Table(over))
                        if is_another(text(&below), text(&over)) =>
                    {
                        Spanned::new(over_span, DeValue::Table(over))
                    }
                    (DeValue::Table(mut below), DeValue::Table(over)) => {
                        merge(source, key.get_ref(), &mut below, over)?;
                        Spanned::new(span, DeValue::Table(below))
                    }
                    (there, _) => {
                        let message =
                            format!("`{}` is {}, it has no keys", key.get_ref(), kind(&there));
                        return Err(source.error(over_span, message, None));
                    }
                }
            }
            _ => value,
        };
        table.insert(key, value);
    }
    Ok(())
}

/// The key of a table that says what it is a table of, as that of a net does: one of another name has
/// other keys, and takes the place of the whole.
const NAME: &str = "name";

fn is_another(there: Option<&str>, over: Option<&str>) -> bool {
    over.is_some_and(|over| there.is_some_and(|there| there != over))
}

fn text<'t>(table: &'t DeTable<'_>) -> Option<&'t str> {
    table.get(NAME)?.get_ref().as_str()
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Writes the overrides into `text`, and keeps its comments and its order. A run records the
/// result, so that going on with the run needs no override.
///
/// All have been read as a sweep before.
pub(super) fn written(
    text: &str,
    unsets: &[String],
    sets: &[String],
) -> Result<String, toml_edit::TomlError> {
    let mut document: toml_edit::DocumentMut = text.parse()?;
    let mut heading = String::new();
    for key in unsets {
        let mut over: toml_edit::DocumentMut = as_table(key).parse()?;
        earlier::rename_written(document.as_table_mut(), over.as_table_mut());
        erase(document.as_table_mut(), over.as_table());
        heading += &format!("# {UNSET} {key}\n");
    }
    for set in sets {
        let mut over: toml_edit::DocumentMut = as_toml(set).parse()?;
        earlier::rename_written(document.as_table_mut(), over.as_table_mut());
        write("", document.as_table_mut(), over.as_table());
        heading += &format!("# {SET} {}\n", set.replace('\n', " "));
    }
    Ok(format!("{heading}{document}"))
}

fn erase(table: &mut dyn toml_edit::TableLike, over: &dyn toml_edit::TableLike) {
    for (key, value) in over.iter() {
        match value.as_table_like() {
            Some(below) => {
                let there = table.get_mut(key);
                if let Some(there) = there.and_then(|there| there.as_table_like_mut()) {
                    erase(there, below);
                }
            }
            None => drop(table.remove(key)),
        }
    }
}

fn write(name: &str, table: &mut dyn toml_edit::TableLike, over: &dyn toml_edit::TableLike) {
    for (key, _) in over.iter() {
        for other in replaced(name, key) {
            table.remove(other);
        }
    }
    for (key, value) in over.iter() {
        let there = table
            .get_mut(key)
            .and_then(|there| there.as_table_like_mut());
        let name = |table: &dyn toml_edit::TableLike| -> Option<String> {
            Some(table.get(NAME)?.as_str()?.to_owned())
        };
        match (there, value.as_table_like()) {
            (Some(there), Some(below))
                if !is_another(name(there).as_deref(), name(below).as_deref()) =>
            {
                write(key, there, below);
            }
            _ => {
                let mut value = value.clone();
                if let Some(value) = value.as_value_mut() {
                    value.decor_mut().set_prefix(" ");
                }
                table.insert(key, value);
            }
        }
    }
}
