use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::format::ClickFormat;
use crate::trial::{SettingsError, require};

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
        }
    }
}

impl ClickEncoding {
    /// Checks every value against what it allows.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let sound = |size: &u32| (1..=1 << 30).contains(size);
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
        let counts = ClickFormat::ALL.map(ClickFormat::columns);
        let given = self.hash_sizes.len();
        require(
            self.hash_sizes.iter().all(sound) && (given == 0 || counts.contains(&given)),
            "encoding.hash_sizes",
            format!("{:?}", self.hash_sizes),
            "a size of 1 to 1073741824 a column: 26 of Criteo, 22 of Avazu",
        )
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
