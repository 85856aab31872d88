//! Which column of a file of ratings is what.

use std::path::Path;

use csv::ByteRecord;
use serde::{Deserialize, Serialize};

use super::fields::{finite, whole};
use super::places::Places;
use super::taken::{Taken, quoted};
use crate::data::error::DataError;
use crate::data::text::{plain_fields, quoted_fields, shown};
use crate::trial::SettingsError;

/// The columns of a file of ratings by the names in its header; where nothing is said the usual ones,
/// such as `user`, `userId` and `user_id`, or `item` and `movieId`.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct ColumnNames {
    /// Whether the first line of a text file names the columns; where nothing is said, it looks like
    /// names or not. Without names the columns are user, item, rating and time, or the first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// Who interacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// With what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// What the user thought of it; a file without one has positives only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<String>,
    /// When, in seconds since 1970 or as a date; where a file does not say it, the order of its lines does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

impl ColumnNames {
    /// Checks that a file without a header has no names.
    ///
    /// # Errors
    /// [`SettingsError::NotApplicable`].
    pub(super) fn validate(&self) -> Result<(), SettingsError> {
        match self.given() {
            Some((what, _)) if self.header == Some(false) => Err(SettingsError::NotApplicable {
                setting: "raw.columns.header".to_owned(),
                context: format!("raw.columns.{what}, the name of a column in a header"),
                allowed: "leave one of them out".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// What the first name that is given is of, and the name.
    fn given(&self) -> Option<(&'static str, &str)> {
        let names = [&self.user, &self.item, &self.rating, &self.time];
        let mut named = USUAL.iter().zip(names);
        named.find_map(|((what, _), name)| Some((*what, name.as_deref()?)))
    }
}

/// The form of a file of ratings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// Between the columns; two colons are a column without a name in between.
    pub(super) separator: u8,
    /// Whether the first line is a header.
    pub(super) header: bool,
    pub(super) places: Places,
    /// Fields of the first line: no other has more.
    width: usize,
    /// What the columns are taken for.
    pub(super) taken: Taken,
    /// Whether the ids of users, and of items, are texts.
    pub(super) texts: [bool; 2],
}

/// A column that is not among those of a file, or is there more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoColumn {
    /// `user` and so on.
    what: &'static str,
    /// The name that was given for it.
    name: Option<String>,
    usual: &'static [&'static str],
    /// Those that it could be, where they are several.
    several: Vec<String>,
    /// What else the column is taken for, where it is there once.
    other: Option<&'static str>,
}

impl NoColumn {
    /// Whether nothing looks like it.
    pub(super) fn is_missing(&self) -> bool {
        self.several.is_empty() && self.other.is_none()
    }

    /// What would have been accepted.
    pub(super) fn allowed(&self) -> String {
        let what = self.what;
        if let (Some(other), Some(name)) = (self.other, &self.name) {
            return format!(
                "a column of {what}s other than \"{name}\", which is that of {other}s; \
                 raw.columns.{what} = \"NAME\" says which it is"
            );
        }
        match (&self.name, &self.several[..]) {
            (Some(name), []) => format!("a column \"{name}\", which raw.columns.{what} names"),
            (None, []) => format!(
                "a column {}; raw.columns.{what} = \"NAME\" says which it is",
                self.usual.join(", ")
            ),
            (Some(name), _) => {
                format!("the column \"{name}\" once, which raw.columns.{what} names")
            }
            (None, several) => format!(
                "one column of {what}s, not {}; raw.columns.{what} = \"NAME\" says which it is",
                several.join(" and ")
            ),
        }
    }
}

impl Places {
    /// With other numbers for the columns.
    fn map(self, place: impl Fn(usize) -> usize) -> Self {
        Self {
            user: place(self.user),
            item: place(self.item),
            rating: self.rating.map(&place),
            time: self.time.map(&place),
        }
    }

    /// Of columns with names, those of users and items at least.
    ///
    /// # Errors
    /// [`NoColumn`] for the first that is not there, or is there more than once.
    pub(super) fn named<T: AsRef<[u8]>>(
        columns: &[T],
        names: &ColumnNames,
    ) -> Result<Self, NoColumn> {
        let place = |column: usize, name: &Option<String>| {
            let (what, usual) = USUAL[column];
            let is_it = |column: &[u8]| match name {
                Some(name) => column == name.as_bytes() || untyped(column) == name.as_bytes(),
                None => usual.contains(&plain(column).as_str()),
            };
            let given = columns.iter().map(AsRef::as_ref).enumerate();
            let found: Vec<(usize, &[u8])> = given.filter(|(_, column)| is_it(column)).collect();
            if let [(place, _)] = found[..] {
                return Ok(place);
            }
            Err(NoColumn {
                what,
                name: name.clone(),
                usual,
                several: found.iter().map(|(_, column)| quoted(column)).collect(),
                other: None,
            })
        };
        // A name that was given is there, or wrong.
        let optional = |column, name: &Option<String>| match place(column, name) {
            Err(none) if none.is_missing() && name.is_none() => Ok(None),
            found => found.map(Some),
        };
        let found = Self {
            user: place(0, &names.user)?,
            item: place(1, &names.item)?,
            rating: optional(2, &names.rating)?,
            time: optional(3, &names.time)?,
        };
        found.require_apart(columns)?;
        Ok(found)
    }

    /// Refuses one column for two of them.
    fn require_apart<T: AsRef<[u8]>>(&self, columns: &[T]) -> Result<(), NoColumn> {
        let places = [Some(self.user), Some(self.item), self.rating, self.time];
        for later in 1..places.len() {
            let Some(place) = places[later] else { continue };
            let mut before = places[..later].iter();
            if let Some(other) = before.position(|&one| one == Some(place)) {
                let (what, usual) = USUAL[later];
                return Err(NoColumn {
                    what,
                    name: Some(String::from_utf8_lossy(columns[place].as_ref()).into_owned()),
                    usual,
                    several: Vec::new(),
                    other: Some(USUAL[other].0),
                });
            }
        }
        Ok(())
    }
}

/// What headers call a column, in small letters and without `_`.
const USUAL: [(&str, &[&str]); 4] = [
    ("user", &["user", "userid", "uid"]),
    ("item", &["item", "itemid", "movieid", "iid"]),
    ("rating", &["rating", "score"]),
    ("time", &["time", "timestamp", "ts"]),
];

/// A first line that is not one of ratings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoForm {
    allowed: String,
    /// Whether it is a header of ratings all the same, with a column twice.
    pub(super) is_of_ratings: bool,
}

impl Form {
    /// As the first line of a file has it.
    ///
    /// # Errors
    /// [`DataError::Field`] for a header without the columns, and for a line of one column.
    pub(super) fn of(path: &Path, line: &[u8], names: &ColumnNames) -> Result<Self, DataError> {
        Self::of_line(line, names).map_err(|none| fault(path, line, none.allowed))
    }

    /// As [`of`](Self::of), for a file that no error has to name.
    ///
    /// # Errors
    /// [`NoForm`].
    pub(super) fn of_line(line: &[u8], names: &ColumnNames) -> Result<Self, NoForm> {
        let (separator, step) = separator(line);
        let mut fields = fields(line, separator, step);
        // A column of a header without a name is one, a number that is not there is none.
        let of_header = fields.len();
        while fields.len() > 1 && fields.last().is_some_and(Vec::is_empty) {
            fields.pop();
        }
        let form = |header, places: Places| {
            let columns = if header { of_header } else { fields.len() };
            Self {
                separator,
                header,
                places: places.map(|place| place * step),
                width: step * (columns - 1) + 1,
                taken: Taken::of(&fields, header, places),
                texts: [false; 2],
            }
        };
        let given = names.given().map(|(_, name)| name);
        let has = |place: usize| (fields.len() > place).then_some(place);
        // Names of columns are no numbers: with a rating in its place these are ids.
        let is_of_texts = given.is_none()
            && (3..=4).contains(&fields.len())
            && finite(&fields[2]).is_some()
            && !fields[0].is_empty();
        let looks_like_ratings = whole(&fields[0]).is_some() || is_of_texts;
        if names.header.map_or(looks_like_ratings, |header| !header) {
            let (Some(item), None, None) = (has(1), given, has(4)) else {
                let allowed = match given {
                    Some(name) => format!("a header with the column \"{name}\""),
                    None => "user and item, and perhaps rating and time, or a header".to_owned(),
                };
                return Err(NoForm {
                    allowed,
                    is_of_ratings: false,
                });
            };
            let places = Places {
                user: 0,
                item,
                rating: has(2),
                time: has(3),
            };
            return Ok(form(false, places));
        }
        let places = Places::named(&fields, names).map_err(|none| NoForm {
            allowed: match none.name {
                Some(_) => format!("a header with {}", none.allowed()),
                None if (2..=4).contains(&fields.len()) => format!(
                    "numbers, or a header with {}; raw.columns.header = false, where there is none and ids \
                     are texts",
                    none.allowed()
                ),
                None => format!("numbers, or a header with {}", none.allowed()),
            },
            is_of_ratings: !none.is_missing(),
        })?;
        Ok(form(true, places))
    }

    /// Takes ids for texts where those of the first line of ratings are no numbers.
    pub(super) fn look_at(&mut self, first: &ByteRecord) {
        let is_text = |place: usize| {
            let field = first.get(place).unwrap_or_default().trim_ascii();
            !field.is_empty() && finite(field).is_none()
        };
        let Places { user, item, .. } = self.places;
        self.texts = [user, item].map(is_text);
        let named = self.texts.into_iter().zip(["user", "item"]);
        let texts = named.filter_map(|(is_text, what)| is_text.then_some(what));
        self.taken = std::mem::take(&mut self.taken).with_texts(texts.collect());
    }

    /// Whether a line has more fields than the first: one number cut into two by a decimal comma moves
    /// all that follow. Empty ones, as separators at the end of a line make them, are none.
    pub(super) fn is_exceeded_by(&self, line: &ByteRecord) -> bool {
        if line.len() <= self.width {
            return false;
        }
        let mut more = line.iter().skip(self.width).map(<[u8]>::trim_ascii);
        match self.separator {
            // A single colon is a letter of a field.
            b':' => more
                .clone()
                .zip(more.skip(1))
                .any(|(before, own)| before.is_empty() && !own.is_empty()),
            _ => more.any(|field| !field.is_empty()),
        }
    }

    /// Columns that a line has at least, as a person counts them.
    pub(super) fn least_columns(&self) -> usize {
        match self.separator {
            b':' => self.columns().div_ceil(2),
            _ => self.columns(),
        }
    }

    /// How many columns the first line has.
    pub(super) fn most_columns(&self) -> usize {
        match self.separator {
            b':' => self.width.div_ceil(2),
            _ => self.width,
        }
    }

    /// The separator where fields can stand in double quotes. Publishers do not quote the others:
    /// there a quote is a letter as any.
    pub(super) fn quoting(&self) -> Option<u8> {
        is_quoting(self.separator).then_some(self.separator)
    }

    /// Columns that a line has at least.
    pub(super) fn columns(&self) -> usize {
        let Places {
            user,
            item,
            rating,
            time,
        } = self.places;
        let places = [Some(user), Some(item), rating, time];
        1 + places.into_iter().flatten().max().unwrap_or(0)
    }

    /// What is between two columns, as a message says it.
    pub(super) fn between(&self) -> &'static str {
        match self.separator {
            b'\t' => "tabs",
            b':' => "`::`",
            b';' => "semicolons",
            _ => "commas",
        }
    }
}

/// What separates the columns of a line, and every how many of its fields is one.
fn separator(line: &[u8]) -> (u8, usize) {
    if line.windows(2).any(|pair| pair == b"::") {
        return (b':', 2);
    }
    let found = [b'\t', b',', b';']
        .into_iter()
        .find(|byte| line.contains(byte));
    (found.unwrap_or(b','), 1)
}

/// The fields of a header or of a first line of numbers.
fn fields(line: &[u8], separator: u8, step: usize) -> Vec<Vec<u8>> {
    let fields = match is_quoting(separator) {
        true => quoted_fields(line, separator),
        false => plain_fields(line, separator),
    };
    let fields = fields.iter().step_by(step);
    fields.map(|field| unquoted(field).to_vec()).collect()
}

/// Whether fields between such separators can stand in double quotes.
fn is_quoting(separator: u8) -> bool {
    matches!(separator, b',' | b';')
}

fn unquoted(field: &[u8]) -> &[u8] {
    let field = field.trim_ascii();
    let inner = field
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    inner.unwrap_or(field)
}

/// What RecBole writes behind the name of a column.
const TYPES: [&[u8]; 4] = [b"token", b"token_seq", b"float", b"float_seq"];

/// The name of a column without its type.
fn untyped(column: &[u8]) -> &[u8] {
    let end = column.iter().rposition(|&byte| byte == b':');
    match end {
        Some(end) if TYPES.contains(&&column[end + 1..]) => &column[..end],
        _ => column,
    }
}

fn plain(field: &[u8]) -> String {
    let name = String::from_utf8_lossy(untyped(field)).to_lowercase();
    name.replace('_', "")
}

fn fault(path: &Path, line: &[u8], allowed: String) -> DataError {
    DataError::Field {
        path: path.to_owned(),
        line: 1,
        field: "line",
        value: shown(line),
        allowed,
    }
}

#[cfg(test)]
mod tests;
