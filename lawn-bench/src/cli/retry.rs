use std::path::PathBuf;

use clap::{ArgGroup, Args};
use lawn_analysis::records::Outcome;

use super::output::print;
use super::values::failure;
use crate::Error;
use crate::Exit;
use crate::run::provenance;
use crate::run::run_dir::RunDir;
use crate::sweep::retry::{self, Selection};

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("which").required(true).multiple(true),
    after_help = "\
Every list narrows the choice: --outcome timeout --arm sgd retries the trials of sgd whose time
was up. They go on from their checkpoints unless --from-scratch is given; what they left before
is kept in attempt-1, attempt-2, … of each trial's folder. A tuning trial is retried until a
setting was chosen among those of its task, arm and batch size; where all failed, none was.

Examples:
  lawn retry runs/embedded --outcome crashed --outcome timeout
  lawn retry runs/embedded --trial 17 --from-scratch
  lawn retry runs/embedded --arm adam-lawn --batch 64000"
)]
pub(super) struct Retry {
    /// Directory of the run.
    dir: PathBuf,
    /// Trials that ended so: crashed, diverged, out-of-memory or timeout; any number of times.
    #[arg(long = "outcome", value_name = "OUTCOME", group = "which", value_parser = failure)]
    outcomes: Vec<Outcome>,
    /// This trial: its index in the plan, its id, or the beginning of its id; any number of times.
    #[arg(long = "trial", value_name = "ID|INDEX", group = "which")]
    trials: Vec<String>,
    /// Trials of this arm; any number of times.
    #[arg(long = "arm", value_name = "ARM", group = "which")]
    arms: Vec<String>,
    /// Trials of this batch size; any number of times.
    #[arg(long = "batch", value_name = "B", group = "which")]
    batch_sizes: Vec<u64>,
    /// Train from the first step instead of from the checkpoint.
    #[arg(long)]
    from_scratch: bool,
}

impl Retry {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let selection = Selection {
            outcomes: self.outcomes,
            trials: self.trials,
            arms: self.arms,
            batch_sizes: self.batch_sizes,
            from_scratch: self.from_scratch,
        };
        let retried = retry::retry(&RunDir::new(&self.dir), &selection)?;
        let run = RunDir::new(&self.dir);
        let again = provenance::goes_on(&run);
        print(&match retried.trials {
            0 => "0 to be run again\n".to_owned(),
            trials => format!("{trials} to be run again by `{again}`\n"),
        });
        if retried.counted > 0 {
            print(&format!(
                "{} not retried: a setting was chosen where they count as failures\n",
                retried.counted
            ));
        }
        if retried.retired > 0 {
            print(&format!(
                "{} not retried: an extension took them out of the plan, and they count in nothing\n",
                retried.retired
            ));
        }
        Ok(Exit::Ok)
    }
}
