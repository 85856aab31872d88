use std::path::PathBuf;

use clap::Args;
use lawn_analysis::records::Outcome;

use super::exit::Exit;
use super::output::print;
use super::values::failure;
use crate::run_dir::RunDir;
use crate::{Error, retry};

#[derive(Debug, Args)]
#[command(after_help = "Example: lawn retry runs/embedded --outcome crashed --outcome timeout")]
pub(super) struct Retry {
    /// Directory of the run.
    dir: PathBuf,
    /// Outcome to retry; any number of times.
    #[arg(long = "outcome", value_name = "OUTCOME", required = true, value_parser = failure)]
    outcomes: Vec<Outcome>,
}

impl Retry {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let forgotten = retry::retry(&RunDir::new(&self.dir), &self.outcomes)?;
        print(&format!(
            "{forgotten} to be run again by `lawn sweep {}`\n",
            self.dir.display()
        ));
        Ok(Exit::Ok)
    }
}
