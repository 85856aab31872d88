//! libtorch's streams, and copies that the host does not wait for, by `cpp/stream.cpp`.

use std::ffi::{c_char, c_int, c_void};

use tch::Tensor;

use super::guard::{checked, raw};

unsafe extern "C" {
    fn lawn_current_stream(device: c_int, stream: *mut *mut c_void) -> *mut c_char;
    fn lawn_send(to: *mut c_void, from: *mut c_void) -> *mut c_char;
    fn lawn_a_function_of_libtorch() -> *const c_void;
}

/// The stream of CUDA on which libtorch's operations of this thread run.
///
/// # Panics
///
/// As tch's operations do, where libtorch fails.
pub(crate) fn current_stream(device: usize) -> *mut c_void {
    let mut stream = std::ptr::null_mut();
    // SAFETY: the stream is valid to write to during the call.
    checked(unsafe { lawn_current_stream(device as c_int, &raw mut stream) });
    stream
}

/// Copies a tensor of the host to a device, in the order of its stream. The host goes on at once,
/// and may let go of its own.
///
/// # Panics
///
/// As tch's operations do, where libtorch fails.
pub(crate) fn send(to: &mut Tensor, from: &Tensor) {
    // SAFETY: both are borrowed during the call.
    checked(unsafe { lawn_send(raw(to), raw(from)) });
}

/// Where a function of libtorch is, which tells from which file it was loaded.
pub(crate) fn a_function_of_libtorch() -> *const c_void {
    // SAFETY: it takes nothing and only answers an address.
    unsafe { lawn_a_function_of_libtorch() }
}
