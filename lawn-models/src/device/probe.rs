use std::sync::OnceLock;

use lawn_core::Determinism;
use serde::{Deserialize, Serialize};
use tch::{Cuda, Device, Kind, Tensor};
use thiserror::Error;

use super::driver::cuda_driver;
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

/// Has the device ready to compute, so that what that takes is no part of what comes next.
///
/// # Errors
/// Where libtorch has no code for it.
///
/// # Panics
/// As libtorch's operations, where the device fails otherwise.
pub(crate) fn wake(device: Device) -> Result<(), DeviceError> {
    let Device::Cuda(index) = device else {
        return Ok(());
    };
    let computed = Tensor::f_zeros([1], (Kind::Float, device)).and_then(|one| one.f_add_scalar(1));
    if let Err(error) = computed {
        let driver = cuda_driver().ok();
        let card = driver.as_ref().and_then(|driver| driver.cards.get(index));
        let reason = without_code(&error.to_string(), card.map(|card| card.compute_capability));
        let reason = reason.unwrap_or_else(|| panic!("{error}"));
        return Err(DeviceError {
            device: format!("{device:?}").to_lowercase(),
            reason,
        });
    }
    Cuda::synchronize(index as i64);
    Ok(())
}

/// What is told of a device that libtorch has no code for, by its words.
fn without_code(said: &str, capability: Option<[u32; 2]>) -> Option<String> {
    if !said.contains("no kernel image is available") {
        return None;
    }
    let of = capability.map(|[major, minor]| format!(", of compute capability {major}.{minor}"));
    Some(format!(
        "this libtorch has no code for the card{}; that of the wheel for CUDA 13 begins at 7.5, after \
         Volta (V100). The CPU takes `device = \"cpu\"`",
        of.unwrap_or_default()
    ))
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
    fn a_card_that_is_too_old_for_libtorch_is_told_so() {
        let said = "CUDA error: no kernel image is available for execution on the device\nCUDA kernel \
                    errors might be asynchronously reported";
        let told = without_code(said, Some([7, 0])).unwrap();
        assert!(
            told.contains("compute capability 7.0") && told.contains("V100"),
            "{told}"
        );
        assert!(!told.contains('\n'), "{told}");
        assert!(without_code(said, None).is_some());
        assert_eq!(
            without_code("CUDA error: out of memory", Some([9, 0])),
            None
        );
        wake(Device::Cpu).unwrap();
    }

    #[test]
    fn an_unsupported_device_is_refused_by_name() {
        let error = require_device(Device::Mps).unwrap_err();
        assert!(error.to_string().starts_with("device mps "), "{error}");
        require_device(Device::Cpu).unwrap();
    }
}
