//! What can go wrong in the harness.

mod config;
mod data;
mod engine;
mod exit;
mod fault;
mod fetch;
mod run;
mod unknown_word;

use std::io;
use std::path::{Path, PathBuf};

pub use config::ConfigError;
pub(crate) use config::Shown;
pub use engine::EngineError;
pub use fault::{Fault, Place};
pub(crate) use fault::{allowed, refused};
pub use fetch::FetchError;
pub(crate) use unknown_word::UnknownWord;

/// An error of the harness; each names the file or value at fault and what would be right.
///
/// What comes from outside and is refused is a [`Fault`]: where it stands, what was found there,
/// what is allowed, and what can be done. `run.rs` and `data.rs` make them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The sweep file is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file of a run does not hold what it should.
    #[error("{} is damaged: {}", .0.place.path(), .0.said_of_the_file())]
    Damaged(Box<Fault>),
    /// A file of a run is as it was written, and says what this version does not know.
    #[error("{} says what this lawn does not know: {}; go on with the lawn that wrote it", .0.place.path(), .0.said_of_the_file())]
    Foreign(Box<Fault>),
    /// A run has a task of a kind that this version does not have.
    #[error("{0}")]
    UnknownKind(Box<Fault>),
    /// A file of a run was written by a newer version.
    #[error("{}", .0.sentence())]
    Newer(Box<Fault>),
    /// A file of a run was written by a version too old to be understood.
    #[error("{}", .0.sentence())]
    Older(Box<Fault>),
    /// The run directory holds another plan.
    #[error("{}", .0.sentence())]
    OtherPlan(Box<Fault>),
    /// A folder that is to be written to holds what this command did not write.
    #[error("{}", .0.sentence())]
    NotOurs(Box<Fault>),
    /// A data set was made before, of other sizes.
    #[error("{}", .0.sentence())]
    MadeOtherwise(Box<Fault>),
    /// A file is another thing than a file of its own: a link, or no file at all.
    #[error("{}", .0.sentence())]
    NotAFile(Box<Fault>),
    /// A data set is another than the one that the run was made with.
    #[error("{}", .0.sentence())]
    OtherData(Box<Fault>),
    /// The files of a task are not here as they should be.
    #[error("task `{task}` cannot be trained here: {source}")]
    DataHere {
        /// Name of the task.
        task: String,
        /// What is wrong with them.
        source: Box<Error>,
    },
    /// A file that all trials of a run read is damaged: that is no fault of a trial.
    #[error("{} is damaged: {}", .0.place.path(), .0.said_of_the_file())]
    RunDamaged(Box<Fault>),
    /// A run has lost its plan.
    #[error("{}", .0.sentence())]
    PlanGone(Box<Fault>),
    /// A trial would be trained by another command than the one that its launcher is.
    #[error("{}", .0.sentence())]
    OtherBuild(Box<Fault>),
    /// This machine does not have what a trial needs.
    #[error("this machine cannot train it: {said}")]
    Machine {
        /// What was said.
        said: String,
    },
    /// More trials failed than are allowed to.
    #[error(
        "stopped, as {failed} of {} failed and --max-failures allows {allowed}; the last, {id}, is {outcome}: {reason}; once that is mended, `lawn retry {} --outcome {outcome}` and the same command go on",
        crate::count::count(*trials, "trial"),
        dir.display()
    )]
    TooManyFailed {
        /// The run directory.
        dir: PathBuf,
        /// Trials that failed, those that diverged aside.
        failed: usize,
        /// Trials of the plan.
        trials: usize,
        /// Trials that may fail.
        allowed: usize,
        /// Id of the one that failed last.
        id: String,
        /// How it ended.
        outcome: lawn_analysis::records::Outcome,
        /// The first line of why.
        reason: String,
    },
    /// A trial was begun by a version whose rule of the same settings is another one.
    #[error("{}", .0.sentence())]
    OtherRule(Box<Fault>),
    /// A run was planned for other samples than a seed gives in this version.
    #[error("{}", .0.sentence())]
    OtherSamples(Box<Fault>),
    /// There is no run where one was expected.
    #[error("{}", .0.sentence())]
    NoRun(Box<Fault>),
    /// What is to be retried is not there, or did not fail.
    #[error("nothing is retried: {}", .0.said())]
    NotSelected(Box<Fault>),
    /// A launcher is at work where none may be.
    #[error("a launcher is at work in {}: {by}; stop it first", dir.display())]
    Busy {
        /// The run directory.
        dir: PathBuf,
        /// The launcher.
        by: String,
    },
    /// Another process works in the folder.
    #[error("{} is held by {by}", dir.display())]
    Held {
        /// The folder of a trial or run.
        dir: PathBuf,
        /// Who holds it.
        by: String,
    },
    /// The plan has no trial with this index.
    #[error("{}", .0.sentence())]
    NoTrial(Box<Fault>),
    /// A trial was asked for before its setting was chosen.
    #[error(
        "the setting of trial {index} is not chosen yet: the tuning trials before it come first"
    )]
    NotFrozen {
        /// Index of the trial.
        index: usize,
    },
    /// An option asks for what a file of results does not hold.
    #[error("{0}")]
    Results(Box<Fault>),
    /// Results made elsewhere are not as they should be.
    #[error(transparent)]
    BadResults(lawn_analysis::Error),
    /// Results made elsewhere leave something open, and an option settles it. The error is boxed,
    /// since every result holds one.
    #[error("{error}; {hint}")]
    Unsettled {
        /// What is open.
        error: Box<lawn_analysis::Error>,
        /// What settles it.
        hint: String,
    },
    /// The page of a run cannot be served.
    #[error(
        "--port {port}: {source}; allowed: a port of this machine that nobody listens on, and 0 for any"
    )]
    NoPort {
        /// The port.
        port: u16,
        /// The system's answer.
        source: io::Error,
    },
    /// The command with libtorch is not beside the one without, or cannot be started.
    #[error("{}", .0.sentence())]
    NoTorch(Box<Fault>),
    /// A trial process could not be started.
    #[error("cannot start a trial process: {source}")]
    Spawn {
        /// The system's answer.
        source: io::Error,
    },
    /// Files are to be read, and nothing says where they are.
    #[error("{}", .0.sentence())]
    NoDataRoot(Box<Fault>),
    /// The data root cannot be listed.
    #[error("{source}; the data root is the folder that holds the data sets")]
    NoSuchDataRoot {
        /// What is wrong with it.
        source: lawn_models::DataError,
    },
    /// A task's data set is not under the data root.
    #[error("{}", .0.sentence())]
    NoData(Box<Fault>),
    /// A trial had no room to write to.
    #[error(
        "trial {id} had to stop: {said}; nothing is lost, make room and go on with the same command"
    )]
    NoRoom {
        /// Id of the trial.
        id: String,
        /// What it said.
        said: String,
    },
    /// A trial was not trained: its machine does not have what that takes.
    #[error(
        "trial {id} could not be trained where it ran: {said}; that is no outcome: once it is mended the same command goes on"
    )]
    Refused {
        /// Id of the trial.
        id: String,
        /// What it said.
        said: String,
    },
    /// A size of a generated data set is wrong.
    #[error("{0}")]
    MakeData(Box<Fault>),
    /// No task or arm of a sweep file has this name, or what is asked for.
    #[error("{0}")]
    NotInSweep(Box<Fault>),
    /// Files of an image folder cannot be read, and it is not packed.
    #[error("{0}")]
    BadFiles(Box<Fault>),
    /// An option's value cannot be used, or it does nothing beside the others.
    #[error("{0}")]
    Option(Box<Fault>),
    /// What an option asks to be written cannot be.
    #[error("cannot write {option} {}: {source}", path.display())]
    Out {
        /// The option.
        option: &'static str,
        /// Its value.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A data set could not be read or made.
    #[error(transparent)]
    Data(#[from] lawn_models::DataError),
    /// A key of a task that its data do not go with.
    #[error("task `{task}`: {source}")]
    TaskSetting {
        /// The task.
        task: String,
        /// The key, its value and what is allowed.
        source: lawn_models::SettingsError,
    },
    /// A public data set could not be got; boxed, as every result holds an error.
    #[error(transparent)]
    Fetch(Box<FetchError>),
    /// A trial could not be trained.
    #[error(transparent)]
    Trial(#[from] lawn_models::TrialError),
    /// Weights could not be measured; boxed, as every result holds an error.
    #[error(transparent)]
    Evaluation(Box<lawn_models::EvaluationError>),
    /// An engine and the machines behind it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The report could not be made.
    #[error(transparent)]
    Analysis(#[from] lawn_analysis::Error),
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Self {
        Self::Fetch(Box::new(error))
    }
}

impl From<lawn_models::RanksError> for Error {
    fn from(error: lawn_models::RanksError) -> Self {
        Self::Trial(error.into())
    }
}

impl From<lawn_models::EvaluationError> for Error {
    fn from(error: lawn_models::EvaluationError) -> Self {
        Self::Evaluation(Box::new(error))
    }
}

impl Error {
    /// An I/O error of `action` on `path`, for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// The same of a file that `option` names: an error of what was asked for.
    pub(crate) fn of_option(self, option: &'static str, path: &Path) -> Self {
        match self {
            Self::Io { source, .. } => Self::Out {
                option,
                path: path.to_owned(),
                source,
            },
            error => error,
        }
    }
}

/// Whether an error says that there is no room to write to. The trial is not at fault then.
pub(crate) fn is_storage(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(kind, StorageFull | QuotaExceeded | ReadOnlyFilesystem)
}
