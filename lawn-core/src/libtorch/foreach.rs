//! Operations on lists of tensors, by `cpp/foreach.cpp`.

use std::ffi::{c_char, c_void};

use tch::Tensor;

use super::guard::{checked, raw};

unsafe extern "C" {
    fn lawn_foreach_copy(
        destinations: *const *mut c_void,
        sources: *const *mut c_void,
        count: usize,
    ) -> *mut c_char;
    fn lawn_foreach_lerp(
        from: *const *mut c_void,
        to: *const *mut c_void,
        count: usize,
        part: f64,
    ) -> *mut c_char;
}

/// Copies each source into the destination beside it, all of them by few
/// launches on an accelerator.
///
/// # Panics
///
/// As tch's operations do, where libtorch fails.
pub(crate) fn foreach_copy<'a>(pairs: impl Iterator<Item = (&'a Tensor, &'a Tensor)>) {
    let (to, from): (Vec<_>, Vec<_>) = pairs.map(|(to, from)| (raw(to), raw(from))).unzip();
    // SAFETY: the pointers are to tensors that the iterator borrows for 'a,
    // which is longer than this call, and both lists have this length.
    checked(unsafe { lawn_foreach_copy(to.as_ptr(), from.as_ptr(), to.len()) });
}

/// Moves the first of each pair by `part` of the way to the second, all of them by few launches on
/// an accelerator.
///
/// # Panics
///
/// As tch's operations do, where libtorch fails.
pub(crate) fn foreach_lerp<'a>(pairs: impl Iterator<Item = (&'a Tensor, &'a Tensor)>, part: f64) {
    let (from, to): (Vec<_>, Vec<_>) = pairs.map(|(from, to)| (raw(from), raw(to))).unzip();
    if from.is_empty() {
        // libtorch refuses an empty list.
        return;
    }
    // SAFETY: as in `foreach_copy`.
    checked(unsafe { lawn_foreach_lerp(from.as_ptr(), to.as_ptr(), from.len(), part) });
}
