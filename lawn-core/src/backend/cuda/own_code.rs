//! Code of other crates of this workspace for a CUDA device, by the same compiler and driver.

use std::ffi::{CStr, c_uint, c_void};

use super::device::Loaded;
use super::nvrtc::{Nvrtc, Source, Target};
use super::share::telling;

/// A source for a CUDA device, compiled and loaded.
#[derive(Clone, Debug)]
pub struct DeviceCode(Loaded);

impl DeviceCode {
    /// Compiles the first of these files, names and texts, which may include the others, for a device;
    /// or finds it compiled. Functions are called by their places among `names`.
    ///
    /// # Errors
    ///
    /// In one line, what the compiler or the driver said.
    pub fn new(device: usize, files: &[(&str, &str)], names: &[&CStr]) -> Result<Self, String> {
        let loaded = Loaded::new(device, &source(files), names);
        loaded.map(Self).map_err(|why| telling(&why))
    }

    /// The same as PTX for a compute capability, 90 for 9.0. No device is needed.
    ///
    /// # Errors
    ///
    /// In words, why there is no compiler, or what it said.
    pub fn ptx(files: &[(&str, &str)], capability: i32) -> Result<String, String> {
        let compiled = Nvrtc::get()?.compile(Target::Ptx(capability), &source(files))?;
        Ok(String::from_utf8_lossy(&compiled).into_owned())
    }

    /// Launches a function on libtorch's current stream of this thread.
    ///
    /// # Safety
    ///
    /// The parameters point to what the function takes, and what these point to is valid on the device
    /// until its stream has come so far.
    ///
    /// # Panics
    ///
    /// Where the driver fails, as libtorch does.
    pub unsafe fn launch(
        &self,
        function: usize,
        blocks: c_uint,
        threads: c_uint,
        parameters: &mut [*mut c_void],
    ) {
        // SAFETY: the caller keeps to the same conditions.
        unsafe { self.0.launch(function, blocks, threads, parameters) };
    }
}

fn source<'a>(files: &'a [(&'a str, &'a str)]) -> Source<'a> {
    Source {
        files,
        options: Vec::new(),
    }
}
