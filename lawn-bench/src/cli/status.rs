use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::output::{print, to_json};
use crate::run_dir::RunDir;
use crate::{Error, status};

#[derive(Debug, Args)]
#[command(after_help = "Example: lawn status runs/embedded")]
pub(super) struct Status {
    /// Directory of the run.
    dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let status = status::Status::read(&RunDir::new(self.dir))?;
        print(&if self.json {
            to_json(&status)
        } else {
            status.render()
        });
        Ok(Exit::Ok)
    }
}
