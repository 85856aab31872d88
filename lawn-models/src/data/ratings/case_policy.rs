//! What becomes of held-out interactions that a protocol must say something of.

use serde::{Deserialize, Serialize};

/// What becomes of a held-out interaction.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum CasePolicy {
    /// The data set is refused, with file and line.
    Refuse,
    /// It is measured, and counted.
    Keep,
    /// It is left out, and counted.
    Drop,
}

/// A policy for each thing that can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policies {
    /// It is in train, too.
    pub(crate) overlap: CasePolicy,
    /// Its user or item has no train interaction.
    pub(crate) unseen: CasePolicy,
    /// Its user had one before.
    pub(crate) repeated: CasePolicy,
}
