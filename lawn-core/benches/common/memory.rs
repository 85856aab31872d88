//! What a piece of work takes of memory while it runs.

use std::fs;
use std::io;

/// Bytes by which the memory that this process occupies grew at most while `work` ran.
///
/// # Errors
///
/// Where the system is not a Linux that tells.
pub(crate) fn extra_bytes(work: impl FnOnce()) -> io::Result<u64> {
    // 5 makes the kernel forget the peak so far.
    fs::write("/proc/self/clear_refs", "5")?;
    let before = status("VmRSS:")?;
    work();
    Ok(status("VmHWM:")?.saturating_sub(before))
}

/// A size in this process's status, in bytes.
fn status(field: &str) -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let kibibytes = text
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes
        .map(|n| n << 10)
        .ok_or_else(|| io::Error::other(format!("/proc/self/status has no {field}")))
}
