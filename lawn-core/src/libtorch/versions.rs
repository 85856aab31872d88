//! What autograd is told of writes, by `cpp/versions.cpp`.

use std::ffi::{c_char, c_void};

use tch::Tensor;

use super::guard::{checked, raw};

unsafe extern "C" {
    fn lawn_bump_versions(tensors: *const *mut c_void, count: usize) -> *mut c_char;
}

/// Tells autograd that each tensor was written to behind its back: a `backward` that
/// still needs what was there fails, as after any operation in place.
///
/// # Panics
///
/// As tch's operations do, where libtorch fails.
pub(crate) fn bump_versions<'a>(tensors: impl Iterator<Item = &'a Tensor>) {
    let tensors: Vec<_> = tensors.map(raw).collect();
    // SAFETY: the pointers are to tensors that the iterator borrows for 'a.
    checked(unsafe { lawn_bump_versions(tensors.as_ptr(), tensors.len()) });
}
