//! `lawn doctor`: the verb.

mod accelerators;
mod finding;
pub(crate) mod findings;

use clap::Args;

use super::output::{print, to_json};
use super::values::DataRoot;
use crate::Error;
use crate::Exit;

#[derive(Debug, Args)]
#[command(after_help = "Example: lawn doctor --data-root ~/data")]
pub(super) struct Doctor {
    #[command(flatten)]
    data: DataRoot,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let findings = findings::examine(self.data.folder());
        print(&if self.json {
            to_json(&findings)
        } else {
            findings.render()
        });
        Ok(if findings.is_well() {
            Exit::Ok
        } else {
            Exit::Failed
        })
    }
}
