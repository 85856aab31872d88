//! Single values and lists: names, least values, no value twice.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::field::Field;
use super::source::Source;
use crate::error::ConfigError;

/// A key and its value, both with their place in the text.
type Entry<'t, 'i> = (&'t Spanned<Cow<'i, str>>, &'t Spanned<DeValue<'i>>);

/// The entries of the table `key` in the order of the file; there must be one at least.
pub(super) fn entries<'t, 'i>(
    source: &Source<'_>,
    root: &'t DeTable<'i>,
    key: &str,
) -> Result<Vec<Entry<'t, 'i>>, ConfigError> {
    let value = &root[key];
    let mut entries: Vec<Entry<'t, 'i>> = match value.get_ref() {
        DeValue::Table(table) => table.iter().collect(),
        _ => Vec::new(),
    };
    if entries.is_empty() {
        let message = format!("`{key}` must hold one table at least");
        return Err(source.error(
            value.span(),
            message,
            Some(format!("for example: [{key}.NAME]")),
        ));
    }
    entries.sort_by_key(|(name, _)| name.span().start);
    Ok(entries)
}

/// Letters of a name at most: figures are called after a task and two arms, and no file system
/// takes a name of more than 255 letters.
pub(super) const NAME_LETTERS: usize = 64;

/// What a name is made of, for a schema.
pub(super) const NAME: &str = "^[A-Za-z0-9_-][A-Za-z0-9_.-]*$";

/// Names become folders and columns: letters, digits, `-`, `_` and `.`.
pub(super) fn file_name<T: AsRef<str>>(
    source: &Source<'_>,
    name: &Spanned<T>,
) -> Result<String, ConfigError> {
    let text = name.get_ref().as_ref();
    if !has_name_letters(text) {
        let message = format!("`{text}` cannot be a name");
        let help =
            "a name is made of letters, digits, `-`, `_` and `.`, and does not begin with `.`";
        return Err(source.error(name.span(), message, Some(help.into())));
    }
    if text.len() > NAME_LETTERS {
        let message = format!(
            "a name has {} letters; allowed: up to {NAME_LETTERS}",
            text.len()
        );
        let help = "figures and folders are called after it";
        return Err(source.error(name.span(), message, Some(help.into())));
    }
    Ok(text.to_owned())
}

/// Whether a text may be a name, its length aside.
fn has_name_letters(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !text.is_empty() && !text.starts_with('.') && text.chars().all(allowed)
}

/// Whether a text may be a name.
pub(super) fn is_file_name(text: &str) -> bool {
    has_name_letters(text) && text.len() <= NAME_LETTERS
}

pub(super) fn at_least<T: PartialOrd + Copy + std::fmt::Display>(
    source: &Source<'_>,
    value: &Spanned<T>,
    what: &str,
    least: T,
) -> Result<T, ConfigError> {
    let given = *value.get_ref();
    if given < least {
        return Err(source.error(
            value.span(),
            format!("{what} must be {least} or more, not {given}"),
            None,
        ));
    }
    Ok(given)
}

/// As [`at_least`], and no more than `most`.
pub(super) fn within<T: PartialOrd + Copy + std::fmt::Display>(
    source: &Source<'_>,
    value: &Spanned<T>,
    what: &str,
    least: T,
    most: T,
) -> Result<T, ConfigError> {
    let given = at_least(source, value, what, least)?;
    if given > most {
        let message = format!("{what} must be {most} or less, not {given}");
        return Err(source.error(value.span(), message, None));
    }
    Ok(given)
}

/// The values of a list, ascending: one at least, each one `allowed`, none twice.
pub(super) fn distinct(
    source: &Source<'_>,
    list: &Field<Vec<Field<u64>>>,
    what: &str,
    allowed: RangeInclusive<u64>,
) -> Result<Vec<u64>, ConfigError> {
    let mut seen = BTreeSet::new();
    for value in list.get_ref() {
        let given = within(source, value, what, *allowed.start(), *allowed.end())?;
        if !seen.insert(given) {
            return Err(source.error(
                value.span(),
                format!("{what} {given} is listed twice"),
                None,
            ));
        }
    }
    if seen.is_empty() {
        return Err(source.error(
            list.span(),
            format!("one {what} at least must be listed"),
            None,
        ));
    }
    Ok(seen.into_iter().collect())
}

/// The place of the value that the keys of `place` lead to. Where it is not there, the error is
/// the place of the last key that is.
pub(super) fn found(
    table: &DeTable<'_>,
    place: &[&str],
) -> Result<Range<usize>, Option<Range<usize>>> {
    let (mut table, mut last) = (table, None);
    for (depth, key) in place.iter().enumerate() {
        let Some((key, value)) = table.get_key_value(*key) else {
            return Err(last);
        };
        last = Some(match value.get_ref() {
            // Of a table its name is shown, not all that it holds.
            DeValue::Table(_) => key.span(),
            _ => value.span(),
        });
        match value.get_ref() {
            DeValue::Table(below) => table = below,
            _ if depth + 1 < place.len() => return Err(last),
            _ => {}
        }
    }
    last.ok_or(None)
}
