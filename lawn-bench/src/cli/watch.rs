use std::path::PathBuf;

use clap::Args;

use super::output::print;
use crate::run::run_dir::RunDir;
use crate::{Error, Exit, watch};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lawn watch runs/embedded
  lawn watch runs/embedded --port 8000 --stay

The page is for this machine alone: http://127.0.0.1. From another one, forward the port by
`ssh -L 8000:127.0.0.1:8000 HOST` and open http://localhost:8000/ there.")]
pub(super) struct Watch {
    /// Directory of the run.
    dir: PathBuf,
    /// Port of this machine [default: any that is free].
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Go on after the sweep is over or stopped, until Ctrl-C.
    #[arg(long)]
    stay: bool,
}

impl Watch {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let run = RunDir::new(self.dir);
        watch::watch(&run, self.port, self.stay, |address| {
            print(&format!("{address}\n"));
        })?;
        Ok(Exit::Ok)
    }
}
