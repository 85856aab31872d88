//! The exit codes of the `lawn` command: the one place where they are decided and described.

use std::process::ExitCode;

/// Why the command ends as it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok,
    /// Something failed, and was said.
    Failed,
    /// The command line, the sweep file, the directory or its data are wrong.
    Usage,
    /// The work is done, and some trials failed.
    TrialsFailed,
    /// `lawn trial` found the trial held by a living process.
    Held,
    /// There is no room to write to; the same command goes on.
    NoRoom,
    /// More trials failed than `--max-failures` allows.
    TooManyFailed,
    /// `lawn diff`: the runs differ.
    Differ,
    /// Stopped by a signal; the same command goes on.
    Stopped,
}

impl Exit {
    /// Every way to end.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::TrialsFailed,
        Self::Held,
        Self::NoRoom,
        Self::TooManyFailed,
        Self::Differ,
        Self::Stopped,
    ];

    /// The number that the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::TrialsFailed => 3,
            Self::Held => 4,
            Self::NoRoom => 5,
            Self::TooManyFailed => 6,
            Self::Differ => 7,
            Self::Stopped => 130,
        }
    }

    /// What the number says.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "all is well",
            Self::Failed => "something failed, and was said",
            Self::Usage => "the command line, the sweep file, the directory or its data are wrong",
            Self::TrialsFailed => "the sweep or trial is over, and trials failed",
            Self::Held => "`lawn trial`: a living process holds the trial",
            Self::NoRoom => "no room to write to; make some, the same command goes on",
            Self::TooManyFailed => {
                "more trials failed than --max-failures allows, and it was stopped"
            }
            Self::Differ => "`lawn diff`: the runs differ",
            Self::Stopped => "stopped by a signal; the same command goes on",
        }
    }

    /// The table of `lawn --help`.
    pub(crate) fn table() -> String {
        let lines = Self::ALL.map(|exit| format!("  {:>3}  {}\n", exit.code(), exit.meaning()));
        format!("Exit codes:\n{}", lines.concat())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
