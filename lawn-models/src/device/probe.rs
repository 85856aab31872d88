use std::sync::OnceLock;

use lawn_core::Determinism;
use serde::{Deserialize, Serialize};
use tch::{Cuda, Device};
use thiserror::Error;

use super::libtorch;

/// What this process can use.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Version of the libtorch that this was built with.
    pub libtorch: String,
    /// State of CUDA.
    pub cuda: CudaProbe,
    /// What libtorch promises about the same operation done twice.
    pub determinism: Determinism,
    /// Threads that one operation may use.
    pub threads: u32,
    /// Cores that the process may run on.
    pub cores: u32,
}

/// State of CUDA.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum CudaProbe {
    /// It can be used.
    Available {
        /// Number of devices.
        devices: u32,
    },
    /// libtorch's CUDA part is there, a driver or a device is not.
    Unavailable,
    /// libtorch's CUDA part could not be loaded.
    Unloadable {
        /// What the loader said.
        reason: String,
    },
}

/// Looks at libtorch, CUDA and threads.
///
/// Loads libtorch's CUDA part if it is there, which takes a second or two.
pub fn probe() -> Probe {
    let cuda = match load_cuda() {
        Err(reason) => CudaProbe::Unloadable { reason },
        Ok(()) if !Cuda::is_available() => CudaProbe::Unavailable,
        Ok(()) => CudaProbe::Available {
            devices: Cuda::device_count() as u32,
        },
    };
    Probe {
        libtorch: env!("LAWN_LIBTORCH_VERSION").to_owned(),
        cuda,
        determinism: Determinism::of_this_process(),
        threads: tch::get_num_threads() as u32,
        cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
    }
}

/// Sets how many threads one operation may use, in the whole process.
///
/// # Panics
/// If `threads` is 0.
pub fn set_threads(threads: u32) {
    assert!(threads > 0, "an operation needs a thread");
    tch::set_num_threads(threads as i32);
}

/// A device that is not there.
#[derive(Debug, Error)]
#[error("device {device} cannot be used: {reason}")]
pub(crate) struct DeviceError {
    /// The device asked for.
    pub(crate) device: String,
    /// Why not.
    pub(crate) reason: String,
}

/// Makes sure that a device can be used.
pub(crate) fn require_device(device: Device) -> Result<(), DeviceError> {
    let refuse = |reason: String| {
        Err(DeviceError {
            device: format!("{device:?}").to_lowercase(),
            reason,
        })
    };
    match device {
        Device::Cpu => Ok(()),
        Device::Cuda(index) => match load_cuda() {
            Err(reason) => refuse(reason),
            Ok(()) if !Cuda::is_available() => refuse("no driver or no device".to_owned()),
            Ok(()) if index as i64 >= Cuda::device_count() => {
                refuse(format!("there are {}", Cuda::device_count()))
            }
            Ok(()) => Ok(()),
        },
        _ => refuse("only the CPU and CUDA devices are supported".to_owned()),
    }
}

/// Loads libtorch's CUDA part once.
///
/// The linker drops it, as nothing refers to it by name, and the first question
/// about CUDA fixes the answer: it must be loaded before that.
pub(super) fn load_cuda() -> Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED
        .get_or_init(|| libtorch::load(c"libtorch_cuda.so"))
        .clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_gives_the_loaders_reason() {
        let reason = libtorch::load(c"libsurely_absent.so").unwrap_err();
        assert!(reason.contains("libsurely_absent.so"), "{reason}");
    }

    #[test]
    fn the_version_is_that_of_the_headers() {
        let numbers: Vec<u32> = probe()
            .libtorch
            .split('.')
            .map(|part| part.parse().unwrap())
            .collect();
        assert_eq!(numbers.len(), 3);
        assert!(numbers[0] >= 2);
    }

    #[test]
    fn an_unsupported_device_is_refused_by_name() {
        let error = require_device(Device::Mps).unwrap_err();
        assert!(error.to_string().starts_with("device mps "), "{error}");
        require_device(Device::Cpu).unwrap();
    }
}
