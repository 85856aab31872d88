//! What libtorch promises about the same operation done twice, by `cpp/determinism.cpp`.

use serde::{Deserialize, Serialize};

unsafe extern "C" {
    fn lawn_determinism(algorithms: *mut bool, cudnn: *mut bool, benchmark: *mut bool);
}

/// The switches of libtorch that decide whether an operation on an accelerator gives the same
/// bits each time. On the CPU its operations do so anyway, for one number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Determinism {
    /// Operations without a deterministic algorithm fail, the others use theirs.
    pub algorithms: bool,
    /// cuDNN uses deterministic algorithms alone.
    pub cudnn: bool,
    /// cuDNN measures which of its algorithms is fastest, and may choose another each time.
    pub cudnn_benchmark: bool,
}

impl Determinism {
    /// How the switches of this process stand.
    #[must_use]
    pub fn of_this_process() -> Self {
        let [algorithms, cudnn, cudnn_benchmark] = switches();
        Self {
            algorithms,
            cudnn,
            cudnn_benchmark,
        }
    }
}

/// Whether libtorch uses deterministic algorithms, cuDNN does, and cuDNN measures which of
/// its algorithms is fastest.
fn switches() -> [bool; 3] {
    let [mut algorithms, mut cudnn, mut benchmark] = [false; 3];
    // SAFETY: the three are valid to write to for as long as the call takes.
    unsafe { lawn_determinism(&raw mut algorithms, &raw mut cudnn, &raw mut benchmark) };
    [algorithms, cudnn, benchmark]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_those_of_libtorch() {
        let before = Determinism::of_this_process();
        tch::Cuda::cudnn_set_benchmark(!before.cudnn_benchmark);
        let after = Determinism::of_this_process();
        tch::Cuda::cudnn_set_benchmark(before.cudnn_benchmark);
        assert_eq!(after.cudnn_benchmark, !before.cudnn_benchmark);
        assert_eq!(Determinism::of_this_process(), before);
    }
}
