//! How tensors go to the C++ of this crate, and errors come back (`cpp/guard.h`).

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use tch::{TchError, Tensor};

unsafe extern "C" {
    fn free(memory: *mut c_void);
}

/// The tensor as C++ knows it, for as long as it is borrowed.
pub(crate) fn raw(tensor: &Tensor) -> *mut c_void {
    tensor.as_ptr().cast_mut().cast()
}

/// The tensor that a function writes to its argument. Panics with its message, if it answers
/// one, as tch does.
pub(crate) fn made(function: impl FnOnce(*mut *mut c_void) -> *mut c_char) -> Tensor {
    let mut found = ptr::null_mut();
    let message = function(&raw mut found);
    if message.is_null() {
        // SAFETY: without a message there is a new tensor, which nobody else has.
        return unsafe { Tensor::from_ptr(found.cast()) };
    }
    // SAFETY: a message is a string of C that strdup has made and nobody else has.
    let text = unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        free(message.cast());
        text
    };
    panic!("{:?}", TchError::Torch(text));
}
