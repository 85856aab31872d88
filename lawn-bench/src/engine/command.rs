//! The one command that every engine carries, as a line of shell for another machine.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::error::EngineError;
use crate::plan::Plan;
use crate::process::beside;
use crate::run::provenance::{self, BUILD};
use crate::run::run_dir::RunDir;

/// What a job on another machine runs: `lawn` with absolute paths.
#[derive(Debug, Clone)]
pub(super) struct JobCommand {
    lawn: String,
    run: String,
    data_root: Option<String>,
    threads: usize,
    /// Ranks of a trial, where it is to be told.
    ranks: Option<usize>,
}

impl JobCommand {
    /// The commands of `run`; `lawn` is the binary on the machines, this one where none is given.
    ///
    /// # Errors
    ///
    /// [`Error::Spawn`] where this binary is not found, [`Error::Io`] where a folder is not
    /// there, [`EngineError::NotText`].
    pub(super) fn new(
        run: &RunDir,
        plan: &Plan,
        data_root: Option<&Path>,
        lawn: Option<&str>,
    ) -> Result<Self, Error> {
        let lawn = match lawn {
            Some(lawn) => lawn.to_owned(),
            None => text(this_file()?)?,
        };
        Ok(Self {
            lawn,
            run: absolute(run.root())?,
            data_root: data_root.map(absolute).transpose()?,
            threads: plan.sweep.resources.threads,
            ranks: plan.sweep.resources.told_ranks(),
        })
    }

    /// The folder of the run, absolute.
    #[must_use]
    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// The trial whose index is `index`: a number, or an expression of the shell that gives one.
    #[must_use]
    pub(super) fn trial(&self, index: &str) -> String {
        let mut line = format!(
            "env OMP_NUM_THREADS={0} MKL_NUM_THREADS={0} OMP_WAIT_POLICY=passive {BUILD}={3} {1} trial {2} --index {index}",
            self.threads,
            quoted(&self.lawn),
            quoted(&self.run),
            provenance::build(),
        );
        if let Some(ranks) = self.ranks {
            line.push_str(&format!(" --ranks {ranks}"));
        }
        self.add_data_root(&mut line);
        line
    }

    /// Going on with the sweep: `lawn sweep DIR` and `options`.
    #[must_use]
    pub(super) fn sweep(&self, options: &str) -> String {
        let mut line = format!(
            "{} sweep {} {options}",
            quoted(&self.lawn),
            quoted(&self.run)
        );
        self.add_data_root(&mut line);
        line
    }

    fn add_data_root(&self, line: &mut String) {
        if let Some(root) = &self.data_root {
            line.push_str(" --data-root ");
            line.push_str(&quoted(root));
        }
    }
}

/// The file of this command. Where another has been put in its place the system names it so.
fn this_file() -> Result<PathBuf, Error> {
    let path = std::env::current_exe().map_err(|source| Error::Spawn { source })?;
    if path.exists() {
        return Ok(beside::called(path));
    }
    Err(EngineError::Replaced { path }.into())
}

/// `path` from the root, so that a job finds it whatever folder it starts in. A folder that
/// is yet to be made is taken relative to this one.
fn absolute(path: &Path) -> Result<String, Error> {
    text(std::path::absolute(path).map_err(Error::io("find", path))?)
}

fn text(path: PathBuf) -> Result<String, Error> {
    path.into_os_string()
        .into_string()
        .map_err(|path| EngineError::not_text(path.into()).into())
}

/// `text` as one word of a POSIX shell.
#[must_use]
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::quoted;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for text in [
            "",
            "plain/path-1.x",
            "two words",
            "it's",
            "a\"$HOME`x`\\ *\n;&|",
            "ünï",
        ] {
            let output = Command::new("sh")
                .args(["-c", &format!("printf %s {}", quoted(text))])
                .output()
                .expect("there is a shell");
            assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }
    }
}
