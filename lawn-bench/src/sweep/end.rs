//! How a sweep came to its end.

use std::path::PathBuf;

/// How a sweep came to its end.
#[derive(Debug)]
pub enum End {
    /// Every trial is over; the report is in this directory.
    Finished {
        /// The report.
        report: lawn_analysis::ReportFiles,
        /// Trials whose outcome is not `ok`.
        failed: usize,
        /// Trials that `--only` did not ask for, and that are left to be run.
        left: usize,
    },
    /// Nothing was run: this would be.
    Described(String),
    /// A scheduler goes on with the trials.
    HandedOver {
        /// The run whose status tells.
        run: PathBuf,
    },
    /// Stopped by a signal; the same command goes on.
    Stopped {
        /// The run to go on with.
        run: PathBuf,
    },
}
