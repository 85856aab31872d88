//! What a parameter does in its model.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a parameter does in its model; decides the defaults of its treatment.
///
/// Weight decay and the norm constraint apply to weights and embeddings, never
/// to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A matrix or a convolution filter.
    Weight,
    /// An additive term.
    Bias,
    /// Scale or shift of a normalization layer.
    Norm,
    /// A table of vectors, looked up by row.
    Embedding,
    /// A factor that belongs to no normalization layer: slopes of a PReLU, a
    /// temperature, a gate, the lengths of a weight normalization.
    Scale,
}

impl Role {
    /// Whether a parameter of this role may be decayed and constrained.
    #[must_use]
    pub fn is_constrainable(self) -> bool {
        matches!(self, Role::Weight | Role::Embedding)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::Weight => "weight",
            Role::Bias => "bias",
            Role::Norm => "norm",
            Role::Embedding => "embedding",
            Role::Scale => "scale",
        })
    }
}
