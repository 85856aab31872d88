//! Shared libraries that are there or not.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::PathBuf;

// From dlfcn.h; the values are those of Linux.
const RTLD_NOW: c_int = 2;
const RTLD_GLOBAL: c_int = 0x100;

unsafe extern "C" {
    fn dlopen(filename: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dladdr(address: *const c_void, info: *mut Info) -> c_int;
}

/// `Dl_info`.
#[repr(C)]
struct Info {
    file: *const c_char,
    base: *mut c_void,
    symbol: *const c_char,
    address: *mut c_void,
}

/// A library that stays loaded.
#[derive(Debug)]
pub(super) struct Library {
    handle: *mut c_void,
    name: String,
}

// SAFETY: a handle of dlopen may be used from any thread.
unsafe impl Send for Library {}
// SAFETY: as above; dlsym changes nothing.
unsafe impl Sync for Library {}

impl Library {
    /// The first of these names that can be loaded.
    pub(super) fn open(names: &[String]) -> Result<Self, String> {
        for name in names {
            let Ok(text) = CString::new(name.as_str()) else {
                continue;
            };
            // SAFETY: the name is a string with an end. These libraries are made to be loaded at
            // run time.
            let handle = unsafe { dlopen(text.as_ptr(), RTLD_NOW | RTLD_GLOBAL) };
            if !handle.is_null() {
                let name = name.clone();
                return Ok(Self { handle, name });
            }
        }
        Err(format!("none of {} can be loaded", names.join(", ")))
    }

    /// The address of a function of it.
    pub(super) fn symbol(&self, name: &CStr) -> Result<*mut c_void, String> {
        // SAFETY: the library stays loaded, and the name is a string with an end.
        let found = unsafe { dlsym(self.handle, name.as_ptr()) };
        if found.is_null() {
            Err(format!("{} has no {}", self.name, name.to_string_lossy()))
        } else {
            Ok(found)
        }
    }
}

/// Folders in which the CUDA libraries of a wheel lie, beside the libtorch of this process.
pub(super) fn folders_of_the_wheel(function: *const c_void) -> Vec<PathBuf> {
    let mut info = Info {
        file: std::ptr::null(),
        base: std::ptr::null_mut(),
        symbol: std::ptr::null(),
        address: std::ptr::null_mut(),
    };
    // SAFETY: dladdr writes to `info`, whatever the address is.
    let found = unsafe { dladdr(function, &raw mut info) };
    if found == 0 || info.file.is_null() {
        return Vec::new();
    }
    // SAFETY: the name of a loaded file is a string that stays while it is loaded.
    let file = unsafe { CStr::from_ptr(info.file) };
    let file = PathBuf::from(file.to_string_lossy().into_owned());
    // torch/lib/libtorch.so beside nvidia/, whatever links lead there.
    let Ok(file) = file.canonicalize() else {
        return Vec::new();
    };
    let Some(site) = file.ancestors().nth(3) else {
        return Vec::new();
    };
    let nvidia = ["cu13/lib", "cu12/lib", "cuda_nvrtc/lib"];
    let nvidia = nvidia.map(|folder| site.join("nvidia").join(folder));
    let own = file.parent().map(PathBuf::from);
    nvidia.into_iter().chain(own).collect()
}
