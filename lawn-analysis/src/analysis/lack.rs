//! Why a seed has no number in a comparison.

use crate::text::at_batch;

/// The kind of reason for which a seed has no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// No trial of that seed was made there.
    NoTrial,
    /// A trial diverged.
    Diverged,
    /// A trial failed for another reason, or was stopped.
    Failed,
    /// The trials ended well but did not record the quantity.
    NoNumber,
}

/// Why a seed has no number: the kind of reason, and the reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lack {
    pub(super) cause: Cause,
    pub(super) why: String,
}

impl Lack {
    /// A trial that ended well did not record `what`.
    pub(super) fn number(what: &str, batch_size: i64) -> Self {
        Self {
            cause: Cause::NoNumber,
            why: format!("{what} {}", at_batch(batch_size)),
        }
    }

    /// A trial diverged where divergence is neither better nor worse than a number.
    pub(super) fn diverged(batch_size: i64) -> Self {
        Self {
            cause: Cause::Diverged,
            why: format!("{DIVERGED} {}", at_batch(batch_size)),
        }
    }
}

/// The word for a divergence in a reason.
pub(super) const DIVERGED: &str = "diverged";

/// A seed that could not be paired, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmatchedSeed {
    /// The seed.
    pub seed: i64,
    /// The arm that lacks the quantity.
    pub arm: String,
    /// Why it does.
    pub why: String,
    /// What kind of reason that is.
    pub cause: Cause,
}
