use clap::{Args, Command};

use super::output::print;
use crate::Error;
use crate::Exit;

#[derive(Debug, Args)]
#[command(
    after_help = "Example: lawn completions bash > ~/.local/share/bash-completion/completions/lawn"
)]
pub(super) struct Completions {
    /// The shell.
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(self, command: &mut Command) -> Result<Exit, Error> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "lawn", &mut script);
        print(&String::from_utf8_lossy(&script));
        Ok(Exit::Ok)
    }
}
