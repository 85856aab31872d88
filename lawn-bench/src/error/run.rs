//! What is refused of a run: its folder, its files, and what is asked of it.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::Error;
use super::fault::{Fault, Place, below};

/// What can be done without a file that all trials of a run need.
const ANEW: &str = "a copy of the run has it, or begin anew in another folder with --out";

/// What is done about a `lawn` and a `lawn-torch` that do not belong together.
const BUILDS_BOTH: &str = match cfg!(debug_assertions) {
    true => "the two belong in one folder, and `cargo build` builds both",
    false => "the two belong in one folder, and `cargo build --release` builds both",
};

impl Error {
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
            Self::Damaged(fault) => Self::RunDamaged(Box::new(fault.advice(ANEW))),
            error => error,
        }
    }

    /// A file with the schema `found`, of a lawn that is newer than this one, which knows up to
    /// `known`.
    pub(crate) fn newer(path: impl Into<PathBuf>, found: u32, known: u32) -> Self {
        let fault = Fault::new(Place::file(path), format!("has schema {found}"));
        let fault = fault.allowed([format!("up to {known}")]);
        Self::Newer(Box::new(fault.advice("use a newer lawn")))
    }

    /// A file with the schema `found`, which this lawn does not read any more; `instead` is what
    /// can be done without the lawn that wrote it.
    pub(crate) fn older(path: impl Into<PathBuf>, found: u32, oldest: u32, instead: &str) -> Self {
        let fault = Fault::new(Place::file(path), format!("has schema {found}"));
        let fault = fault.allowed([format!("from {oldest} on")]);
        let advice = format!("go on with the lawn that wrote it, or {instead}");
        Self::Older(Box::new(fault.advice(advice)))
    }

    /// A plan with a task of a kind that is none of `known`.
    pub(crate) fn unknown_kind(path: &Path, task: &str, kind: &str, known: &[&str]) -> Self {
        let place = Place::file(path).of(format!("kind of task `{task}`"));
        let fault = Fault::new(place, format!("`{kind}` is not known to this lawn")).allowed(known);
        Self::UnknownKind(Box::new(
            fault.advice("go on with the lawn that planned the run"),
        ))
    }

    /// The run in `dir` has another plan than `file` makes now; `differences` is a line a key,
    /// with both values. [`Self::goes_on_with`] says how the run goes on.
    pub(crate) fn other_plan(dir: &Path, file: &Path, differences: &[String]) -> Self {
        let makes = format!("holds another plan than {} makes now", file.display());
        let found = format!("{makes}{}", below(differences));
        Self::OtherPlan(Box::new(Fault::new(Place::file(dir), found)))
    }

    /// `file` makes a plan that takes something away from the one in `dir`, or changes it: `taken`,
    /// a line a key.
    pub(crate) fn not_an_extension(dir: &Path, file: &Path, taken: &[String]) -> Self {
        let what = match file == dir {
            true => "what --set and --unset change".to_owned(),
            false => file.display().to_string(),
        };
        let found = format!(
            "holds a plan, and {what} does not extend it{}",
            below(taken)
        );
        let fault = Fault::new(Place::file(dir), found);
        Self::OtherPlan(Box::new(fault.advice(
            "an extension adds tasks, arms, batch sizes, settings and seeds, and changes nothing \
             else; give --out another folder for another run",
        )))
    }

    /// The same error of another plan, with the command that goes on with the one that is there.
    pub(crate) fn goes_on_with(self, command: impl FnOnce() -> String) -> Self {
        match self {
            Self::OtherPlan(fault) if fault.advice.is_none() => {
                let command = command();
                let advice = format!(
                    "give --out another folder, or `{command}` to go on with what is there"
                );
                Self::OtherPlan(Box::new(fault.advice(advice)))
            }
            error => error,
        }
    }

    /// A folder holds `found`, where a `what` made by this command would be replaced, and nothing
    /// else.
    pub(crate) fn not_ours(dir: &Path, found: &str, what: &str) -> Self {
        let found = format!("holds `{found}` and no {what} made by lawn");
        let fault = Fault::new(Place::file(dir), found).allowed(["a new or an empty folder"]);
        let advice = "nothing is overwritten, give --out another";
        Self::NotOurs(Box::new(fault.advice(advice)))
    }

    /// A file that is to be written to is `found`.
    pub(crate) fn not_a_file(path: &Path, found: &str) -> Self {
        let found = format!("is {found}, and would be written through");
        let fault = Fault::new(Place::file(path), found).allowed(["a file of its own"]);
        Self::NotAFile(Box::new(fault.advice("remove it")))
    }

    /// `--out` names another folder than the run `dir` that goes on.
    pub(crate) fn out_of_run(dir: &Path, out: &Path) -> Self {
        let (dir, out) = (dir.display(), out.display());
        let found = format!("{out}, and the run {dir} goes on where it is");
        let fault = Fault::new(Place::key("--out"), found);
        Self::Option(Box::new(fault.allowed(["beside a sweep file"])))
    }

    /// The option changes a sweep file, and the run `dir` has its plan.
    pub(crate) fn changed_in_run(dir: &Path, option: &str) -> Self {
        let found = format!("{} goes on as it was planned", dir.display());
        let fault = Fault::new(Place::key(option), found);
        let allowed = [
            "with --extend, which adds to it",
            "beside a sweep file, with --out for another run",
        ];
        Self::Option(Box::new(fault.allowed(allowed)))
    }

    /// `--extend` beside a sweep file, and `dir`, the folder of its run, has none.
    pub(crate) fn nothing_to_extend(dir: &Path) -> Self {
        let found = format!("{} holds no run that could be extended", dir.display());
        let fault = Fault::new(Place::key("--extend"), found);
        Self::Option(Box::new(fault.advice(
            "the same command without it begins one there; for a run in another folder give --out, or \
             `lawn sweep DIR --extend`",
        )))
    }

    /// A folder without `plan.json`; `found` is what is there of a run, and `again` the command
    /// that plans it again, where no trial has been trained.
    pub(crate) fn plan_gone(dir: &Path, found: &str, again: Option<&str>) -> Self {
        let fault = Fault::new(Place::file(dir), format!("has {found} and no plan.json"));
        let advice = again.map_or_else(
            || ANEW.to_owned(),
            |again| format!("`{again}` plans it again"),
        );
        Self::PlanGone(Box::new(fault.advice(advice)))
    }

    /// The command of the trial is the build `here`, and its launcher another.
    pub(crate) fn other_build(here: &str, launcher: &str) -> Self {
        let fault = Fault::new(Place::key("this lawn"), format!("is the build {here}"));
        let fault = fault.allowed([format!("{launcher}, which started this trial")]);
        Self::OtherBuild(Box::new(fault.advice(
            "another was put in its place, or this machine has its own; `lawn sweep DIR` of one \
             of them goes on",
        )))
    }

    /// This command, `here`, was to go on for `front`, which is another build.
    pub(crate) fn other_front(here: &str, front: &str) -> Self {
        let fault = Fault::new(Place::key("lawn-torch"), format!("is the build {here}"));
        let fault = fault.allowed([format!("{front}, as `lawn` beside it")]);
        Self::OtherBuild(Box::new(fault.advice(BUILDS_BOTH)))
    }

    /// The command with libtorch, `path`, could not be started.
    pub(crate) fn without_torch(path: &Path, source: std::io::Error) -> Self {
        let found = match source.kind() {
            std::io::ErrorKind::NotFound => {
                "is not there, and `lawn` goes on as it where libtorch is needed".to_owned()
            }
            _ => format!("cannot be started: {source}"),
        };
        let fault = Fault::new(Place::file(path), found);
        Self::NoTorch(Box::new(fault.advice(BUILDS_BOTH)))
    }

    /// The trial of the record `path` was begun with the rule `there`, and is `now`; both as JSON.
    pub(crate) fn other_rule(path: &Path, there: &str, now: &str) -> Self {
        let found = format!("was begun with another rule than this lawn trains, {there}");
        let fault = Fault::new(Place::file(path), found).allowed([now]);
        Self::OtherRule(Box::new(fault.advice(
            "go on with the lawn that began it, or remove its checkpoint to train it from the \
             first step",
        )))
    }

    /// The plan in `path` is of the samples of version `planned`, and seeds give those of `here`;
    /// `report` is the command that reports the run.
    pub(crate) fn other_samples(path: &Path, planned: u32, here: u32, report: &str) -> Self {
        let found = format!("was made for samples of version {planned}");
        let fault = Fault::new(Place::file(path), found).allowed([format!("version {here}")]);
        let advice = format!(
            "`{report}` reports what was trained; to train on, take the lawn that planned it, or \
             begin anew in another folder with --out"
        );
        Self::OtherSamples(Box::new(fault.advice(advice)))
    }

    /// A folder that is to be a run.
    pub(crate) fn no_run(dir: &Path) -> Self {
        let found = "is not a run directory: it has no plan.json";
        let fault = Fault::new(Place::file(dir), found);
        Self::NoRun(Box::new(
            fault.advice("`lawn sweep FILE --out DIR` makes one"),
        ))
    }

    /// A run whose folder is not there any more, while it is looked at.
    pub(crate) fn run_deleted(dir: &Path) -> Self {
        let found = "is gone: it was deleted or moved while its page was open";
        Self::NoRun(Box::new(Fault::new(Place::file(dir), found)))
    }

    /// An index beyond a plan of `count` trials.
    pub(crate) fn no_trial(index: usize, count: usize) -> Self {
        let found = format!("has no trial {index}");
        let fault = Fault::new(Place::key("the plan"), found);
        let allowed = match count {
            0 => "none".to_owned(),
            count => format!("0 to {}", count - 1),
        };
        Self::NoTrial(Box::new(fault.allowed([allowed])))
    }

    /// The option `--WHAT` asks for what the sweep in `file` has under other `names`: a task or an
    /// arm.
    pub(crate) fn not_in_sweep(
        file: &Path,
        what: &str,
        name: &str,
        names: impl IntoIterator<Item = impl Display>,
    ) -> Self {
        let place = Place::file(file).of(format!("--{what}"));
        let fault = Fault::new(place, format!("no {what} is called `{name}`"));
        Self::NotInSweep(Box::new(fault.allowed(names)))
    }
}
