//! What a rule does to rows of an embedding table that have no gradient.

/// Which rows of an [embedding table](crate::Context::table) an update is for.
///
/// A row has a gradient in a step if an element of it is not 0 there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowUpdates {
    /// All. Those without a gradient move as well, by what the rule remembers of earlier ones.
    /// So a sparse gradient is refused.
    #[default]
    All,
    /// All, but those without a gradient stay where they are, with what is remembered of them.
    /// So a sparse gradient is as good as a dense one, where there is neither weight decay nor a
    /// norm constraint. It is refused elsewhere.
    Still,
    /// Those with a gradient. The others are left alone: weights, buffers, weight decay and
    /// norm constraint. A step costs as much as these rows.
    Touched,
}
