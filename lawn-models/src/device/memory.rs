//! Memory that is left.

use std::ffi::{c_char, c_int, c_void};
use std::path::Path;

use tch::Device;

/// Bytes of host memory that this process can still have, where the system tells.
///
/// This is the least of what the machine has left, of what the process's control group has left,
/// which a cluster sets for each of its jobs, and of the process's own address space (`ulimit -v`).
///
/// What libtorch keeps for later ([`keep_host_memory`](super::keep_host_memory)) is no part of it
/// until it is let go of.
pub(crate) fn available_memory() -> Option<u64> {
    bounded_memory().map(|(bytes, _)| bytes)
}

/// As [`available_memory`], and what the bound is of, to follow the bytes in a sentence.
pub(crate) fn bounded_memory() -> Option<(u64, &'static str)> {
    let bounds = [
        (machine_memory(), "of this machine"),
        (
            group_memory(),
            "within the limit of this process's control group",
        ),
        (
            address_space(),
            "within this process's limit of address space (`ulimit -v`)",
        ),
    ];
    let known = bounds
        .into_iter()
        .filter_map(|(bytes, of)| Some((bytes?, of)));
    known.min_by_key(|(bytes, _)| *bytes)
}

/// Bytes of host memory that a process on this machine can have at the most, whatever others have now,
/// where the system tells: the least of what the machine has, of what the process's control group may
/// have, and of its address space.
pub fn host_memory() -> Option<u64> {
    let limit = "Max address space";
    let of_process = || number_after("/proc/self/limits", limit);
    [machine("MemTotal:"), group("memory.max"), of_process()]
        .into_iter()
        .flatten()
        .min()
}

fn machine_memory() -> Option<u64> {
    machine("MemAvailable:")
}

/// Bytes that `/proc/meminfo` has in a line.
fn machine(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn group_memory() -> Option<u64> {
    Some(group("memory.max")?.saturating_sub(group("memory.current")?))
}

/// What a file of the process's control group says, where that is a number.
fn group(file: &str) -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = Path::new("/sys/fs/cgroup").join(group);
    let text = std::fs::read_to_string(folder.join(file)).ok()?;
    // `memory.max` is a word where there is no limit.
    text.trim().parse().ok()
}

fn address_space() -> Option<u64> {
    let limit = number_after("/proc/self/limits", "Max address space")?;
    let kibibytes = number_after("/proc/self/status", "VmSize:")?;
    Some(limit.saturating_sub(kibibytes * 1024))
}

/// The number that follows a name in a file. A limit that is none is a word.
fn number_after(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Bytes that this process holds of its own: what it has not in common with others of the same
/// program, as the pages of its libraries are.
pub(crate) fn own_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

unsafe extern "C" {
    fn lawn_device_memory(device: c_int, bytes: *mut i64) -> *mut c_char;
    fn lawn_let_go_of_device_memory() -> *mut c_char;
    fn free(memory: *mut c_void);
}

/// Memory of a GPU, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeviceMemory {
    /// Nobody has taken these, no other process either.
    pub(crate) free: u64,
    /// All that it has.
    pub(crate) all: u64,
    /// What libtorch of this process has of it now, for tensors or for later.
    pub(crate) reserved: u64,
    /// The most that it has had.
    pub(crate) peak: u64,
}

/// What a process has on a GPU beside libtorch's tensors, at the most: its context, the handles of
/// cuBLAS and cuDNN.
const CONTEXT: u64 = 1 << 30;

impl DeviceMemory {
    /// That of a GPU; nothing of other devices, and where it is not known.
    pub(crate) fn of(device: Device) -> Option<Self> {
        let Device::Cuda(index) = device else {
            return None;
        };
        let mut bytes = [0; 4];
        // SAFETY: `bytes` has room for the four numbers that are written during the call; a message
        // is a string of C that nobody else has.
        unsafe {
            let message = lawn_device_memory(index as c_int, bytes.as_mut_ptr());
            if !message.is_null() {
                free(message.cast());
                return None;
            }
        }
        let [free, all, reserved, peak] = bytes.map(|one| u64::try_from(one).unwrap_or(0));
        Some(Self {
            free,
            all,
            reserved,
            peak,
        })
    }

    /// What other processes have, at the least.
    pub(crate) fn of_others(self) -> u64 {
        self.all.saturating_sub(self.free + self.reserved + CONTEXT)
    }

    /// What other processes had where so many bytes could not be had, if there would have been room for
    /// them without the others. Where it is not known how many were asked for, others that have a
    /// sixteenth of the device are blamed.
    pub(crate) fn lacked_for_others(self, asked: Option<u64>) -> Option<u64> {
        let others = self.of_others();
        let is_theirs = match asked {
            Some(asked) => asked > self.free && asked <= self.free + others,
            None => others >= self.all / 16,
        };
        (is_theirs && others > 0).then_some(others)
    }
}

/// Bytes of a GPU that nobody has taken; nothing of other devices, and where that is not known.
pub(crate) fn free_device_memory(device: Device) -> Option<u64> {
    DeviceMemory::of(device).map(|memory| memory.free)
}

/// Gives back what a GPU has had for tensors that are gone: trials beside this one can have it. Nothing
/// on other devices.
pub(crate) fn let_go_of_device_memory(device: Device) {
    if device.is_cuda() {
        // SAFETY: it takes nothing; a message is a string of C that nobody else has.
        unsafe { free(lawn_let_go_of_device_memory().cast()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_gpu_has_memory_of_its_own() {
        assert_eq!(free_device_memory(Device::Cpu), None);
        assert!(tch::Cuda::is_available() || free_device_memory(Device::Cuda(0)).is_none());
    }

    #[test]
    fn a_want_is_of_others_where_there_was_room_without_them() {
        const GIB: u64 = 1 << 30;
        let of = |free, reserved| DeviceMemory {
            free: free * GIB,
            all: 80 * GIB,
            reserved: reserved * GIB,
            peak: 0,
        };
        // Alone on the device: the rest is its own context.
        assert_eq!(of(1, 78).of_others(), 0);
        assert_eq!(of(1, 78).lacked_for_others(Some(2 * GIB)), None);
        assert_eq!(of(1, 78).lacked_for_others(None), None);
        // Another has 39.
        let shared = of(1, 39);
        assert_eq!(shared.of_others(), 39 * GIB);
        assert_eq!(shared.lacked_for_others(Some(2 * GIB)), Some(39 * GIB));
        assert_eq!(shared.lacked_for_others(Some(40 * GIB)), Some(39 * GIB));
        assert_eq!(shared.lacked_for_others(None), Some(39 * GIB));
        // The whole device would not have held it, or a limit of its own did not allow it.
        assert_eq!(shared.lacked_for_others(Some(41 * GIB)), None);
        assert_eq!(of(60, 3).lacked_for_others(Some(2 * GIB)), None);
    }

    #[test]
    fn a_machine_tells_how_much_memory_is_left() {
        let left = available_memory().expect("Linux tells");
        assert!(left <= host_memory().expect("Linux tells"));
        assert!((1 << 20..1 << 50).contains(&left), "{left}");
        let block = vec![1u8; 64 << 20];
        let held = own_memory().expect("Linux tells");
        assert!(std::hint::black_box(&block).len() as u64 <= held, "{held}");
    }
}
