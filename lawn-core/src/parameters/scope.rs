//! Which parameters a constraint is for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::Granularity;

/// Which parameters are constrained.
///
/// Whatever the scope, biases and the parameters of normalization layers never
/// are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The weights after the last normalization layer on the way to the
    /// logits, through positively homogeneous maps; all of them where there is
    /// no normalization. Derived from
    /// [`Parameters::set_layers`](crate::Parameters::set_layers) or, without
    /// it, from order, names, shapes and buffers: then
    /// [`Treatment::guessed`](crate::Treatment::guessed) says so, and what these
    /// leave open is [refused](crate::Error::UndecidedScope) where it decides.
    #[default]
    FinalHomogeneous,
    /// Every weight and embedding.
    AllWeights,
    /// Every weight of at least two dimensions, and no embedding.
    Matrices,
    /// The parameters whose name matches one of the patterns; `*` stands for
    /// any run of characters, `?` for any one.
    Patterns(Vec<String>),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::FinalHomogeneous => f.write_str("final-homogeneous"),
            Scope::AllWeights => f.write_str("all-weights"),
            Scope::Matrices => f.write_str("matrices"),
            Scope::Patterns(patterns) if patterns.is_empty() => f.write_str("no patterns"),
            Scope::Patterns(patterns) => f.write_str(&patterns.join(", ")),
        }
    }
}

/// The parameters that a constraint is for, and how they are divided into units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) granularity: Granularity,
}
