//! Whether the host has the memory for the parameters of a net.

use std::fmt;

use tch::Device;

use super::memory::available_memory;
use super::shortage::bytes;

/// Bytes of a parameter's element, f32.
const ELEMENT: i64 = 4;

/// Parameters that are more than the memory that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom {
    elements: i64,
    left: u64,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = u64::try_from(self.elements.saturating_mul(ELEMENT)).unwrap_or(0);
        write!(
            f,
            "{} were asked for, and {} were left: the net has {} parameters",
            bytes(asked),
            bytes(self.left),
            self.elements
        )
    }
}

/// Refuses a net of so many elements on the host before the first of its tables is made: the system
/// gives memory that it does not have, and ends whoever writes to it. Other devices say it themselves.
pub(crate) fn require_room(elements: i64, device: Device) -> Result<(), NoRoom> {
    let left = available_memory().filter(|_| device == Device::Cpu);
    match left {
        Some(left) if elements.saturating_mul(ELEMENT).cast_unsigned() > left => {
            Err(NoRoom { elements, left })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_host_has_is_refused_with_its_bytes() {
        let refused = require_room(1 << 48, Device::Cpu).unwrap_err().to_string();
        assert!(
            refused.starts_with("1.00 PiB were asked for, and "),
            "{refused}"
        );
        assert!(
            refused.ends_with("the net has 281474976710656 parameters"),
            "{refused}"
        );
        assert_eq!(super::super::asked_for(&refused), Some(1 << 50));
        require_room(1 << 10, Device::Cpu).unwrap();
        require_room(1 << 48, Device::Cuda(0)).unwrap();
        assert!(require_room(i64::MAX, Device::Cpu).is_err());
    }
}
