use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::output::print_report;
use crate::plan::Plan;
use crate::run_dir::RunDir;
use crate::{Error, sweep};

#[derive(Debug, Args)]
#[command(after_help = "Example: lawn report runs/embedded")]
pub(super) struct Report {
    /// Directory of the run.
    dir: PathBuf,
}

impl Report {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let run = RunDir::new(self.dir);
        let report = sweep::report(&run, &Plan::read(&run)?)?;
        print_report(&report);
        Ok(Exit::Ok)
    }
}
