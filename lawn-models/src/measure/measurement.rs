use serde::{Deserialize, Serialize};

/// Part of a data set.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// What the gradients come from.
    Train,
    /// Held out from train, to choose settings.
    Validation,
    /// Measured once, at the end of a confirm trial.
    Test,
}

/// One metric on one split.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Where it was measured.
    pub split: Split,
    /// The metric's name, one of [`TaskMetrics::all`](crate::TaskMetrics::all).
    pub metric: String,
    /// Its value; `count / total` where both are given.
    pub value: f64,
    /// Hits, where the metric counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Cases that could have been hits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}
