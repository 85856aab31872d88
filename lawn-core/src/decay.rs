//! Weight decay.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Weight decay with rate `λ`.
///
/// Applies to weights and embeddings; biases and the parameters of
/// normalization layers have none unless a [`Group`](crate::Group) gives it to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum WeightDecay {
    /// No decay.
    #[default]
    None,
    /// `g ← g + λ w` before the rule: the gradient of `λ/2 ‖w‖²`.
    L2 {
        /// `λ`.
        rate: f64,
    },
    /// `w ← (1 − ηλ) w` beside the rule, as in AdamW; inside the trust ratio of
    /// LAMB unless that says otherwise.
    Decoupled {
        /// `λ`.
        rate: f64,
    },
}

impl WeightDecay {
    /// Whether it does nothing: none, or a rate of 0.
    #[must_use]
    pub fn is_none(self) -> bool {
        match self {
            WeightDecay::None => true,
            WeightDecay::L2 { rate } | WeightDecay::Decoupled { rate } => rate == 0.0,
        }
    }
}

impl fmt::Display for WeightDecay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WeightDecay::None => f.pad("none"),
            WeightDecay::L2 { rate } => f.pad(&format!("l2 {rate}")),
            WeightDecay::Decoupled { rate } => f.pad(&format!("decoupled {rate}")),
        }
    }
}
