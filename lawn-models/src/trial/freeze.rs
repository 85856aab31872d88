use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::error::{SettingsError, require};

/// What ends a free phase before its time, looked at after each evaluation.
#[derive(Serialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FreezeCondition {
    /// The mean absolute logit is at least so many times that of the first evaluation.
    LogitGrowth(f64),
    /// The mean train loss since the last evaluation is at most this.
    TrainLoss(f64),
    /// The mean gradient norm since the last evaluation is at most this part of that before the
    /// first.
    GradientNormRatio(f64),
    /// The train loss has not been lower for so many evaluations.
    Plateau(u32),
}

/// What a condition may be, for one that is none.
const FORMS: &str = "a table of one key, such as { plateau = 3 }; allowed: logit_growth, train_loss, \
                     gradient_norm_ratio, each a number, and plateau, a whole number";

impl<'de> Deserialize<'de> for FreezeCondition {
    /// With an error that shows the form.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Value::deserialize(deserializer)?;
        let one = given.as_object().filter(|table| table.len() == 1);
        let one = one.and_then(|table| table.iter().next());
        let number = one.and_then(|(_, value)| value.as_f64());
        let found = match (one.map(|(key, _)| key.as_str()), number) {
            (Some("logit_growth"), Some(number)) => Some(Self::LogitGrowth(number)),
            (Some("train_loss"), Some(number)) => Some(Self::TrainLoss(number)),
            (Some("gradient_norm_ratio"), Some(number)) => Some(Self::GradientNormRatio(number)),
            (Some("plateau"), _) => (one.and_then(|(_, value)| value.as_u64()))
                .and_then(|count| u32::try_from(count).ok())
                .map(Self::Plateau),
            _ => None,
        };
        found.ok_or_else(|| D::Error::custom(format!("{given} is not {FORMS}")))
    }
}

/// The schema of a condition: a table of one key.
pub(super) fn schema(_: &mut SchemaGenerator) -> Schema {
    let one = |name: &str, mut number: Value, description: &str| {
        number["description"] = description.into();
        json!({
            "type": "object", "properties": { name: number }, "required": [name],
            "additionalProperties": false,
        })
    };
    let positive = || json!({ "type": "number", "exclusiveMinimum": 0 });
    json_schema!({ "oneOf": [
        one(
            "logit_growth", positive(),
            "The mean absolute logit is at least so many times that of the first evaluation.",
        ),
        one(
            "train_loss", positive(),
            "The mean train loss since the last evaluation is at most this.",
        ),
        one(
            "gradient_norm_ratio", positive(),
            "The mean gradient norm is at most this part of that before the first evaluation.",
        ),
        one(
            "plateau", json!({ "type": "integer", "minimum": 1 }),
            "The train loss has not been lower for so many evaluations.",
        ),
    ] })
}

impl FreezeCondition {
    /// Checks its number.
    pub(super) fn validate(self) -> Result<(), SettingsError> {
        let (name, value) = match self {
            Self::LogitGrowth(value) => ("freeze_when.logit_growth", value),
            Self::TrainLoss(value) => ("freeze_when.train_loss", value),
            Self::GradientNormRatio(value) => ("freeze_when.gradient_norm_ratio", value),
            Self::Plateau(count) => ("freeze_when.plateau", f64::from(count)),
        };
        let sound = value.is_finite() && value > 0.0;
        require(sound, name, value, "a finite number > 0")
    }
}
