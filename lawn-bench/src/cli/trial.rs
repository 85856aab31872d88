use std::path::{Path, PathBuf};

use clap::Args;
use lawn_analysis::records::Outcome;

use super::values::{DataRoot, ranks};
use crate::Exit;
use crate::run::run_dir::RunDir;
use crate::{Error, trial};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lawn trial runs/embedded --index 0
  lawn trial runs/embedded --index 0 --ranks 2
  torchrun --no-python --nproc-per-node 2 lawn trial runs/embedded --index 0
  srun --ntasks 2 lawn trial runs/embedded --index 0")]
pub(super) struct Trial {
    /// Directory of the run.
    dir: PathBuf,
    /// Index of the trial in the plan.
    #[arg(long, value_name = "K")]
    index: usize,
    /// Processes that train the trial together, which this one starts on its machine [default:
    /// resources.ranks of the sweep]. Where torchrun or srun has started several, these are they.
    #[arg(long, value_name = "N", value_parser = ranks, allow_negative_numbers = true)]
    ranks: Option<usize>,
    #[command(flatten)]
    data: DataRoot,
}

impl Trial {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let outcome = trial::run(
            &RunDir::new(self.dir),
            self.index,
            self.ranks,
            self.data.folder().map(Path::to_owned),
        )?;
        Ok(match outcome {
            Outcome::Ok => Exit::Ok,
            Outcome::Preempted => Exit::Stopped,
            _ => Exit::TrialsFailed,
        })
    }
}
