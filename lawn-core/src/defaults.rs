//! What files leave out.

/// The default of switches that are on unless a file says otherwise.
pub(crate) fn yes() -> bool {
    true
}
