//! Which signals this process acts on.

/// Those of `signals` that this process was not started to ignore: `nohup`, a shell's `trap ''`
/// and `&` promise that a signal does nothing, and that holds for what they start.
pub(crate) fn heeded(signals: &[i32]) -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored(&status);
    let is_heeded = |signal: &&i32| ignored & bit(**signal) == 0;
    signals.iter().filter(is_heeded).copied().collect()
}

/// The set of ignored signals in the text of `/proc/PID/status`; none where it does not say.
fn ignored(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        .unwrap_or(0)
}

/// The place of a signal in a set: they count from 1.
fn bit(signal: i32) -> u64 {
    u32::try_from(signal - 1)
        .ok()
        .and_then(|place| 1_u64.checked_shl(place))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    use super::*;

    #[test]
    fn the_set_of_ignored_signals_is_read_bit_by_bit() {
        let status = "Name:\tlawn\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001003\n";
        let held = [SIGHUP, SIGINT, SIGTERM, 13].map(|signal| ignored(status) & bit(signal) != 0);
        assert_eq!(held, [true, true, false, true]);
        assert_eq!(ignored("Name:\tlawn\n"), 0);
    }
}
