//! A want of memory told from other errors, and what libtorch says of it in one line.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::memory::bounded_memory;

/// How libtorch words it, for the host and for CUDA; the last is of cuBLAS and cuDNN.
const WORDINGS: [&str; 4] = [
    "out of memory",
    "can't allocate memory",
    "bad_alloc",
    "STATUS_ALLOC_FAILED",
];

/// What a text begins with that has been made of such words before.
const SAID: &str = "out of memory: ";

/// Why something could not be carried to its end.
#[derive(Debug)]
pub(crate) enum Failure<E> {
    /// Memory ran out. The text is what was asked for and what was left.
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
    let told_apart = |error: E| match memory_shortage(&error.to_string()) {
        Some(detail) => Failure::OutOfMemory(detail),
        None => Failure::Other(error),
    };
    match catch_unwind(AssertUnwindSafe(|| run().map_err(told_apart))) {
        Ok(result) => result,
        Err(panic) => match message(&*panic).and_then(memory_shortage) {
            Some(detail) => Err(Failure::OutOfMemory(detail)),
            None => resume_unwind(panic),
        },
    }
}

/// What a panic says.
pub(super) fn message(panic: &(dyn Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
}

/// One line of what was asked for and what was left, where a text speaks of a want of memory: a
/// panic's or an error's.
///
/// ```
/// let said = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 \
///             GiB of which 1.23 GiB is free. Including non-PyTorch memory, …";
/// let line = lawn_models::memory_shortage(said).unwrap();
/// assert_eq!(line, "2.00 GiB were asked for, and 1.23 GiB of the 79.11 GiB of GPU 0 were left");
/// assert_eq!(lawn_models::memory_shortage("index 7 is out of bounds"), None);
/// ```
pub fn memory_shortage(text: &str) -> Option<String> {
    let speaks = |line: &&str| WORDINGS.iter().any(|wording| line.contains(wording));
    // A message within a debug print has its line ends escaped.
    let line = text
        .split('\n')
        .flat_map(|line| line.split("\\n"))
        .find(speaks)?;
    Some(
        of_device(line)
            .or_else(|| of_host(line))
            .unwrap_or_else(|| line.trim().trim_start_matches(SAID).to_owned()),
    )
}

/// Of CUDA's allocator.
fn of_device(line: &str) -> Option<String> {
    let asked = between(line, "Tried to allocate ", ". ")?;
    let Some(device) = between(line, "GPU ", " ") else {
        return Some(format!("{asked} of a GPU were asked for"));
    };
    let all = between(line, "total capacity of ", " of which ")?;
    let left = between(line, " of which ", " is free")?;
    Some(format!(
        "{asked} were asked for, and {left} of the {all} of GPU {device} were left"
    ))
}

/// Of that for the host, which does not say what was left.
fn of_host(line: &str) -> Option<String> {
    let asked = between(line, "you tried to allocate ", " bytes")?;
    let asked = bytes(asked.parse().ok()?);
    Some(match bounded_memory() {
        Some((left, bound)) => {
            format!(
                "{asked} were asked for, and {} were left {bound}",
                bytes(left)
            )
        }
        None => format!("{asked} were asked for"),
    })
}

/// Bytes that were asked for, as the line of [`memory_shortage`] says it, where it does.
pub(crate) fn asked_for(line: &str) -> Option<u64> {
    let (said, _) = line.split_once(" were asked for")?;
    let mut words = said.split_whitespace().rev();
    let (unit, value) = (words.next()?, words.next()?.parse::<f64>().ok()?);
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let power = units.iter().position(|one| *one == unit)?;
    Some((value * 1024f64.powi(power as i32)) as u64)
}

/// What stands between two texts.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

/// As libtorch writes them.
pub(super) fn bytes(count: u64) -> String {
    let (mut value, mut unit) = (count as f64, "bytes");
    for larger in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    match unit {
        "bytes" => format!("{count} bytes"),
        unit => format!("{value:.2} {unit}"),
    }
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
    fn what_an_accelerator_says_is_one_line() {
        let long = "Torch(\"CUDA out of memory. Tried to allocate 512.00 MiB. GPU 3 has a total \
                    capacity of 139.81 GiB of which 96.06 MiB is free. Including non-PyTorch \
                    memory, this process has 139.71 GiB memory in use. Of the allocated memory \
                    138.00 GiB is allocated by PyTorch.\\nException raised from malloc at …\")";
        assert_eq!(
            memory_shortage(long).unwrap(),
            "512.00 MiB were asked for, and 96.06 MiB of the 139.81 GiB of GPU 3 were left"
        );
        assert_eq!(asked_for(&memory_shortage(long).unwrap()), Some(512 << 20));
        let short = "CUDA out of memory. Tried to allocate 4.00 GiB. ";
        assert_eq!(
            memory_shortage(short).unwrap(),
            "4.00 GiB of a GPU were asked for"
        );
        assert_eq!(
            asked_for("1.50 KiB were asked for, and 3 bytes were left"),
            Some(1536)
        );
        assert_eq!(asked_for("CUDA error: out of memory"), None);
        // Of cuBLAS or the driver, without numbers.
        let other = "CUDA error: out of memory\nCompile with …";
        assert_eq!(memory_shortage(other).unwrap(), "CUDA error: out of memory");
        // Once is enough.
        let again = memory_shortage("out of memory: 2 bytes were asked for").unwrap();
        assert_eq!(again, "2 bytes were asked for");
        let handle = "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`";
        assert_eq!(memory_shortage(handle).unwrap(), handle);
    }

    #[test]
    fn what_the_host_says_is_one_line() {
        let said = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't \
                    allocate memory: you tried to allocate 4503599627370496 bytes. Error code 12 \
                    (Cannot allocate memory)";
        let line = memory_shortage(said).unwrap();
        assert!(line.starts_with("4.00 PiB were asked for, and "), "{line}");
        assert!(line.contains("iB were left "), "{line}");
        assert_eq!(bytes(1023), "1023 bytes");
        assert_eq!(bytes(1536), "1.50 KiB");
    }
}
