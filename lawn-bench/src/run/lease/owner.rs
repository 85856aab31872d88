//! Who holds a lease: a process, told apart from every other on any machine.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A process on a machine.
///
/// A process number alone is not enough: numbers are given again, on this machine after a while
/// and on another at once. Boot, namespace and start time make it unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Name of the machine, for people.
    pub host: String,
    /// Number of the process.
    pub pid: u32,
    /// Boot of the machine and namespace that the number belongs to, where the system tells.
    pub space: Option<String>,
    /// When the process started, in the kernel's ticks since the boot.
    pub started: Option<u64>,
}

/// What can be known of a process from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It runs on this machine.
    Alive,
    /// It ran on this machine and is gone.
    Dead,
    /// It runs, or ran, where this process cannot look.
    Unknown,
}

impl Owner {
    /// This process.
    #[must_use]
    pub fn this_process() -> Self {
        let pid = std::process::id();
        Self {
            host: host(),
            pid,
            space: space(),
            started: started(pid),
        }
    }

    /// Whether the process still runs, as far as this process can know.
    #[must_use]
    pub fn life(&self) -> Life {
        let (Some(space), Some(started_then)) = (&self.space, self.started) else {
            return Life::Unknown;
        };
        if self::space().as_ref() != Some(space) {
            return Life::Unknown;
        }
        if started(self.pid) == Some(started_then) {
            Life::Alive
        } else {
            Life::Dead
        }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

/// Name of this machine.
#[must_use]
pub fn host() -> String {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    if name.is_empty() {
        "unknown".into()
    } else {
        name
    }
}

/// Boot and namespace of process numbers here; None where the system has no /proc.
fn space() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// Start of the process `pid` in ticks since the boot; None where it is gone, or dead
/// and only waiting for its parent.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // The name in parentheses may hold anything, spaces and parentheses too.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    // Field 22 of proc_pid_stat(5); the state is field 3.
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_one_that_is_gone_and_from_one_with_its_number() {
        let this = Owner::this_process();
        assert_eq!(this.life(), Life::Alive);

        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep starts");
        let other = Owner {
            pid: child.id(),
            started: started(child.id()),
            ..this.clone()
        };
        assert_eq!(other.life(), Life::Alive);
        child.kill().expect("it runs");
        while other.life() == Life::Alive {
            std::thread::yield_now();
        }
        // Dead although nobody has waited for it yet.
        assert_eq!(other.life(), Life::Dead);
        child.wait().expect("it was killed");

        let reused = Owner {
            started: this.started.map(|ticks| ticks + 1),
            ..this.clone()
        };
        assert_eq!(reused.life(), Life::Dead);
        let elsewhere = Owner {
            space: Some("another boot".into()),
            ..this
        };
        assert_eq!(elsewhere.life(), Life::Unknown);
    }
}
