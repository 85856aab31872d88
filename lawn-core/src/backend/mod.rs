//! What computes the steps; nothing here knows a rule or a constraint by its name. A backend
//! is a folder and its line in the list below.

pub(crate) mod choice;
pub(crate) mod clock;
pub(crate) mod interface;
pub(crate) mod kernel;
pub(crate) mod slot;

mod cuda;
mod fused;
mod host;
mod reference;

pub use choice::BackendChoice;
pub(crate) use cuda::taken as taken_by_cuda;

use choice::Circumstances;
use interface::{Backend, Entry, Setup};

/// All backends: the first that suits has all steps of an optimizer.
const BACKENDS: [Entry; 3] = [
    cuda::Cuda::ENTRY,
    fused::Fused::ENTRY,
    reference::Reference::ENTRY,
];

/// The backend of an optimizer.
pub(crate) fn build(circumstances: &Circumstances, setup: Setup<'_>) -> Box<dyn Backend> {
    let entry = BACKENDS.iter().find(|entry| (entry.suits)(circumstances));
    let entry = entry.expect("the reference suits everything");
    (entry.new)(setup)
}

#[cfg(test)]
mod tests {
    use super::*;
    use choice::Forms;

    #[test]
    fn the_first_that_suits_is_taken() {
        use BackendChoice::{Auto, Cuda, Reference};
        use Forms::{All, None, Some};
        const NAMES: [&str; 3] = ["cuda", "fused", "reference"];
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
                has_cuda_kernels,
                optimised,
            };
            let suits = |entry: &Entry| (entry.suits)(&circumstances);
            let found = BACKENDS.iter().position(suits).map(|index| NAMES[index]);
            assert_eq!(found.unwrap(), expected, "{circumstances:?}");
        }
    }
}
