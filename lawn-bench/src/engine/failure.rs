//! What a process that left no outcome died of.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::Error;
use crate::Exit;
use crate::plan::Plan;
use crate::run::ending::Ending;
use lawn_analysis::records::Outcome;

/// Bytes of a crashed trial's standard error that its outcome quotes.
const QUOTED: usize = 2000;

/// What libraries say when an allocation fails.
const ALLOCATION_FAILURES: [&str; 4] = [
    "bad_alloc",
    "memory allocation of",
    "can't allocate memory",
    "CUDA out of memory",
];

/// Exit codes, as a shell gives them, that speak of the machine and not of the trial.
///
/// ```text
/// 1, 2      lawn said so; and the loader, where the machine's libc is too old
/// 5         lawn found no room to write to
/// 125       `env` or `timeout` themselves failed
/// 126, 127  the command cannot be executed, is not there, or lacks a library
/// 132       SIGILL: it was built for another processor
/// ```
const OF_THE_MACHINE: [i32; 7] = [1, 2, 5, 125, 126, 127, 132];

/// Whether a trial's process that ended with `code` lacked something that its machine should
/// have. Another machine may do better.
pub(super) fn is_of_the_machine(code: i32) -> bool {
    OF_THE_MACHINE.contains(&code)
}

/// Whether a process that ended with `code` was stopped: in order, or by a signal that came
/// before the process could handle it.
pub(super) fn was_stopped(code: i32) -> bool {
    const STOPPED: [i32; 4] = [129, 130, 138, 143];
    STOPPED.contains(&code)
}

/// How a process ended as a shell says it: the code, or 128 and the number of the signal.
pub(super) fn shell_code(status: ExitStatus) -> Option<i32> {
    let signalled = || Some(128 + status.signal()?);
    status.code().or_else(signalled)
}

/// The error that ends the sweep, where a trial's process ended with a `code` that [says
/// nothing about the trial](is_of_the_machine). `stderr` is what the process wrote.
pub(super) fn of_the_machine(code: i32, plan: &Plan, index: usize, stderr: &str) -> Option<Error> {
    if !is_of_the_machine(code) {
        return None;
    }
    let id = plan.trials[index].id.clone();
    // Lawn's says itself that it is an error.
    let last = last_line(stderr);
    Some(match last.strip_prefix("error: ") {
        said if code == i32::from(Exit::NoRoom.code()) => Error::NoRoom {
            id,
            said: tail(said.unwrap_or(last)).to_owned(),
        },
        Some(said) => Error::Refused {
            id,
            said: tail(said).to_owned(),
        },
        None => {
            let ending = ending(Death::elsewhere(code, stderr).status);
            let said = format!("{ending}; {}", tail(last));
            Error::Refused { id, said }
        }
    })
}

/// The last line of a process, which is its error; other ranks of its trial may end after it.
fn last_line(stderr: &str) -> &str {
    let mut lines = stderr.trim().lines().rev();
    let last = lines.find(|line| !line.starts_with("rank "));
    last.unwrap_or_default()
}

/// What is known of a process that ended without an outcome.
pub(super) struct Death<'a> {
    /// How it ended.
    pub(super) status: ExitStatus,
    /// What it wrote to standard error.
    pub(super) stderr: &'a str,
    /// Whether the launcher killed it.
    pub(super) killed_by_us: bool,
    /// Whether the kernel killed a process for memory while this one ran.
    pub(super) oom_kills: bool,
    /// Most memory that it was seen to hold, bytes, where somebody looked.
    pub(super) peak: Option<u64>,
}

impl<'a> Death<'a> {
    /// The death of a process elsewhere, of which a shell gave the exit code: 128 and the
    /// number of the signal that ended it.
    pub(super) fn elsewhere(code: i32, stderr: &'a str) -> Self {
        let raw = if (129..=192).contains(&code) {
            code - 128
        } else {
            code << 8
        };
        Self {
            status: ExitStatus::from_raw(raw),
            stderr,
            killed_by_us: false,
            oom_kills: false,
            peak: None,
        }
    }

    /// The outcome that this death is: `out-of-memory` with evidence, `crashed` without.
    pub(super) fn outcome(&self) -> Ending {
        let said = tail(self.stderr.trim());
        let ending = ending(self.status);
        let held = self.peak.map_or_else(String::new, |peak| {
            format!("; it held {:.0} MiB", peak as f64 / f64::from(1 << 20))
        });
        if self.status.signal() == Some(signal_hook::consts::SIGKILL)
            && self.oom_kills
            && !self.killed_by_us
        {
            let detail = format!("{ending} by the kernel for memory{held}");
            return Ending::failed(Outcome::OutOfMemory, detail);
        }
        if !self.status.success() && ALLOCATION_FAILURES.iter().any(|words| said.contains(words)) {
            return Ending::failed(Outcome::OutOfMemory, format!("{ending}{held}; {said}"));
        }
        Ending::failed(Outcome::Crashed, format!("{ending}; {said}"))
    }
}

/// "exit code 17" or "signal 9 (SIGKILL)".
pub(super) fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => match signal_hook::low_level::signal_name(signal) {
            Some(name) => format!("signal {signal} ({name})"),
            None => format!("signal {signal}"),
        },
        (None, None) => status.to_string(),
    }
}

pub(crate) fn tail(text: &str) -> &str {
    if text.is_empty() {
        return "nothing on standard error";
    }
    let start = text.len().saturating_sub(QUOTED);
    let start = (start..text.len()).find(|&at| text.is_char_boundary(at));
    &text[start.unwrap_or(text.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KILLED: i32 = 9;
    const ABORTED: i32 = 6;

    fn death(status: i32, stderr: &str) -> Death<'_> {
        Death {
            status: ExitStatus::from_raw(status),
            stderr,
            killed_by_us: false,
            oom_kills: false,
            peak: Some(512 << 20),
        }
    }

    fn said(death: &Death<'_>) -> (Outcome, String) {
        let ending = death.outcome();
        (ending.outcome, ending.detail.unwrap_or_default())
    }

    #[test]
    fn a_death_is_named_by_its_exit_code_or_signal() {
        let (outcome, detail) = said(&death(17 << 8, "no such thing\n"));
        assert_eq!(outcome, Outcome::Crashed);
        assert_eq!(detail, "exit code 17; no such thing");
        let (outcome, detail) = said(&death(KILLED, ""));
        assert_eq!(outcome, Outcome::Crashed);
        assert_eq!(detail, "signal 9 (SIGKILL); nothing on standard error");
        let elsewhere = |code| said(&Death::elsewhere(code, "")).1;
        assert!(elsewhere(17).starts_with("exit code 17;"));
        assert!(elsewhere(137).starts_with("signal 9 (SIGKILL);"));
    }

    #[test]
    fn out_of_memory_needs_evidence() {
        let by_kernel = Death {
            oom_kills: true,
            ..death(KILLED, "")
        };
        let (outcome, detail) = said(&by_kernel);
        assert_eq!(outcome, Outcome::OutOfMemory);
        assert!(detail.contains("512 MiB"), "{detail}");
        let by_us = Death {
            killed_by_us: true,
            ..by_kernel
        };
        assert_eq!(said(&by_us).0, Outcome::Crashed);
        let aborted = death(ABORTED, "terminate called: std::bad_alloc");
        assert_eq!(said(&aborted).0, Outcome::OutOfMemory);
    }

    #[test]
    fn what_other_ranks_say_after_an_error_is_not_the_error() {
        let said = "noise\nerror: no room\nrank 1 ends: rank 0 cannot go on: no room\n";
        assert_eq!(last_line(said), "error: no room");
        assert_eq!(last_line("cannot execute\n"), "cannot execute");
        assert_eq!(last_line(""), "");
    }

    #[test]
    fn only_the_end_of_a_long_text_is_quoted() {
        let text = "é".repeat(QUOTED) + "the end";
        assert!(tail(&text).len() <= QUOTED && tail(&text).ends_with("the end"));
    }
}
