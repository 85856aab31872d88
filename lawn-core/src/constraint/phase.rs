//! Whether norms are held.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Before or after the freeze.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before the freeze, or without a norm constraint.
    Free,
    /// After the freeze.
    Constrained,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Phase::Free => "free",
            Phase::Constrained => "constrained",
        })
    }
}
