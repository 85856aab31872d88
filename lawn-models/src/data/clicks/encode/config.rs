use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::format::ClickFormat;
use crate::data::clicks::shape::ClickShape;
use crate::trial::{SettingsError, require};

/// Goes up when the same text with the same settings becomes other numbers or other ids. Trials of
/// another version are other trials, and caches of another version are made anew.
pub(crate) const VERSION: u32 = 1;

/// The version that what was written before versions is of, and so has no key.
const FIRST: u32 = 1;

/// How the text of a click set becomes numbers and ids.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct ClickEncoding {
    /// Ids that each column of categories has: a category's is a hash of its text and its
    /// column.
    #[schemars(range(min = 1, max = 1 << 30))]
    pub hash_size: u32,
    /// The same by column; as many as the format has columns. Leave it out for `hash_size` in
    /// all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(range(min = 1, max = 1 << 30)))]
    pub hash_sizes: Vec<u32>,
    /// What stands for an integer that is not there. An integer n becomes ln(1 + max(n, 0)): all
    /// below 0 count as 0, and −1, which stands for none, does so too.
    #[schemars(range(min = -1))]
    pub missing_integer: i64,
    /// What becomes of lines that cannot be read: `"fail"` names the first of them,
    /// `"exclude"` leaves them out and counts them.
    pub bad_lines: BadLines,
    /// In which way categories are hashed and integers made numbers: none for the first. A task
    /// that is read from a sweep file is given today's.
    #[serde(default = "first", skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub version: Option<u32>,
}

fn first() -> Option<u32> {
    None
}

/// What becomes of lines that cannot be read.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum BadLines {
    /// The first of them is an error.
    #[default]
    Fail,
    /// They are left out and counted.
    Exclude,
}

impl Default for ClickEncoding {
    fn default() -> Self {
        Self {
            hash_size: 65_536,
            hash_sizes: Vec::new(),
            missing_integer: -1,
            bad_lines: BadLines::Fail,
            version: key(VERSION),
        }
    }
}

/// How a version is written.
fn key(version: u32) -> Option<u32> {
    Some(version).filter(|&version| version != FIRST)
}

impl ClickEncoding {
    /// Writes out which version this is.
    pub(crate) fn resolve(&mut self) {
        self.version = key(VERSION);
    }

    /// Checks every value against what it allows.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let sound = |size: &u32| (1..=1 << 30).contains(size);
        require_version(self.version.unwrap_or(FIRST), VERSION)?;
        require(
            sound(&self.hash_size),
            "encoding.hash_size",
            self.hash_size,
            "1 to 1073741824",
        )?;
        require(
            self.missing_integer >= -1,
            "encoding.missing_integer",
            self.missing_integer,
            "-1 or more; integers below 0 count as 0",
        )?;
        let is_idle = !self.hash_sizes.is_empty() && self.hash_size != Self::default().hash_size;
        if is_idle {
            return Err(SettingsError::NotApplicable {
                setting: "encoding.hash_size".to_owned(),
                context: "encoding.hash_sizes, which has that of each column".to_owned(),
                allowed: "leave one of them out".to_owned(),
            });
        }
        let counts = ClickFormat::ALL.map(ClickFormat::columns);
        let given = self.hash_sizes.len();
        require(
            self.hash_sizes.iter().all(sound) && (given == 0 || counts.contains(&given)),
            "encoding.hash_sizes",
            format!("{:?}", self.hash_sizes),
            "a size of 1 to 1073741824 a column: 26 of Criteo, 22 of Avazu",
        )
    }

    /// The format that has as many columns as sizes are given.
    pub(crate) fn format(&self) -> Option<ClickFormat> {
        let mut formats = ClickFormat::ALL.into_iter();
        formats.find(|format| format.columns() == self.hash_sizes.len())
    }

    /// What a row of a format has.
    ///
    /// # Errors
    /// [`SettingsError`] for sizes of another number of columns.
    pub(crate) fn shape(&self, format: ClickFormat) -> Result<ClickShape, SettingsError> {
        Ok(ClickShape {
            dense: format.dense(),
            columns: self.sizes(format)?,
        })
    }

    /// The size of each column of a format.
    pub(crate) fn sizes(&self, format: ClickFormat) -> Result<Vec<u32>, SettingsError> {
        let columns = format.columns();
        if self.hash_sizes.is_empty() {
            return Ok(vec![self.hash_size; columns]);
        }
        let given = self.hash_sizes.len();
        let allowed = format!("{columns} sizes, the columns of {}", format.name());
        let found = format!("{given} sizes");
        require(given == columns, "encoding.hash_sizes", found, &allowed)?;
        Ok(self.hash_sizes.clone())
    }
}

/// Makes sure that text becomes here what it became where a task was planned.
fn require_version(planned: u32, today: u32) -> Result<(), SettingsError> {
    let allowed =
        format!("{today}, as this lawn reads clicks; plan anew, or go on with the old one");
    require(planned == today, "encoding.version", planned, &allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_another_text_and_is_refused() {
        let text = |version| {
            let encoding = ClickEncoding {
                version: key(version),
                ..ClickEncoding::default()
            };
            serde_json::to_string(&encoding).unwrap()
        };
        assert!(!text(FIRST).contains("version"), "{}", text(FIRST));
        assert_ne!(text(FIRST), text(FIRST + 1));
        // What was written before there were versions is of the first, whatever today's is.
        let read: ClickEncoding = serde_json::from_str(&text(FIRST)).unwrap();
        assert_eq!(read.version, None);
        let next: ClickEncoding = serde_json::from_str(&text(VERSION + 1)).unwrap();
        let error = next.validate().unwrap_err();
        assert_eq!(error.setting(), "encoding.version");
        let error = require_version(FIRST, FIRST + 1).unwrap_err().to_string();
        assert!(
            error.contains("is 1") && error.contains("plan anew"),
            "{error}"
        );
        let mut resolved = read;
        resolved.resolve();
        assert_eq!(resolved, ClickEncoding::default());
        resolved.validate().unwrap();
    }
}
