//! How tensors go to C++, and errors come back (`cpp/guard.h`).

use std::ffi::{CStr, c_char, c_void};

use tch::{TchError, Tensor};

unsafe extern "C" {
    fn free(memory: *mut c_void);
}

pub(super) fn raw(tensor: &Tensor) -> *mut c_void {
    tensor.as_ptr().cast_mut().cast()
}

/// Panics with the message, if there is one, as tch does.
pub(super) fn checked(message: *mut c_char) {
    if message.is_null() {
        return;
    }
    // SAFETY: a message is a string of C that strdup has made and nobody else has.
    let text = unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        free(message.cast());
        text
    };
    panic!("{:?}", TchError::Torch(text));
}
