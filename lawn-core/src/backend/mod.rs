//! What computes the steps; nothing here knows a rule or a constraint by its name. A backend
//! is a folder and its line in the list below.

pub(crate) mod choice;
pub(crate) mod clock;
pub(crate) mod interface;
pub(crate) mod kernel;
pub(crate) mod launches;
pub(crate) mod slot;

mod cuda;
mod fused;
mod host;
mod reference;

pub use choice::BackendChoice;
pub(crate) use cuda::taken as taken_by_cuda;
pub use cuda::{CudaCompiler, DeviceCode, EmulatedGraph};
pub use launches::{StepLaunches, StepUnderWay, Uncapturable};

use choice::Circumstances;
use interface::{Backend, Entry, Setup};

/// All backends: the first that suits has all steps of an optimizer.
const BACKENDS: [Entry; 3] = [
    cuda::Cuda::ENTRY,
    fused::Fused::ENTRY,
    reference::Reference::ENTRY,
];

/// What takes the steps of an optimizer, and why it is not the kernels of CUDA.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChosenBackend {
    /// `cuda`, `fused` or `reference`.
    pub name: &'static str,
    /// Why the kernels of CUDA take no parameter, in one line, where they were asked for or a parameter
    /// is on CUDA: what they do not compute, or what the compiler or the driver said.
    pub without_cuda_kernels: Option<String>,
}

/// The backend of an optimizer.
pub(crate) fn build(
    circumstances: &Circumstances,
    setup: Setup<'_>,
) -> (ChosenBackend, Box<dyn Backend>) {
    let entry = BACKENDS.iter().find(|entry| (entry.suits)(circumstances));
    let entry = entry.expect("the reference suits everything");
    let chosen = ChosenBackend {
        name: entry.name,
        without_cuda_kernels: circumstances.cuda_kernels.clone().err(),
    };
    (chosen, (entry.new)(setup))
}

#[cfg(test)]
mod tests {
    use super::*;
    use choice::Forms;

    #[test]
    fn the_first_that_suits_is_taken() {
        use BackendChoice::{Auto, Cuda, Reference};
        use Forms::{All, None, Some};
        for (choice, forms, on_cuda, has_cuda_kernels, optimised, expected) in [
            (Auto, All, false, true, true, "fused"),
            (Auto, All, false, true, false, "reference"),
            (Auto, All, true, true, true, "cuda"),
            (Auto, All, true, true, false, "cuda"),
            (Auto, All, true, false, false, "reference"),
            (Auto, None, false, true, true, "reference"),
            (Auto, Some, false, true, true, "fused"),
            (Auto, Some, true, true, true, "cuda"),
            (Auto, None, true, true, true, "reference"),
            (Cuda, Some, true, true, true, "cuda"),
            (Cuda, All, false, true, true, "cuda"),
            (Cuda, All, true, false, true, "reference"),
            (Cuda, None, false, true, true, "reference"),
            (Reference, All, true, true, true, "reference"),
        ] {
            let circumstances = Circumstances {
                choice,
                forms,
                on_cuda,
                cuda_kernels: has_cuda_kernels.then_some(()).ok_or("why".to_owned()),
                optimised,
            };
            let found = BACKENDS.iter().find(|entry| (entry.suits)(&circumstances));
            assert_eq!(found.unwrap().name, expected, "{circumstances:?}");
        }
    }
}
