//! Devices by name, for the examples that run on one.

use std::ffi::{CStr, c_char, c_int, c_void};

use tch::{Cuda, Device};

/// The device of this name; nothing where it is CUDA and there is none.
pub(crate) fn find(name: &str) -> Result<Option<Device>, Box<dyn std::error::Error>> {
    let index = match name {
        "cpu" => return Ok(Some(Device::Cpu)),
        "cuda" => 0,
        _ => match name.strip_prefix("cuda:") {
            Some(index) => index.parse()?,
            None => return Err(format!("device {name}: allowed are cpu, cuda, cuda:N").into()),
        },
    };
    load_cuda();
    let found = Cuda::is_available() && (index as i64) < Cuda::device_count();
    Ok(found.then_some(Device::Cuda(index)))
}

/// Loads libtorch's CUDA half. Linking drops it, as nothing refers to it, and
/// once libtorch was asked about CUDA without it, it never looks again.
fn load_cuda() {
    unsafe extern "C" {
        fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    }
    const NOW_GLOBAL: c_int = 0x102;
    let name: &CStr = c"libtorch_cuda.so";
    // SAFETY: the name is a string of C, and libtorch's library is meant to be
    // loaded into a program that has libtorch.
    unsafe { dlopen(name.as_ptr(), NOW_GLOBAL) };
}
