//! Sums into a tensor without a new one, by `cpp/in_place.cpp`.

use std::ffi::{c_char, c_void};

use tch::Tensor;

use super::guard::{checked, raw};

unsafe extern "C" {
    fn lawn_add(tensor: *mut c_void, other: *mut c_void, alpha: f64) -> *mut c_char;
    fn lawn_addcmul(tensor: *mut c_void, a: *mut c_void, b: *mut c_void, value: f64)
    -> *mut c_char;
}

/// `tensor ← tensor + alpha · other`.
///
/// # Panics
///
/// As tch's operations do, where libtorch fails.
pub(crate) fn add(tensor: &mut Tensor, other: &Tensor, alpha: f64) {
    // SAFETY: both are borrowed during the call.
    checked(unsafe { lawn_add(raw(tensor), raw(other), alpha) });
}

/// `tensor ← tensor + value · a · b`.
///
/// # Panics
///
/// As tch's operations do, where libtorch fails.
pub(crate) fn addcmul(tensor: &mut Tensor, a: &Tensor, b: &Tensor, value: f64) {
    // SAFETY: the three are borrowed during the call.
    checked(unsafe { lawn_addcmul(raw(tensor), raw(a), raw(b), value) });
}
