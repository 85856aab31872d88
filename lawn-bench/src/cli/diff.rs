use std::path::PathBuf;

use clap::Args;

use super::output::{print, to_json};
use crate::report::comparison::Comparison;
use crate::run::run_dir::RunDir;
use crate::{Error, Exit};

#[derive(Debug, Args)]
#[command(after_help = "\
Exit code 0 where both ask for the same and came to the same, 7 where they differ, 2 where one of
them is no run.

Examples:
  lawn diff runs/monday runs/tuesday
  lawn diff runs/monday runs/tuesday --json | jq .settings")]
pub(super) struct Diff {
    /// Directory of a run.
    first: PathBuf,
    /// Directory of another run.
    second: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Diff {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let (first, second) = (RunDir::new(self.first), RunDir::new(self.second));
        let comparison = Comparison::read([&first, &second])?;
        print(&match self.json {
            true => to_json(&comparison),
            false => comparison.describe(),
        });
        Ok(match comparison.is_same() {
            true => Exit::Ok,
            false => Exit::Differ,
        })
    }
}
