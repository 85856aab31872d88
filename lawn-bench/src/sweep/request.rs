//! What a launch of a sweep is asked for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::engine::{EngineName, Limit};
use crate::plan::Plan;
use crate::process::shell;
use crate::sweep::on_end::{OnEnd, SECONDS};
use crate::sweep::progress::Show;

/// What to sweep, and with what.
#[derive(Debug, Clone)]
pub struct Request {
    /// A sweep file, or the directory of a run to go on with.
    pub target: PathBuf,
    /// Values set over a sweep file, as `KEY.KEY=VALUE`.
    pub sets: Vec<String>,
    /// Keys taken out of a sweep file before that.
    pub unsets: Vec<String>,
    /// Add what the file has beyond the plan of the run that is there.
    pub extend: bool,
    /// Names of the arms and tasks and the batch sizes that are run; all where none is given.
    pub only: Vec<String>,
    /// Directory of the run; `runs/<name of the sweep>` where none is given.
    pub out: Option<PathBuf>,
    /// Trials at the same time, instead of the sweep's `resources.workers`.
    pub workers: Option<usize>,
    /// Ranks of a trial, instead of the sweep's `resources.ranks`.
    pub ranks: Option<usize>,
    /// Where data sets are.
    pub data_root: Option<PathBuf>,
    /// What runs the trials.
    pub engine: EngineName,
    /// Trials that may fail before the sweep is stopped; any number where none is given.
    pub max_failures: Option<Limit>,
    /// What is called once the sweep has come to its end.
    pub on_end: Option<OnEnd>,
    /// Say what would be run now, and run nothing.
    pub dry_run: bool,
    /// How it shows what happens.
    pub show: Show,
}

impl Request {
    /// Puts the ranks of this launch into a plan.
    pub(super) fn tell_ranks(&self, plan: &mut Plan) {
        if let Some(ranks) = self.ranks {
            plan.sweep.resources.ranks = ranks;
            plan.sweep.resources.ranks_are_told = true;
        }
    }

    /// The options that say what is called at the end.
    pub(super) fn on_end_words(&self) -> Vec<String> {
        let Some(OnEnd { command, limit }) = &self.on_end else {
            return Vec::new();
        };
        let mut words = vec!["--on-end".to_owned(), command.clone()];
        if limit.as_secs() != SECONDS {
            words.extend(["--on-end-seconds".to_owned(), limit.as_secs().to_string()]);
        }
        words
    }

    /// The command that goes on with `run` as this launch did, for a shell.
    #[must_use]
    pub fn goes_on(&self, run: &Path) -> String {
        let mut words: Vec<OsString> = vec!["lawn".into(), "sweep".into()];
        words.push(shell::operand(run).into());
        if let Some(root) = &self.data_root {
            words.extend(["--data-root".into(), root.into()]);
        }
        if self.engine != EngineName::default() {
            let name = serde_json::to_value(self.engine).unwrap_or_default();
            words.extend(["--engine".into(), name.as_str().unwrap_or_default().into()]);
        }
        if let Some(workers) = self.workers {
            words.extend(["--workers".into(), workers.to_string().into()]);
        }
        if let Some(ranks) = self.ranks {
            words.extend(["--ranks".into(), ranks.to_string().into()]);
        }
        if let Some(limit) = &self.max_failures {
            words.extend(["--max-failures".into(), limit.to_string().into()]);
        }
        words.extend(self.on_end_words().into_iter().map(OsString::from));
        for word in &self.only {
            words.extend(["--only".into(), word.into()]);
        }
        match self.show {
            Show::People => {}
            Show::Events => words.push("--json".into()),
            Show::Nothing => words.push("--quiet".into()),
        }
        shell::line(words)
    }
}
