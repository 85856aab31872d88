use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::{SettingsError, require};

/// What ends a free phase before its time, looked at after each evaluation.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
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
