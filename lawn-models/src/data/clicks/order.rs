//! In which order the train rows of an epoch come.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// In which order the train rows of an epoch come.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum ClickOrder {
    /// Each epoch in an order of its own, drawn by the trial's seed.
    #[default]
    Shuffled,
    /// As the files have them, in every epoch: the order of time, and the way that reads a
    /// disk fastest.
    Sequential,
}
