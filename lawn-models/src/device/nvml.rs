//! What is left of a GPU's memory, as NVML tells it: a process that only asks needs no context there.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::OnceLock;

use super::driver::cuda_device_id;
use super::libtorch::Library;

type Status = c_int;
type Device = *mut c_void;
type Init = unsafe extern "C" fn() -> Status;
type ByUuid = unsafe extern "C" fn(*const c_char, *mut Device) -> Status;
/// Of all, those that are free, those that are taken; bytes.
type MemoryInfo = unsafe extern "C" fn(Device, *mut [u64; 3]) -> Status;

/// The functions of NVML that are called here.
struct Nvml {
    by_uuid: ByUuid,
    memory: MemoryInfo,
    _library: Library,
}

// SAFETY: NVML may be called from any thread.
unsafe impl Send for Nvml {}
// SAFETY: as above.
unsafe impl Sync for Nvml {}

impl Nvml {
    fn get() -> Option<&'static Self> {
        static NVML: OnceLock<Option<Nvml>> = OnceLock::new();
        NVML.get_or_init(Self::open).as_ref()
    }

    fn open() -> Option<Self> {
        let library = Library::open(c"libnvidia-ml.so.1").ok()?;
        // SAFETY: these are the types that nvml.h gives the functions.
        unsafe {
            let init: Init = library.function(c"nvmlInit_v2").ok()?;
            let nvml = Self {
                by_uuid: library.function(c"nvmlDeviceGetHandleByUUID").ok()?,
                memory: library.function(c"nvmlDeviceGetMemoryInfo").ok()?,
                _library: library,
            };
            (init() == 0).then_some(nvml)
        }
    }

    /// Free bytes of the device of a name.
    fn free(&self, name: &CStr) -> Option<u64> {
        let (mut device, mut memory) = (std::ptr::null_mut(), [0; 3]);
        // SAFETY: the name has an end, and what is written to is there during the calls.
        unsafe {
            let found = (self.by_uuid)(name.as_ptr(), &raw mut device) == 0;
            let told = found && (self.memory)(device, &raw mut memory) == 0;
            told.then_some(memory[1])
        }
    }
}

/// Bytes of the GPU that this process knows by a number which nobody has taken; nothing where NVML does
/// not tell. `CUDA_VISIBLE_DEVICES` and the order of CUDA are taken into account: the device is found by
/// the driver's identity of it.
#[must_use]
pub fn gpu_memory_left(index: usize) -> Option<u64> {
    let id = cuda_device_id(index)?;
    let nvml = Nvml::get()?;
    names(&id).iter().find_map(|name| nvml.free(name))
}

/// What NVML may call the device of these 16 bytes in hexadecimal digits: whole, or a part of one.
fn names(id: &str) -> Vec<CString> {
    let cuts = [0, 8, 12, 16, 20, 32];
    let parts: Vec<&str> = (cuts.windows(2))
        .filter_map(|cut| id.get(cut[0]..cut[1]))
        .collect();
    let id = parts.join("-");
    let named = ["GPU", "MIG"].map(|kind| CString::new(format!("{kind}-{id}")));
    named.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_as_nvidia_smi_does() {
        let found = names("8f3e5c1a00112233445566778899aabb");
        assert_eq!(
            found[0].to_str(),
            Ok("GPU-8f3e5c1a-0011-2233-4455-66778899aabb")
        );
        assert_eq!(
            found[1].to_str(),
            Ok("MIG-8f3e5c1a-0011-2233-4455-66778899aabb")
        );
    }

    #[test]
    fn without_a_device_nothing_is_told() {
        assert_eq!(gpu_memory_left(1 << 20), None);
    }
}
