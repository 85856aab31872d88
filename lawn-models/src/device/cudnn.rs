//! Whether cuDNN measures its algorithms, by `cpp/determinism.cpp`.

use tch::Device;

unsafe extern "C" {
    fn lawn_measure_cudnn(measures: bool) -> bool;
}

/// A region in which cuDNN times its algorithms for each new shape and takes the fastest, as
/// `torch.backends.cudnn.benchmark` has it, or in which it does not; until it is dropped.
///
/// What is fastest may differ from one time to another, and with it the last bits of a result. The
/// switch is that of the process.
#[derive(Debug)]
pub struct CudnnMeasuring {
    /// How the switch was, where it was set.
    before: Option<bool>,
}

impl CudnnMeasuring {
    /// For training on CUDA: on where bits need not repeat, off otherwise. Of other devices it is no
    /// matter.
    #[must_use]
    pub fn of_training(device: Device, deterministic: bool) -> Self {
        let measures = measures(device, deterministic);
        // SAFETY: it takes and gives a switch of libtorch.
        let set = || unsafe { lawn_measure_cudnn(measures) };
        Self {
            before: device.is_cuda().then(set),
        }
    }
}

/// Whether training on a device has cuDNN measure.
pub(crate) fn measures(device: Device, deterministic: bool) -> bool {
    device.is_cuda() && !deterministic
}

impl Drop for CudnnMeasuring {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            // SAFETY: as in `of_training`.
            unsafe { lawn_measure_cudnn(before) };
        }
    }
}
