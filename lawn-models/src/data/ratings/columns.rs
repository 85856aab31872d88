//! Which column of a file of ratings is what.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::text::{shown, whole};
use crate::data::error::DataError;

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
    /// Places of the columns, from 0.
    pub(super) user: usize,
    pub(super) item: usize,
    pub(super) rating: Option<usize>,
    pub(super) time: Option<usize>,
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
                user: 0,
                item,
                rating: has(2),
                time: has(3),
            });
        }
        let place = |column: usize, name: &Option<String>| -> Result<Option<usize>, DataError> {
            let (what, usual) = USUAL[column];
            let found = fields.iter().position(|field| match name {
                Some(name) => *field == name.as_bytes(),
                None => usual.contains(&plain(field).as_str()),
            });
            match (found, name) {
                (Some(place), _) => Ok(Some(place * step)),
                (None, None) if column >= 2 => Ok(None),
                (None, Some(name)) => {
                    let allowed =
                        format!("a header with \"{name}\", the column of raw.columns.{what}");
                    Err(fault(path, line, allowed))
                }
                (None, None) => {
                    let allowed = format!(
                        "numbers, or a header with a column {}; raw.columns.{what} = \"NAME\" says \
                         which it is",
                        usual.join(", ")
                    );
                    Err(fault(path, line, allowed))
                }
            }
        };
        let required = |found: Option<usize>| found.unwrap_or(0);
        Ok(Self {
            separator,
            header: true,
            user: required(place(0, &names.user)?),
            item: required(place(1, &names.item)?),
            rating: place(2, &names.rating)?,
            time: place(3, &names.time)?,
        })
    }

    /// The separator where fields can stand in double quotes. Publishers do not quote the others:
    /// there a quote is a letter as any.
    pub(super) fn quoting(&self) -> Option<u8> {
        matches!(self.separator, b',' | b';').then_some(self.separator)
    }

    /// Columns that a line has at least.
    pub(super) fn columns(&self) -> usize {
        let places = [Some(self.user), Some(self.item), self.rating, self.time];
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
        let form = form(line, &ColumnNames::default()).unwrap();
        (form.user, form.item, form.rating, form.time)
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
        assert_eq!(form("buyer,item", &names("buyer")).unwrap().user, 0);
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
