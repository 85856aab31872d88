//! What a constraint does to rows of an embedding table that have no gradient.

use serde::{Deserialize, Serialize};

/// What becomes of rows of a constrained [embedding table](crate::Context::table) that have no
/// gradient in a step: rows of ids that no sample of the batch has.
///
/// By layer, a table has one radius for all of its rows. The projections and the way back to the
/// radius move each row then, even one whose id has never been seen.
///
/// Under a rule that [leaves such rows alone](crate::RowUpdates::Touched), they are left alone
/// whatever is chosen here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UntouchedRows {
    /// They are constrained as all others.
    #[default]
    Constrained,
    /// They are left alone: weights and buffers of the rule. The step is that of a table which
    /// has the other rows only. By layer these keep the norm that they have together, and with
    /// it that of the table.
    LeftAlone,
}

impl UntouchedRows {
    /// What a file need not say.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
