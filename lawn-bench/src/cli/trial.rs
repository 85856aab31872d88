use std::path::{Path, PathBuf};

use clap::Args;
use lawn_analysis::records::Outcome;

use super::values::DataRoot;
use crate::Exit;
use crate::run::run_dir::RunDir;
use crate::{Error, trial};

#[derive(Debug, Args)]
#[command(after_help = "Example: lawn trial runs/embedded --index 0")]
pub(super) struct Trial {
    /// Directory of the run.
    dir: PathBuf,
    /// Index of the trial in the plan.
    #[arg(long, value_name = "K")]
    index: usize,
    #[command(flatten)]
    data: DataRoot,
}

impl Trial {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let outcome = trial::run(
            &RunDir::new(self.dir),
            self.index,
            self.data.folder().map(Path::to_owned),
        )?;
        Ok(match outcome {
            Outcome::Ok => Exit::Ok,
            Outcome::Preempted => Exit::Stopped,
            _ => Exit::TrialsFailed,
        })
    }
}
