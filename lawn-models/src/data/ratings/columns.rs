//! Which column of a file of ratings is what.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::fields::whole;
use crate::data::error::DataError;
use crate::data::text::shown;

/// Names of the columns in the header of a file of ratings; where nothing is said the usual ones,
/// such as `user`, `userId` and `user_id`, or `item` and `movieId`.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct ColumnNames {
    /// Who interacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// With what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// What the user thought of it; a file without one has positives only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<String>,
    /// When, in seconds since 1970; where a file does not say it, the order of its lines does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

/// The form of a file of ratings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// Between the columns; two colons are a column without a name in between.
    pub(super) separator: u8,
    /// Whether the first line is a header.
    pub(super) header: bool,
    pub(super) places: Places,
}

/// Places of the columns, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) user: usize,
    pub(super) item: usize,
    pub(super) rating: Option<usize>,
    pub(super) time: Option<usize>,
}

/// A column that is not among those of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// `user` and so on.
    what: &'static str,
    /// The name that was given for it.
    name: Option<String>,
    usual: &'static [&'static str],
}

impl Missing {
    /// What would have been accepted.
    pub(super) fn allowed(&self) -> String {
        let what = self.what;
        match &self.name {
            Some(name) => format!("a column \"{name}\", which raw.columns.{what} names"),
            None => format!(
                "a column {}; raw.columns.{what} = \"NAME\" says which it is",
                self.usual.join(", ")
            ),
        }
    }
}

impl Places {
    /// Of columns with names, those of users and items at least.
    ///
    /// # Errors
    /// [`Missing`] for the first that is not there.
    pub(super) fn named(columns: &[&[u8]], names: &ColumnNames) -> Result<Self, Missing> {
        let place = |column: usize, name: &Option<String>| {
            let (what, usual) = USUAL[column];
            let found = columns.iter().position(|column| match name {
                Some(name) => *column == name.as_bytes(),
                None => usual.contains(&plain(column).as_str()),
            });
            let missing = || Missing {
                what,
                name: name.clone(),
                usual,
            };
            found.ok_or_else(missing)
        };
        // A name that was given is there, or wrong.
        let optional = |column, name: &Option<String>| match (place(column, name), name) {
            (Err(_), None) => Ok(None),
            (found, _) => found.map(Some),
        };
        Ok(Self {
            user: place(0, &names.user)?,
            item: place(1, &names.item)?,
            rating: optional(2, &names.rating)?,
            time: optional(3, &names.time)?,
        })
    }
}

/// What headers call a column, in small letters and without `_`.
const USUAL: [(&str, &[&str]); 4] = [
    ("user", &["user", "userid", "uid"]),
    ("item", &["item", "itemid", "movieid", "iid"]),
    ("rating", &["rating", "score"]),
    ("time", &["time", "timestamp", "ts"]),
];

impl Form {
    /// As the first line of a file has it.
    ///
    /// # Errors
    /// [`DataError::Field`] for a header without the columns, and for a line of one column.
    pub(super) fn of(path: &Path, line: &[u8], names: &ColumnNames) -> Result<Self, DataError> {
        let (separator, step) = separator(line);
        let fields: Vec<&[u8]> = line
            .split(|&byte| byte == separator)
            .step_by(step)
            .map(unquoted)
            .collect();
        let has = |place: usize| (fields.len() > place).then_some(place * step);
        if whole(fields[0]).is_some() {
            let named = [&names.user, &names.item, &names.rating, &names.time];
            let given = named.into_iter().flatten().next();
            let (Some(item), None, None) = (has(1), given, has(4)) else {
                let allowed = match given {
                    Some(name) => format!("a header with the column \"{name}\""),
                    None => "user and item, and perhaps rating and time, or a header".to_owned(),
                };
                return Err(fault(path, line, allowed));
            };
            return Ok(Self {
                separator,
                header: false,
                places: Places {
                    user: 0,
                    item,
                    rating: has(2),
                    time: has(3),
                },
            });
        }
        let places = Places::named(&fields, names).map_err(|missing| {
            let allowed = match missing.name {
                Some(_) => format!("a header with {}", missing.allowed()),
                None => format!("numbers, or a header with {}", missing.allowed()),
            };
            fault(path, line, allowed)
        })?;
        Ok(Self {
            separator,
            header: true,
            places: Places {
                user: places.user * step,
                item: places.item * step,
                rating: places.rating.map(|place| place * step),
                time: places.time.map(|place| place * step),
            },
        })
    }

    /// The separator where fields can stand in double quotes. Publishers do not quote the others:
    /// there a quote is a letter as any.
    pub(super) fn quoting(&self) -> Option<u8> {
        matches!(self.separator, b',' | b';').then_some(self.separator)
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

fn unquoted(field: &[u8]) -> &[u8] {
    let field = field.trim_ascii();
    let inner = field
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    inner.unwrap_or(field)
}

fn plain(field: &[u8]) -> String {
    let name = String::from_utf8_lossy(field).to_lowercase();
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
mod tests {
    use super::*;

    fn form(line: &str, names: &ColumnNames) -> Result<Form, String> {
        Form::of(Path::new("x"), line.as_bytes(), names).map_err(|error| error.to_string())
    }

    fn places(line: &str) -> (usize, usize, Option<usize>, Option<usize>) {
        let places = form(line, &ColumnNames::default()).unwrap().places;
        (places.user, places.item, places.rating, places.time)
    }

    #[test]
    fn the_files_of_publishers_are_known_by_their_first_line() {
        assert_eq!(places("1::1193::5::978300760"), (0, 2, Some(4), Some(6)));
        assert_eq!(places("196\t242\t3\t881250949"), (0, 1, Some(2), Some(3)));
        assert_eq!(
            places("userId,movieId,rating,timestamp"),
            (0, 1, Some(2), Some(3))
        );
        assert_eq!(places("7,8"), (0, 1, None, None));
        assert_eq!(
            places("\"time\";\"item_id\";\"user_id\""),
            (2, 1, None, Some(0))
        );
    }

    #[test]
    fn columns_are_found_by_name_or_said_to_be_missing() {
        let names = |user: &str| ColumnNames {
            user: Some(user.to_owned()),
            ..ColumnNames::default()
        };
        assert_eq!(form("buyer,item", &names("buyer")).unwrap().places.user, 0);
        let error = form("buyer,item", &ColumnNames::default()).unwrap_err();
        assert!(
            error.contains("x:1") && error.contains("raw.columns.user"),
            "{error}"
        );
        let error = form("user,item", &names("buyer")).unwrap_err();
        assert!(error.contains("\"buyer\""), "{error}");
        let error = form("1,2", &names("buyer")).unwrap_err();
        assert!(
            error.contains("a header with the column \"buyer\""),
            "{error}"
        );
        for line in ["17", "1,2,3,4,5"] {
            let error = form(line, &ColumnNames::default()).unwrap_err();
            assert!(error.contains("user and item"), "{error}");
        }
    }
}
