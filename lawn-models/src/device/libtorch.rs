//! Loading shared libraries: parts of libtorch for their side effects, others for what they say.

use std::ffi::{CStr, c_char, c_int, c_void};

// From dlfcn.h; the values are those of Linux.
const RTLD_NOW: c_int = 2;
const RTLD_GLOBAL: c_int = 0x100;

unsafe extern "C" {
    fn dlopen(filename: *const c_char, flags: c_int) -> *mut c_void;
    fn dlerror() -> *const c_char;
    fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void;
}

/// Loads a library and leaves it loaded; its initializers run.
///
/// The name is looked up along the rpath of this binary, then as usual.
pub(super) fn load(name: &CStr) -> Result<(), String> {
    // SAFETY: `name` is a valid string with an end. The libraries loaded here
    // are parts of libtorch, whose initializers register operators and are
    // meant to run at any time, from any thread.
    let handle = unsafe { dlopen(name.as_ptr(), RTLD_NOW | RTLD_GLOBAL) };
    if handle.is_null() {
        Err(reason())
    } else {
        Ok(())
    }
}

/// Why the last library or function was not found.
fn reason() -> String {
    // SAFETY: dlerror takes nothing and gives null or a string that stays valid
    // until the next dl call of this thread; it is copied before that.
    let reason = unsafe {
        let text = dlerror();
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    };
    reason.unwrap_or_else(|| "the loader gave no reason".to_owned())
}

/// A library of others, which stays loaded.
#[derive(Debug)]
pub(super) struct Library(*mut c_void);

impl Library {
    /// Loads it for this one's eyes only.
    pub(super) fn open(name: &CStr) -> Result<Self, String> {
        // SAFETY: `name` is a valid string with an end. What is loaded so are CUDA's driver and
        // compiler, whose initializers may run at any time.
        let handle = unsafe { dlopen(name.as_ptr(), RTLD_NOW) };
        if handle.is_null() {
            Err(reason())
        } else {
            Ok(Self(handle))
        }
    }

    /// The function of this name.
    ///
    /// # Safety
    /// `F` is the type of a pointer to that function.
    pub(super) unsafe fn function<F: Copy>(&self, name: &CStr) -> Result<F, String> {
        assert_eq!(size_of::<F>(), size_of::<*mut c_void>());
        // SAFETY: the handle is of a library that stays loaded, the name has an end.
        let found = unsafe { dlsym(self.0, name.as_ptr()) };
        if found.is_null() {
            return Err(reason());
        }
        // SAFETY: it is not null, and as the caller says of this type.
        Ok(unsafe { std::mem::transmute_copy(&found) })
    }
}
