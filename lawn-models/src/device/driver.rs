//! What CUDA's driver and its compiler say of themselves.

use std::ffi::{CStr, c_char, c_int};

use lawn_core::CudaCompiler;

use super::libtorch::Library;

/// One accelerator, as its driver describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Its model.
    pub name: String,
    /// Bytes of its memory.
    pub memory: u64,
    /// Major and minor number of what it can compute: 9 and 0 are `sm_90`.
    pub compute_capability: [u32; 2],
}

/// CUDA's driver, and what it drives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver {
    /// Major and minor number of the greatest CUDA that it supports.
    pub cuda: [u32; 2],
    /// The accelerators that this process may use.
    pub cards: Vec<Card>,
}

// Of cuda.h.
const COMPUTE_CAPABILITY: [c_int; 2] = [75, 76];
type Status = c_int;
type Init = unsafe extern "C" fn(u32) -> Status;
type Number = unsafe extern "C" fn(*mut c_int) -> Status;
type DeviceOf = unsafe extern "C" fn(*mut c_int, c_int) -> Status;
type Name = unsafe extern "C" fn(*mut c_char, c_int, c_int) -> Status;
type Id = unsafe extern "C" fn(*mut [u8; 16], c_int) -> Status;
type Memory = unsafe extern "C" fn(*mut usize, c_int) -> Status;
type Attribute = unsafe extern "C" fn(*mut c_int, c_int, c_int) -> Status;

/// Room for the name of an accelerator, its end included.
const NAME: usize = 256;

/// Asks CUDA's driver.
///
/// # Errors
/// In words, why there is none or what it refused.
pub fn cuda_driver() -> Result<Driver, String> {
    let library = Library::open(c"libcuda.so.1")?;
    // SAFETY: the types of all functions are those of cuda.h, and what they write to is there, of
    // the sizes that they are told.
    unsafe {
        asked("cuInit", library.function::<Init>(c"cuInit")?(0))?;
        let number = |name: &CStr| -> Result<u32, String> {
            let mut found = 0;
            asked(
                &name.to_string_lossy(),
                library.function::<Number>(name)?(&raw mut found),
            )?;
            Ok(found.unsigned_abs())
        };
        let version = number(c"cuDriverGetVersion")?;
        let cards = (0..number(c"cuDeviceGetCount")?).map(|index| card(&library, index as c_int));
        Ok(Driver {
            cuda: [version / 1000, version % 1000 / 10],
            cards: cards.collect::<Result<_, _>>()?,
        })
    }
}

/// # Safety
/// `library` is CUDA's driver, and begun.
unsafe fn card(library: &Library, index: c_int) -> Result<Card, String> {
    let (mut device, mut memory) = (0, 0);
    let mut name: [c_char; NAME] = [0; NAME];
    let mut capability = [0; 2];
    // SAFETY: as in `cuda_driver`.
    unsafe {
        let get: DeviceOf = library.function(c"cuDeviceGet")?;
        asked("cuDeviceGet", get(&raw mut device, index))?;
        let get: Name = library.function(c"cuDeviceGetName")?;
        asked(
            "cuDeviceGetName",
            get(name.as_mut_ptr(), NAME as c_int - 1, device),
        )?;
        let get: Memory = library.function(c"cuDeviceTotalMem_v2")?;
        asked("cuDeviceTotalMem", get(&raw mut memory, device))?;
        let get: Attribute = library.function(c"cuDeviceGetAttribute")?;
        for (found, which) in capability.iter_mut().zip(COMPUTE_CAPABILITY) {
            asked("cuDeviceGetAttribute", get(found, which, device))?;
        }
        Ok(Card {
            name: CStr::from_ptr(name.as_ptr()).to_string_lossy().into_owned(),
            memory: memory as u64,
            compute_capability: capability.map(c_int::unsigned_abs),
        })
    }
}

/// What tells an accelerator, or a part of one, from every other, whatever number it has here;
/// none where the driver does not say.
pub(crate) fn cuda_device_id(index: usize) -> Option<String> {
    let library = Library::open(c"libcuda.so.1").ok()?;
    let (mut device, mut id) = (0, [0u8; 16]);
    // SAFETY: as in `cuda_driver`; an id has 16 bytes.
    unsafe {
        asked("cuInit", library.function::<Init>(c"cuInit").ok()?(0)).ok()?;
        let get: DeviceOf = library.function(c"cuDeviceGet").ok()?;
        asked("cuDeviceGet", get(&raw mut device, index as c_int)).ok()?;
        let get: Id = library.function(c"cuDeviceGetUuid_v2").ok()?;
        asked("cuDeviceGetUuid", get(&raw mut id, device)).ok()?;
    }
    Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn asked(what: &str, status: Status) -> Result<(), String> {
    match status {
        0 => Ok(()),
        status => Err(format!("{what} answers {status}")),
    }
}

/// The compiler of lawn-core's kernels for CUDA.
///
/// # Errors
/// In words, why there is none.
pub fn cuda_compiler() -> Result<CudaCompiler, String> {
    lawn_core::Backend::cuda_compiler().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With or without a driver: an answer, or the reason for none.
    #[test]
    fn a_driver_describes_its_cards_or_is_not_there() {
        match cuda_driver() {
            Ok(driver) => {
                assert!(driver.cuda[0] >= 10, "{driver:?}");
                assert!(
                    driver.cards.iter().all(|card| card.memory > 1 << 28),
                    "{driver:?}"
                );
            }
            Err(reason) => assert!(!reason.is_empty()),
        }
    }

    #[test]
    fn an_answer_that_is_no_success_is_an_error() {
        assert_eq!(asked("cuInit", 100), Err("cuInit answers 100".to_owned()));
        asked("cuInit", 0).unwrap();
    }
}
