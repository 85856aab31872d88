//! The same bits each time on an accelerator, by `cpp/determinism.cpp`.

use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;

unsafe extern "C" {
    fn lawn_begin_deterministic() -> *mut c_void;
    fn lawn_not_deterministic(region: *mut c_void) -> *mut c_char;
    fn lawn_end_deterministic(region: *mut c_void);
    fn free(memory: *mut c_void);
}

/// A region in which libtorch's operations on accelerators give the same bits each time, until it
/// is dropped.
///
/// libtorch takes its deterministic algorithms, cuDNN does and measures none, cuBLAS has a workspace
/// of its own. The switches are those of the process. On the CPU operations give the same bits
/// anyway, for one number of threads.
///
/// An operation that has no such algorithm is computed nevertheless:
/// [`operations`](Self::operations) names it. A trial does so by itself where it is
/// [`deterministic`](crate::TrialContext::deterministic).
#[derive(Debug)]
pub struct Deterministic {
    region: *mut c_void,
    /// Warnings are heard in the thread that began it.
    _of_this_thread: PhantomData<*const ()>,
}

impl Deterministic {
    /// Begins a region. It comes before other threads read the environment, and before cuBLAS is
    /// used: that it is to repeat itself is told it there.
    #[must_use]
    pub fn begin() -> Self {
        // SAFETY: it takes nothing, and what it gives is freed once, by `drop`, in this thread. The
        // environment is written to under libc's lock, where nobody has set it.
        let region = unsafe { lawn_begin_deterministic() };
        Self {
            region,
            _of_this_thread: PhantomData,
        }
    }

    /// The operations so far that have no deterministic algorithm, by libtorch's names.
    #[must_use]
    pub fn operations(&self) -> Vec<String> {
        // SAFETY: the region is there until `drop`; the text is a string of C that nobody else has,
        // and is copied before it is freed.
        let text = unsafe {
            let lines = lawn_not_deterministic(self.region);
            let text = CStr::from_ptr(lines).to_string_lossy().into_owned();
            free(lines.cast());
            text
        };
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Deterministic {
    fn drop(&mut self) {
        // SAFETY: it is of `lawn_begin_deterministic`, and ended once, in the thread that began it.
        unsafe { lawn_end_deterministic(self.region) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lawn_core::Determinism;
    use tch::{Device, Kind, Tensor};

    use super::super::CudnnMeasuring;

    #[test]
    fn a_region_has_all_switches_and_ends() {
        let before = Determinism::of_this_process();
        assert!(!before.cudnn_benchmark);
        // Switches are those of the process: one test has all that are set anywhere.
        for (device, deterministic, measures) in [
            (Device::Cuda(0), false, true),
            (Device::Cuda(0), true, false),
            // It is no matter there, and others may be at it.
            (Device::Cpu, false, true),
        ] {
            let outer = CudnnMeasuring::of_training(Device::Cuda(0), false);
            let inner = CudnnMeasuring::of_training(device, deterministic);
            let found = Determinism::of_this_process().cudnn_benchmark;
            assert_eq!(found, measures, "{device:?}");
            drop(inner);
            assert!(Determinism::of_this_process().cudnn_benchmark);
            drop(outer);
            assert_eq!(Determinism::of_this_process(), before);
        }
        {
            let region = Deterministic::begin();
            let measuring = CudnnMeasuring::of_training(Device::Cuda(0), true);
            let within = Determinism {
                algorithms: true,
                cudnn: true,
                cudnn_benchmark: false,
            };
            assert_eq!(Determinism::of_this_process(), within);
            assert!(region.operations().is_empty());
            assert!(std::env::var_os("CUBLAS_WORKSPACE_CONFIG").is_some());

            // The CPU has operations without such an algorithm, too.
            let values = Tensor::zeros([4], (Kind::Float, Device::Cpu));
            let twice = Tensor::from_slice(&[1i64, 1]);
            let mut target = values.copy();
            let _ = target.put_(&twice, &Tensor::from_slice(&[1f32, 2.0]), false);
            assert_eq!(region.operations(), ["put_"]);
            drop(measuring);
            assert_eq!(Determinism::of_this_process(), within);
        }
        assert_eq!(Determinism::of_this_process(), before);
    }
}
