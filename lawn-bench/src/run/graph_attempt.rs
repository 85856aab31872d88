//! Whether the trials of a run try graphs of CUDA: where a process ended while it tried its first, the
//! others go without.
//!
//! ```text
//! graphs/<trial id>     a process of this trial tries its first graph, or ended meanwhile
//! graphs/refused.txt    one of them ended meanwhile, in one line: nobody tries any more
//! ```

use std::io::ErrorKind;
use std::path::PathBuf;

use super::files;
use super::run_dir::RunDir;
use super::trial_dir::TrialDir;
use crate::Error;

/// The mark of one trial.
#[derive(Debug, Clone)]
pub(crate) struct GraphAttempt {
    mark: PathBuf,
    refused: PathBuf,
}

impl GraphAttempt {
    pub(crate) fn new(run: &RunDir, trial: &TrialDir) -> Self {
        let folder = run.graphs();
        Self {
            mark: folder.join(files::name(trial.root())),
            refused: folder.join("refused.txt"),
        }
    }

    /// Whether a process of the trial tries its first graph, or ended meanwhile.
    pub(crate) fn is_under_way(&self) -> bool {
        self.mark.exists()
    }

    /// Why the trial takes no graphs, in one line. For its process alone, which has the lease: what it
    /// finds of its own trial is of one that ended.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(crate) fn refusal(&self) -> Result<Option<String>, Error> {
        if self.is_under_way() {
            let trial = files::name(&self.mark);
            let line = format!("a process of trial {trial} ended while it tried them\n");
            files::write(&self.refused, line.as_bytes())?;
            self.end()?;
        }
        match std::fs::read_to_string(&self.refused) {
            Ok(line) => Ok(Some(format!(
                "{}; without {} they are tried again",
                line.trim(),
                self.refused.display()
            ))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &self.refused)(error)),
        }
    }

    /// A graph is tried from here on.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(crate) fn begin(&self) -> Result<(), Error> {
        let folder = self.mark.parent().expect("it is in a folder");
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        files::write(&self.mark, b"")
    }

    /// The process lives.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(crate) fn end(&self) -> Result<(), Error> {
        match std::fs::remove_file(&self.mark) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::io("remove", &self.mark)(error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ended_meanwhile_is_the_last_that_tried() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = RunDir::new(folder.path());
        let [one, other] = ["one", "other"].map(|id| GraphAttempt::new(&run, &run.trial(id)));
        let refusal = |of: &GraphAttempt| of.refusal().expect("it can be read");
        assert_eq!(refusal(&one), None);
        one.begin().expect("there is room");
        // Its own process goes on, and another trial tries as well.
        assert!(one.is_under_way() && !other.is_under_way());
        assert_eq!(refusal(&other), None);
        one.end().expect("it can be removed");
        one.end().expect("it is not there any more");
        assert_eq!(refusal(&one), None);
        // This one ends in the midst of it.
        one.begin().expect("there is room");
        let said = refusal(&one).expect("none is tried again");
        assert!(said.starts_with("a process of trial one ended"), "{said}");
        assert!(!one.is_under_way());
        assert_eq!(refusal(&other), Some(said.clone()));
        assert_eq!(refusal(&one), Some(said));
        std::fs::remove_file(folder.path().join("graphs/refused.txt")).expect("it is there");
        assert_eq!(refusal(&one), None);
    }
}
