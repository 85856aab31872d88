use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::{SettingsError, require};

/// What ends a free phase before its time, looked at after each evaluation.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FreezeCondition {
    /// The mean absolute logit is at least so many times that of the first evaluation.
    LogitGrowth(#[schemars(extend("exclusiveMinimum" = 0))] f64),
    /// The mean train loss since the last evaluation is at most this.
    TrainLoss(#[schemars(extend("exclusiveMinimum" = 0))] f64),
    /// The mean gradient norm since the last evaluation is at most this part of that before the
    /// first.
    GradientNormRatio(#[schemars(extend("exclusiveMinimum" = 0))] f64),
    /// The train loss has not been lower for so many evaluations.
    Plateau(#[schemars(range(min = 1))] u32),
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
