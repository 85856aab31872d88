//! Memory that is left, and what a panic says of memory that was not.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

/// How libtorch words it, for the host and for CUDA.
const WORDINGS: [&str; 3] = ["out of memory", "can't allocate memory", "bad_alloc"];

/// Why something could not be carried to its end.
#[derive(Debug)]
pub(crate) enum Failure<E> {
    /// Memory ran out. The text is what libtorch said.
    OutOfMemory(String),
    /// Anything else.
    Other(E),
}

/// Tells a want of memory from every other error.
///
/// The tensor operations panic on an error of libtorch. Only a want of memory says
/// something about the setting rather than about the program; every other panic
/// goes on. State that the panic broke is dropped with the closure.
pub(crate) fn catch_out_of_memory<T, E: Display>(
    run: impl FnOnce() -> Result<T, E>,
) -> Result<T, Failure<E>> {
    let told_apart = |error: E| match out_of_memory(&error.to_string()) {
        Some(detail) => Failure::OutOfMemory(detail),
        None => Failure::Other(error),
    };
    match catch_unwind(AssertUnwindSafe(|| run().map_err(told_apart))) {
        Ok(result) => result,
        Err(panic) => match message(&*panic).and_then(out_of_memory) {
            Some(detail) => Err(Failure::OutOfMemory(detail)),
            None => resume_unwind(panic),
        },
    }
}

/// Bytes of host memory that this process can still have, where the system tells.
///
/// This is the least of what the machine has left and of what the process's control
/// group has left, which a cluster sets for each of its jobs.
///
/// What libtorch keeps for later ([`keep_host_memory`](super::keep_host_memory)) is no part of it
/// until it is let go of.
pub(crate) fn available_memory() -> Option<u64> {
    [machine_memory(), group_memory()]
        .into_iter()
        .flatten()
        .min()
}

fn machine_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn group_memory() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = Path::new("/sys/fs/cgroup").join(group);
    let number = |file: &str| -> Option<u64> {
        let text = std::fs::read_to_string(folder.join(file)).ok()?;
        // `memory.max` is a word where there is no limit.
        text.trim().parse().ok()
    };
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
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
        let found = catch_out_of_memory(|| {
            Ok::<_, String>(Tensor::empty([1 << 50], (Kind::Float, Device::Cpu)).size())
        });
        assert!(matches!(found, Err(Failure::OutOfMemory(_))), "{found:?}");
    }

    #[test]
    fn another_panic_goes_on() {
        let caught = catch_unwind(|| catch_out_of_memory::<(), String>(|| panic!("broken")));
        assert_eq!(message(&*caught.unwrap_err()), Some("broken"));
    }

    #[test]
    fn a_machine_tells_how_much_memory_is_left() {
        let left = available_memory().expect("Linux tells");
        assert!((1 << 20..1 << 50).contains(&left), "{left}");
    }
}
