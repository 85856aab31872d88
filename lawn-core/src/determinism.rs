//! What libtorch promises about the same operation done twice.

use serde::{Deserialize, Serialize};

use crate::extension;

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
        let [algorithms, cudnn, cudnn_benchmark] = extension::determinism();
        Self {
            algorithms,
            cudnn,
            cudnn_benchmark,
        }
    }
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
