//! Sizes of generated clicks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::shape::ClickShape;
use crate::data::dataset::GENERATED;
use crate::data::error::DataError;
use crate::trial::{SettingsError, require};

/// Sizes of the generated clicks.
///
/// ```text
/// x = linear·(Σ_c w_c[id_c] + Σ_j a_j z_j) / √(C + D)
///   + interactions·Σ_{c<d} ⟨v_c[id_c], v_d[id_d]⟩ / √(C(C − 1)/2 · factors)
/// p(click) = σ(bias + x)                                    w, a, v ~ N(0, 1)
/// ```
/// Column c has `vocabulary / 2^c` categories, four at least, and category k of it comes in
/// proportion to `(k + 1)^−skew`. The numbers are `z = ln(1 + n)`, n a log-normal count. `bias`
/// is such that the mean of p over the first 20,000 rows is `click_rate`; sizes with which it
/// cannot be are refused. A linear model sees nothing of the second sum.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct GeneratedClicks {
    /// Number of rows, those of validation and test included.
    #[schemars(range(min = 100, max = 1_u64 << 32))]
    pub rows: u64,
    /// Numbers a row (D).
    #[schemars(range(max = MOST_DENSE))]
    pub dense: u32,
    /// Columns of categories (C).
    #[schemars(range(min = 2, max = MOST_COLUMNS))]
    pub columns: u32,
    /// Categories of the first column.
    #[schemars(range(min = 4, max = 1 << 20))]
    pub vocabulary: u32,
    /// Exponent of the Zipf-like popularity of categories; 0 for none.
    #[schemars(range(min = 0))]
    pub skew: f64,
    /// Part of the rows that are clicks.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub click_rate: f64,
    /// How much a column counts by itself.
    #[schemars(range(min = 0))]
    pub linear: f64,
    /// How much pairs of columns count.
    #[schemars(range(min = 0))]
    pub interactions: f64,
    /// Dimension of v.
    #[schemars(range(min = 1, max = 1024))]
    pub factors: u32,
    /// Seeds the generator: part of the data set, not of the trial.
    pub seed: u64,
}

impl Default for GeneratedClicks {
    fn default() -> Self {
        Self {
            rows: 200_000,
            dense: 4,
            columns: 8,
            vocabulary: 64,
            skew: 1.0,
            click_rate: 0.25,
            linear: 1.0,
            interactions: 1.5,
            factors: 2,
            seed: 0,
        }
    }
}

/// Numbers and columns of the files that generated clicks are written to.
pub(in crate::data::clicks) const MOST_DENSE: u32 = 13;
pub(in crate::data::clicks) const MOST_COLUMNS: u32 = 26;

impl GeneratedClicks {
    /// Checks every value against what it allows.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let counts = [
            ("generated.dense", self.dense, 0, MOST_DENSE),
            ("generated.columns", self.columns, 2, MOST_COLUMNS),
            ("generated.vocabulary", self.vocabulary, 4, 1 << 20),
            ("generated.factors", self.factors, 1, 1_024),
        ];
        require(
            (100..=1 << 32).contains(&self.rows),
            "generated.rows",
            self.rows,
            "100 to 4294967296",
        )?;
        for (name, value, least, most) in counts {
            require(
                (least..=most).contains(&value),
                name,
                value,
                &format!("{least} to {most}"),
            )?;
        }
        require(
            self.click_rate > 0.0 && self.click_rate < 1.0,
            "generated.click_rate",
            self.click_rate,
            "a number between 0 and 1",
        )?;
        for (name, value) in [
            ("generated.skew", self.skew),
            ("generated.linear", self.linear),
            ("generated.interactions", self.interactions),
        ] {
            require(
                value.is_finite() && value >= 0.0,
                name,
                value,
                "a finite number ≥ 0",
            )?;
        }
        Ok(())
    }

    /// Makes sure that they can be made in so many bytes of memory.
    ///
    /// # Errors
    /// [`DataError::Unusable`].
    pub(in crate::data::clicks) fn require_room(&self, room: u64) -> Result<(), DataError> {
        let shape = self.shape();
        let categories: u64 = shape.columns.iter().map(|&size| u64::from(size)).sum();
        // A category has its numbers, and its place among those that are drawn from.
        let teacher = categories * (2 + u64::from(self.factors)) * size_of::<f64>() as u64;
        let rows = self.rows.saturating_mul(shape.bytes() as u64);
        let needed = rows.saturating_add(teacher);
        if needed <= room {
            return Ok(());
        }
        let found = format!(
            "{} rows of {} bytes and a teacher of {teacher} bytes, {needed} bytes in all",
            self.rows,
            shape.bytes()
        );
        let expected = format!("up to the {room} bytes of memory that are left");
        Err(DataError::unusable(GENERATED.as_ref(), found, expected))
    }

    /// What a row has.
    pub(crate) fn shape(&self) -> ClickShape {
        let size = |column| self.vocabulary.checked_shr(column).unwrap_or(0).max(4);
        ClickShape {
            dense: self.dense as usize,
            columns: (0..self.columns).map(size).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2³² rows of 52 bytes.
    #[test]
    fn more_than_memory_holds_is_refused_with_what_it_takes() {
        let sizes = GeneratedClicks {
            rows: 1 << 32,
            ..GeneratedClicks::default()
        };
        sizes.validate().unwrap();
        let error = sizes.require_room(1 << 30).unwrap_err().to_string();
        assert!(
            error.contains("4294967296 rows of 52 bytes") && error.contains("1073741824 bytes"),
            "{error}"
        );
        sizes.require_room(1 << 40).unwrap();
        let teacher = GeneratedClicks {
            rows: 100,
            vocabulary: 1 << 20,
            factors: 1_024,
            ..GeneratedClicks::default()
        };
        let error = teacher.require_room(1 << 30).unwrap_err().to_string();
        assert!(error.contains("a teacher of 17"), "{error}");
        GeneratedClicks::default().require_room(1 << 24).unwrap();
    }

    #[test]
    fn sizes_that_cannot_be_made_are_named() {
        for (table, setting) in [
            (serde_json::json!({ "rows": 99 }), "generated.rows"),
            (serde_json::json!({ "columns": 27 }), "generated.columns"),
            (
                serde_json::json!({ "click_rate": 1.0 }),
                "generated.click_rate",
            ),
            (
                serde_json::json!({ "interactions": -1.0 }),
                "generated.interactions",
            ),
        ] {
            let sizes: GeneratedClicks = serde_json::from_value(table).unwrap();
            assert_eq!(sizes.validate().unwrap_err().setting(), setting);
        }
    }
}
