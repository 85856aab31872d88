use std::path::PathBuf;

use clap::Args;
use lawn_analysis::Width;

use super::exit::Exit;
use super::output::print_report;
use super::values;
use crate::plan::Plan;
use crate::run_dir::RunDir;
use crate::{Error, sweep};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lawn report runs/embedded
  lawn report runs/embedded --width icml     figures for one column of ICML")]
pub(super) struct Report {
    /// Directory of the run.
    dir: PathBuf,
    /// Where the figures are printed, which says how wide they are [default: report.width of the
    /// sweep, else neurips].
    #[arg(long, value_name = "NAME", value_parser = values::width)]
    width: Option<Width>,
}

impl Report {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let run = RunDir::new(self.dir);
        let report = sweep::report(&run, &Plan::read(&run)?, self.width)?;
        print_report(&report);
        Ok(Exit::Ok)
    }
}
