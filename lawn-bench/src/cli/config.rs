use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::output::{print, to_json};
use super::values::Sets;
use crate::Error;
use crate::Exit;
use crate::config;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lawn config explain lawn-bench/studies/embedded.toml --set tuning.seed=77
  lawn config explain lawn-bench/studies/embedded.toml --unset defaults.warmup
  lawn config reference > REFERENCE.md
  lawn config schema > sweep.schema.json")]
pub(super) struct Config {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print a sweep file with its defaults filled in and marked, as a sweep file.
    Explain {
        /// The sweep file.
        file: PathBuf,
        #[command(flatten)]
        sets: Sets,
    },
    /// Print every key of a sweep file with its values, its default and what it says, as Markdown.
    Reference,
    /// Print the JSON Schema (draft 2020-12) of sweep files, for editors.
    Schema,
}

impl Config {
    pub(super) fn run(self) -> Result<Exit, Error> {
        print(&match self.what {
            What::Explain { file, sets } => sets.read(&file)?.explain()?,
            What::Reference => config::reference(),
            What::Schema => to_json(&config::schema()),
        });
        Ok(Exit::Ok)
    }
}
