//! Memory: what trials hold, what is left, and whether another trial fits.
//!
//! What a trial will need is not known beforehand; what trials like it held is. The next trial
//! of a cell is expected to reach the most that any trial of the cell was seen to hold. A cell
//! not seen yet is expected to reach the most of any cell. Another trial is started only where
//! the memory available holds what it is expected to need, and what the running ones are still
//! expected to grow by:
//!
//! ```text
//! available − Σ max(0, expected − held)  ≥  expected of the new one
//!             running
//! ```
//!
//! One trial is always run: where it does not fit there is nothing to wait for. The same holds for the
//! memory of each GPU that a trial is to have, beside the trials that run there already.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::plan::Cell;

/// Memory that a process holds, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Resident {
    pub(super) now: u64,
    pub(super) peak: u64,
}

/// What the process `pid` holds; nothing where it is gone or the system does not say.
pub(super) fn resident(pid: u32) -> Resident {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    Resident {
        now: kibibytes(&status, "VmRSS:"),
        peak: kibibytes(&status, "VmHWM:"),
    }
}

/// What the process `pid` and those that it has started hold together.
pub(super) fn resident_with_children(pid: u32) -> Resident {
    let children = children(pid).into_iter().map(resident);
    children.fold(resident(pid), |sum, one| Resident {
        now: sum.now + one.now,
        peak: sum.peak + one.peak,
    })
}

/// The processes that any thread of a process has started.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.into_iter().flatten().flatten();
    let told = tasks.map(|task| fs::read_to_string(task.path().join("children")));
    let told: String = told.map(Result::unwrap_or_default).collect();
    let ids = told.split_whitespace();
    ids.filter_map(|id| id.parse().ok()).collect()
}

/// Memory that a new process can have, bytes: what the machine has left, or less where
/// this process's cgroup allows less. None where the system does not say.
pub(super) fn available() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok()?;
    let machine = kibibytes(&machine, "MemAvailable:");
    let limits = cgroups().into_iter().filter_map(|cgroup| cgroup.left());
    limits.chain([machine]).min()
}

/// How many processes the kernel has killed for memory, here or in this process's cgroup.
pub(super) fn oom_kills() -> u64 {
    let machine = fs::read_to_string("/proc/vmstat").unwrap_or_default();
    let groups = cgroups().into_iter().map(|cgroup| cgroup.oom_kills());
    groups.sum::<u64>() + field(&machine, "oom_kill").unwrap_or(0)
}

/// The number behind `name` in lines of names and kibibytes, in bytes.
fn kibibytes(text: &str, name: &str) -> u64 {
    field(text, name).unwrap_or(0).saturating_mul(1024)
}

fn field(text: &str, name: &str) -> Option<u64> {
    let mut words = text.lines().map(str::split_whitespace);
    let mut line = words.find_map(|mut words| (words.next() == Some(name)).then_some(words))?;
    line.next()?.parse().ok()
}

/// A folder of the kernel's memory controller, of version 1 or 2.
enum Cgroup {
    V1(PathBuf),
    V2(PathBuf),
}

/// The memory cgroups of this process.
fn cgroups() -> Vec<Cgroup> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let root = Path::new("/sys/fs/cgroup");
    text.lines()
        .filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
            if controllers.is_empty() {
                Some(Cgroup::V2(root.join(path)))
            } else if controllers.split(',').any(|name| name == "memory") {
                Some(Cgroup::V1(root.join("memory").join(path)))
            } else {
                None
            }
        })
        .collect()
}

impl Cgroup {
    /// Bytes up to the limit; None where there is none. Cached files count as free.
    fn left(&self) -> Option<u64> {
        let number = |path: PathBuf| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let (limit, used, cached, folder) = match self {
            Self::V1(folder) => (
                number(folder.join("memory.limit_in_bytes"))?,
                number(folder.join("memory.usage_in_bytes"))?,
                "total_inactive_file",
                folder,
            ),
            // Without a limit the file says `max`, which is no number.
            Self::V2(folder) => (
                number(folder.join("memory.max"))?,
                number(folder.join("memory.current"))?,
                "inactive_file",
                folder,
            ),
        };
        let statistics = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
        let cached = field(&statistics, cached).unwrap_or(0);
        Some(limit.saturating_sub(used.saturating_sub(cached)))
    }

    fn oom_kills(&self) -> u64 {
        let file = match self {
            Self::V1(folder) => folder.join("memory.oom_control"),
            Self::V2(folder) => folder.join("memory.events"),
        };
        let text = fs::read_to_string(file).unwrap_or_default();
        field(&text, "oom_kill").unwrap_or(0)
    }
}

/// What a process has on a GPU beside what libtorch says of it: its context, and what libraries keep.
const CONTEXT: u64 = 600 << 20;

/// A trial that runs on GPUs.
pub(super) struct OnDevices<'a> {
    pub(super) cell: &'a Cell,
    /// Which GPUs.
    pub(super) places: Vec<usize>,
    /// What it told that it has had of each, bytes; 0 before it told.
    pub(super) reserved: u64,
}

/// The first of the GPUs at `places` that has no room for another trial of `cell` beside those that
/// run. `free` tells what is left of one, where that is known; `needs` is of GPUs.
pub(super) fn full_device(
    needs: &Needs,
    cell: &Cell,
    places: &[usize],
    running: &[OnDevices<'_>],
    free: impl Fn(usize) -> Option<u64>,
) -> Option<usize> {
    let is_full = |&&place: &&usize| {
        let there = running.iter().filter(|one| one.places.contains(&place));
        let there: Vec<(&Cell, u64)> = there.map(|one| (one.cell, one.reserved)).collect();
        let context = match needs.expected(cell) {
            0 => 0,
            _ => CONTEXT,
        };
        free(place).is_some_and(|free| !needs.fits(cell, &there, free.saturating_sub(context)))
    };
    places.iter().find(is_full).copied()
}

/// What trials were seen to need.
#[derive(Debug, Default)]
pub(super) struct Needs {
    peaks: BTreeMap<Cell, u64>,
}

impl Needs {
    /// Takes note that a trial of `cell` held `peak` bytes.
    pub(super) fn saw(&mut self, cell: &Cell, peak: u64) {
        let known = self.peaks.entry(cell.clone()).or_default();
        *known = peak.max(*known);
    }

    /// What a trial of `cell` is expected to need, bytes; 0 where nothing was seen yet.
    pub(super) fn expected(&self, cell: &Cell) -> u64 {
        let most = || self.peaks.values().max();
        self.peaks.get(cell).or_else(most).copied().unwrap_or(0)
    }

    /// Whether a trial of `cell` fits beside `running` (cell, bytes held) when `available`
    /// bytes are left.
    pub(super) fn fits(&self, cell: &Cell, running: &[(&Cell, u64)], available: u64) -> bool {
        let growth = running
            .iter()
            .map(|(cell, held)| self.expected(cell).saturating_sub(*held));
        running.is_empty() || available.saturating_sub(growth.sum()) >= self.expected(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(batch_size: u64) -> Cell {
        Cell {
            task: "task".into(),
            arm: "arm".into(),
            batch_size,
        }
    }

    #[test]
    fn a_trial_waits_until_what_it_and_the_running_ones_need_is_there() {
        let mut needs = Needs::default();
        let (small, large) = (cell(1), cell(2));
        assert!(needs.fits(&small, &[(&small, 50)], 0), "nothing is known");
        needs.saw(&small, 100);
        needs.saw(&large, 400);
        needs.saw(&large, 300);
        assert_eq!(needs.expected(&large), 400);
        assert_eq!(needs.expected(&cell(3)), 400, "unseen: the most of any");
        // The running one holds 250 of its 400: 150 are spoken for.
        assert!(needs.fits(&small, &[(&large, 250)], 250));
        assert!(!needs.fits(&small, &[(&large, 250)], 249));
        assert!(needs.fits(&large, &[], 0), "one trial always runs");
    }

    #[test]
    fn a_trial_waits_for_the_memory_of_its_own_gpu() {
        const GIB: u64 = 1 << 30;
        let mut needs = Needs::default();
        let one = cell(1);
        let running = |places: &[usize], reserved| OnDevices {
            cell: &one,
            places: places.to_vec(),
            reserved,
        };
        let free = |place: usize| [Some(30 * GIB), Some(70 * GIB), None].get(place).copied()?;
        // Nothing is known of what trials need.
        let beside = [running(&[0], 0)];
        assert_eq!(full_device(&needs, &one, &[0], &beside, free), None);
        needs.saw(&one, 20 * GIB);
        // The one that runs there will take the other 20.
        assert_eq!(full_device(&needs, &one, &[0], &beside, free), Some(0));
        let grown = [running(&[0], 20 * GIB)];
        assert_eq!(full_device(&needs, &one, &[0], &grown, free), None);
        // Another's GPU is no matter, and one is always run.
        assert_eq!(full_device(&needs, &one, &[1], &beside, free), None);
        needs.saw(&one, 60 * GIB);
        assert_eq!(full_device(&needs, &one, &[0], &[], free), None);
        assert_eq!(full_device(&needs, &one, &[0], &grown, free), Some(0));
        // Of two GPUs the one that has no room; where nothing is told, all goes on.
        let both = [running(&[0, 1], 60 * GIB)];
        assert_eq!(full_device(&needs, &one, &[1, 0], &both, free), Some(0));
        assert_eq!(full_device(&needs, &one, &[2], &both, free), None);
        // A context needs room, too.
        let tight = |_| Some(60 * GIB);
        assert_eq!(full_device(&needs, &one, &[0], &both, tight), Some(0));
    }

    #[test]
    fn the_system_says_what_this_process_holds_and_what_is_left() {
        let held = resident(std::process::id());
        assert!(held.now > 0 && held.peak >= held.now);
        assert!(available().expect("this is Linux") > 0);
        assert_eq!(resident(u32::MAX), Resident::default());
        // With a rank that a process has started, both count.
        let own = std::process::id();
        let mut sleeps = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep is there");
        let child = sleeps.id();
        assert!(children(own).contains(&child));
        let since = std::time::Instant::now();
        while resident(child).now == 0 && since.elapsed().as_secs() < 10 {
            std::thread::yield_now();
        }
        let (both, first) = (resident_with_children(own), resident(own));
        assert!(both.peak >= first.peak + resident(child).now, "{both:?}");
        assert!(resident(child).now > 0);
        sleeps.kill().expect("it is ours");
        sleeps.wait().expect("it ends");
    }

    #[test]
    fn counters_are_found_by_their_whole_name() {
        let events = "low 0\noom 3\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(field(events, "oom_kill"), Some(2));
        assert_eq!(field("MemAvailable:   12 kB\n", "MemAvailable:"), Some(12));
        assert_eq!(field(events, "oom_kil"), None);
    }
}
