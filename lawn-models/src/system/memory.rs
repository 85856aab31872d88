use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::trainer::TrialError;

/// How libtorch words it, for the host and for CUDA.
const WORDINGS: [&str; 3] = ["out of memory", "can't allocate memory", "bad_alloc"];

/// Turns a panic for want of memory into its own error.
///
/// The tensor operations panic on an error of libtorch. Only this one says
/// something about the setting rather than about the program; every other panic
/// goes on. State that the panic broke is dropped with the closure.
pub(crate) fn catch_out_of_memory<T>(
    run: impl FnOnce() -> Result<T, TrialError>,
) -> Result<T, TrialError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Err(error)) => Err(match out_of_memory(&error.to_string()) {
            Some(detail) => TrialError::OutOfMemory { detail },
            None => error,
        }),
        Ok(Ok(value)) => Ok(value),
        Err(panic) => match message(&*panic).and_then(out_of_memory) {
            Some(detail) => Err(TrialError::OutOfMemory { detail }),
            None => resume_unwind(panic),
        },
    }
}

fn message(panic: &(dyn Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
}

/// The line that speaks of memory, if one does.
fn out_of_memory(text: &str) -> Option<String> {
    let speaks = |line: &&str| WORDINGS.iter().any(|wording| line.contains(wording));
    // A message within a debug print has its line ends escaped.
    text.split(['\n'])
        .flat_map(|line| line.split("\\n"))
        .find(speaks)
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn an_impossible_tensor_is_out_of_memory() {
        let found =
            catch_out_of_memory(|| Ok(Tensor::empty([1 << 50], (Kind::Float, Device::Cpu)).size()));
        assert!(
            matches!(found, Err(TrialError::OutOfMemory { .. })),
            "{found:?}"
        );
    }

    #[test]
    fn another_panic_goes_on() {
        let caught = catch_unwind(|| catch_out_of_memory::<()>(|| panic!("broken")));
        assert_eq!(message(&*caught.unwrap_err()), Some("broken"));
    }
}
