//! Loading a shared library for its side effects.

use std::ffi::{CStr, c_char, c_int, c_void};

// From dlfcn.h; the values are those of Linux.
const RTLD_NOW: c_int = 2;
const RTLD_GLOBAL: c_int = 0x100;

unsafe extern "C" {
    fn dlopen(filename: *const c_char, flags: c_int) -> *mut c_void;
    fn dlerror() -> *const c_char;
}

/// Loads a library and leaves it loaded; its initializers run.
///
/// The name is looked up along the rpath of this binary, then as usual.
pub(super) fn load(name: &CStr) -> Result<(), String> {
    // SAFETY: `name` is a valid string with an end. The libraries loaded here
    // are parts of libtorch, whose initializers register operators and are
    // meant to run at any time, from any thread.
    let handle = unsafe { dlopen(name.as_ptr(), RTLD_NOW | RTLD_GLOBAL) };
    if !handle.is_null() {
        return Ok(());
    }
    // SAFETY: dlerror takes nothing and gives null or a string that stays valid
    // until the next dl call of this thread; it is copied before that.
    let reason = unsafe {
        let text = dlerror();
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    };
    Err(reason.unwrap_or_else(|| "the loader gave no reason".to_owned()))
}
