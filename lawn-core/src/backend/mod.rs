//! What computes the steps; nothing here knows a rule or a constraint by its name. A backend
//! is a folder and its line in the list below.

pub(crate) mod choice;
pub(crate) mod clock;
pub(crate) mod interface;
pub(crate) mod kernel;
pub(crate) mod slot;

mod fused;
mod host;
mod multi_tensor;
mod reference;

pub use choice::BackendChoice;

use choice::Circumstances;
use interface::{Backend, Entry, Setup};

/// All backends: the first that suits has all steps of an optimizer.
const BACKENDS: [Entry; 3] = [
    multi_tensor::MultiTensor::ENTRY,
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
    fn without_optimisation_auto_takes_the_operations_of_libtorch() {
        use BackendChoice::{Auto, MultiTensor, Reference};
        use Forms::{All, None, Some};
        const NAMES: [&str; 3] = ["multi_tensor", "fused", "reference"];
        for (choice, forms, on_cuda, optimised, expected) in [
            (Auto, All, false, true, "fused"),
            (Auto, All, false, false, "reference"),
            (Auto, All, true, true, "multi_tensor"),
            (Auto, All, true, false, "multi_tensor"),
            (Auto, None, false, true, "reference"),
            (Auto, Some, false, true, "fused"),
            (Auto, Some, true, true, "fused"),
            (MultiTensor, Some, true, true, "reference"),
            (Auto, None, true, true, "reference"),
            (MultiTensor, All, false, true, "multi_tensor"),
            (MultiTensor, All, false, false, "multi_tensor"),
            (MultiTensor, None, false, true, "reference"),
            (Reference, All, true, true, "reference"),
        ] {
            let circumstances = Circumstances {
                choice,
                forms,
                common: true,
                on_cuda,
                optimised,
            };
            let suits = |entry: &Entry| (entry.suits)(&circumstances);
            let found = BACKENDS.iter().position(suits).map(|index| NAMES[index]);
            assert_eq!(found.unwrap(), expected, "{circumstances:?}");
        }
    }
}
