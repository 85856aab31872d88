//! What can go wrong in the harness.

mod config;
mod engine;
mod exit;
mod fault;
mod fetch;
mod unknown_word;

use std::io;
use std::path::{Path, PathBuf};

pub use config::ConfigError;
pub(crate) use config::Shown;
pub use engine::EngineError;
use fault::list;
pub use fault::{Fault, Place};
pub(crate) use fault::{allowed, listed, refused};
pub use fetch::FetchError;
pub(crate) use unknown_word::UnknownWord;

/// An error of the harness; each names the file or value at fault and what would be right.
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
    #[error("{}: task `{task}`: kind {kind} is not known to this lawn (it knows {}); go on with the lawn that planned the run", path.display(), listed(*known))]
    UnknownKind {
        /// The plan.
        path: PathBuf,
        /// Name of the task.
        task: String,
        /// Its kind.
        kind: String,
        /// The kinds that there are.
        known: &'static [&'static str],
    },
    /// A file of a run was written by a newer version.
    #[error("{} has schema {found}, this lawn reads up to {known}; use a newer lawn", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema known here.
        known: u32,
    },
    /// A file of a run was written by a version too old to be understood.
    #[error("{} has schema {found}, this lawn reads from {oldest} on; go on with the lawn that wrote it, or {instead}", path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The oldest schema known here.
        oldest: u32,
        /// What can be done without the lawn that wrote it.
        instead: &'static str,
    },
    /// The run directory holds another plan.
    #[error("{} holds another plan than {} makes now{}\ngive --out another folder, or `{}` to go on with what is there", dir.display(), file.display(), list(differences), goes_on)]
    OtherPlan {
        /// The run directory.
        dir: PathBuf,
        /// The sweep file.
        file: PathBuf,
        /// In what they differ: a line a key, with both values.
        differences: Vec<String>,
        /// The command that goes on with what is there.
        goes_on: String,
    },
    /// A folder that is to be written to holds what this command did not write.
    #[error("{} holds `{found}` and no {what} made by lawn; nothing is overwritten, give --out a new or an empty folder", dir.display())]
    NotOurs {
        /// The folder.
        dir: PathBuf,
        /// A file or folder in it.
        found: String,
        /// What it would have to hold.
        what: &'static str,
    },
    /// A data set was made before, of other sizes.
    #[error("{} was made of other sizes; nothing is overwritten, give --out another folder\n  there: {there}\n  asked: {asked}", dir.display())]
    MadeOtherwise {
        /// The folder.
        dir: PathBuf,
        /// What is there, as JSON.
        there: String,
        /// What was asked for, as JSON.
        asked: String,
    },
    /// A file is another thing than a file of its own: a link, or no file at all.
    #[error("{} is {found}, and would be written through; remove it", path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A folder was named for a run that is somewhere else.
    #[error("{} is a run, and goes on where it is: --out {} applies to a sweep file", dir.display(), out.display())]
    OutOfRun {
        /// The run directory.
        dir: PathBuf,
        /// The folder named.
        out: PathBuf,
    },
    /// Values were set over a run, whose plan cannot change.
    #[error("{} goes on as it was planned: --set applies to a sweep file, with --out for another run", dir.display())]
    SetInRun {
        /// The run directory.
        dir: PathBuf,
    },
    /// A data set is another than the one that the run was made with.
    #[error("{} was made with other files of the data set `{data}` (task `{task}`); put those back, or give --out another folder", dir.display())]
    OtherData {
        /// The run directory.
        dir: PathBuf,
        /// Name of the task.
        task: String,
        /// Name of its data set.
        data: String,
    },
    /// The files of a task are not here as they should be.
    #[error("task `{task}` cannot be trained here: {source}")]
    DataHere {
        /// Name of the task.
        task: String,
        /// What is wrong with them.
        source: Box<Error>,
    },
    /// A file that all trials of a run read is damaged: that is no fault of a trial.
    #[error("{source}; {ANEW}")]
    RunDamaged {
        /// What is wrong, with the file.
        source: Box<Error>,
    },
    /// A run has lost its plan.
    #[error("{} has {found} and no plan.json; {}", dir.display(), planned(again.as_deref()))]
    PlanGone {
        /// The run directory.
        dir: PathBuf,
        /// A file or folder of a run that is there.
        found: &'static str,
        /// The command that plans it again; none where trials have been trained.
        again: Option<String>,
    },
    /// A trial would be trained by another command than the one that its launcher is.
    #[error(
        "this lawn is the build {here}, and the one that started this trial is {launcher}: another was put in its place, or this machine has its own; `lawn sweep DIR` of one of them goes on"
    )]
    OtherBuild {
        /// The launcher's build.
        launcher: String,
        /// That of this command.
        here: String,
    },
    /// This machine does not have what a trial needs.
    #[error("this machine cannot train it: {said}")]
    Machine {
        /// What was said.
        said: String,
    },
    /// More trials failed than are allowed to.
    #[error(
        "stopped, as {failed} of {trials} trials failed and --max-failures allows {allowed}; the last, {id}, is {outcome}: {reason}; once that is mended, `lawn retry {} --outcome {outcome}` and the same command go on",
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
    #[error("{} was begun with another rule than this lawn trains; go on with the lawn that began it, or remove its checkpoint to train it from the first step; the rule was {there} and is {now}", path.display())]
    OtherRule {
        /// The trial's record.
        path: PathBuf,
        /// The rule then, as JSON.
        there: String,
        /// The rule now, as JSON.
        now: String,
    },
    /// There is no run where one was expected.
    #[error("{} is not a run directory: it has no plan.json", dir.display())]
    NoRun {
        /// The folder given.
        dir: PathBuf,
    },
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
    #[error("there is no trial {index} in the plan; allowed: 0 to {last}")]
    NoTrial {
        /// Index asked for.
        index: usize,
        /// Last index of the plan.
        last: usize,
    },
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
    /// A trial process could not be started.
    #[error("cannot start a trial process: {source}")]
    Spawn {
        /// The system's answer.
        source: io::Error,
    },
    /// A task reads files, and nothing says where they are.
    #[error("task `{task}` reads `{data}`; give --data-root DIR or set LAWN_DATA")]
    NoDataRoot {
        /// Name of the task.
        task: String,
        /// Name of its data set, or of its weights.
        data: String,
    },
    /// The same, where a net is asked for that needs to know the classes alone.
    #[error(
        "task `{task}` reads `{data}`; give --data-root DIR or set LAWN_DATA, or --classes N where that is a folder of images"
    )]
    NoClasses {
        /// Name of the task.
        task: String,
        /// Name of its data set, or of its weights.
        data: String,
    },
    /// Nothing says where data sets are.
    #[error("give --data-root DIR or set LAWN_DATA, the folder that holds the data sets")]
    NoDataRootGiven,
    /// The data root cannot be listed.
    #[error("{source}; the data root is the folder that holds the data sets")]
    NoSuchDataRoot {
        /// What is wrong with it.
        source: lawn_models::DataError,
    },
    /// A task's data set is not under the data root.
    #[error("task `{task}` reads the data set `{data}`, which is not under {}; there: {}", root.display(), listed(found))]
    NoData {
        /// Name of the task.
        task: String,
        /// Name of its data set.
        data: String,
        /// The data root.
        root: PathBuf,
        /// Names of the data sets that are there.
        found: Vec<String>,
    },
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
    #[error("cannot make `{kind}` data: {}", fault.said())]
    MakeData {
        /// Kind of data set.
        kind: String,
        /// What is wrong, and what is allowed.
        fault: Box<Fault>,
    },
    /// No task of a sweep file has images.
    #[error("{}: no images to draw in task {}", file.display(), listed(tasks))]
    NothingToShow {
        /// The sweep file.
        file: PathBuf,
        /// Names of the tasks that were looked at.
        tasks: Vec<String>,
    },
    /// A sweep file has no task of this name.
    #[error("{}: no task \"{task}\"; there: {}", file.display(), listed(tasks))]
    NoTask {
        /// The sweep file.
        file: PathBuf,
        /// The name asked for.
        task: String,
        /// Names of its tasks.
        tasks: Vec<String>,
    },
    /// Files of an image folder cannot be read, and it is not packed.
    #[error("{} of {files} files under {} cannot be read as images{}\nmend or remove them, or pack without them with --exclude-bad-files", bad.len(), folder.display(), list(bad))]
    BadFilesToPack {
        /// The folder of the split.
        folder: PathBuf,
        /// Files in it.
        files: u64,
        /// Those that cannot be read, each with the reason.
        bad: Vec<String>,
    },
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
    /// A public data set could not be got; boxed, as every result holds an error.
    #[error(transparent)]
    Fetch(Box<FetchError>),
    /// A trial could not be trained.
    #[error(transparent)]
    Trial(#[from] lawn_models::TrialError),
    /// Weights could not be measured; boxed, as every result holds an error.
    #[error(transparent)]
    Evaluation(Box<lawn_models::EvaluationError>),
    /// No model was asked for.
    #[error(
        "no task and arm have these names; tasks: {}; arms: {}",
        listed(tasks),
        listed(arms)
    )]
    NoModel {
        /// Names of the tasks.
        tasks: Vec<String>,
        /// Names of the arms.
        arms: Vec<String>,
    },
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

    /// A file that is not what was written.
    pub(crate) fn damaged(path: impl Into<PathBuf>, found: impl Into<String>) -> Self {
        Self::Damaged(Box::new(Fault::new(Place::file(path), found)))
    }

    /// The same, of a line of it.
    pub(crate) fn damaged_line(
        path: impl Into<PathBuf>,
        line: usize,
        found: impl Into<String>,
    ) -> Self {
        let place = Place::file(path).line(line);
        Self::Damaged(Box::new(Fault::new(place, found)))
    }

    /// Makes damage of a file that all trials of a run read an error that ends the sweep: each
    /// trial would meet it.
    pub(crate) fn of_the_run(self) -> Self {
        match self {
            Self::Damaged(_) => Self::RunDamaged {
                source: Box::new(self),
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

/// What can be done without a file that all trials of a run need.
const ANEW: &str = "a copy of the run has it, or begin anew in another folder with --out";

/// How a run without its plan goes on.
fn planned(again: Option<&str>) -> String {
    again.map_or_else(
        || ANEW.to_owned(),
        |again| format!("`{again}` plans it again"),
    )
}
