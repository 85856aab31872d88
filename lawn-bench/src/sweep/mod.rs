//! `lawn sweep`: tune → freeze → confirm → records → report, going on from what is there.

mod end;
pub mod progress;
pub mod retry;

pub use end::End;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::SweepFile;
use crate::engine::{self, Completion, Engine, EngineName, Work};
use crate::engine::{Limit, max_failures::Failures};
use crate::plan::Plan;
use crate::plan::damage::Damage;
use crate::plan::{advice, choices, examination, outcomes};
use crate::process::stop::Stop;
use crate::process::{shell, streams};
use crate::report::merge::{self, RunRecords};
use crate::run::ending::Ending;
use crate::run::lease::{self, Claim, Lease, Terms};
use crate::run::run_dir::RunDir;
use crate::run::{launchers, provenance};
use crate::sweep::progress::{Progress, Show};
use crate::{Error, data};
use lawn_analysis::records::Outcome;

/// What to sweep, and with what.
#[derive(Debug, Clone)]
pub struct Request {
    /// A sweep file, or the directory of a run to go on with.
    pub target: PathBuf,
    /// Values set over a sweep file, as `KEY.KEY=VALUE`.
    pub sets: Vec<String>,
    /// Directory of the run; `runs/<name of the sweep>` where none is given.
    pub out: Option<PathBuf>,
    /// Trials at the same time, instead of the sweep's `resources.workers`.
    pub workers: Option<usize>,
    /// Where data sets are.
    pub data_root: Option<PathBuf>,
    /// What runs the trials.
    pub engine: EngineName,
    /// Trials that may fail before the sweep is stopped; any number where none is given.
    pub max_failures: Option<Limit>,
    /// Say what would be run now, and run nothing.
    pub dry_run: bool,
    /// How it shows what happens.
    pub show: Show,
}

impl Request {
    /// The command that goes on with `run` as this launch did, for a shell.
    #[must_use]
    pub fn goes_on(&self, run: &Path) -> String {
        let mut words: Vec<OsString> = vec!["lawn".into(), "sweep".into()];
        words.push(shell::operand(run).into());
        if let Some(root) = &self.data_root {
            words.extend(["--data-root".into(), root.into()]);
        }
        if self.engine != EngineName::default() {
            let name = serde_json::to_value(self.engine).unwrap_or_default();
            words.extend(["--engine".into(), name.as_str().unwrap_or_default().into()]);
        }
        if let Some(workers) = self.workers {
            words.extend(["--workers".into(), workers.to_string().into()]);
        }
        shell::line(words)
    }
}

/// Times that a sweep trains again what it finds damaged, before it gives up on the disk.
const PASSES: usize = 3;

/// Runs the sweep, or what is left of it; beside other launchers where there are some.
///
/// # Errors
///
/// [`Error::Config`], [`Error::OtherPlan`], [`Error::NoData`] and its like where the
/// data of a task is not there, [`Error::TooManyFailed`], and what the engine and the report
/// say.
pub fn run(request: &Request) -> Result<End, Error> {
    if request.dry_run {
        return describe(request).map(End::Described);
    }
    let stop = Stop::on_signals()?;
    let (run, plan) = open(request)?;
    let terms = Terms::new(plan.sweep.resources.lease);
    let settings = engine::settings(&run, &plan.sweep, !request.target.is_dir())?;
    let workers = engine::workers(request.engine, request.workers, &settings, &plan.sweep);
    let others = launchers::present(&run)?;
    let _present = launchers::announce(&run, &terms, request.engine, workers)?;
    {
        let _held = exclusively(&run, &terms, &stop)?;
        provenance::record(&run, workers, plan.sweep.resources.threads)?;
    }
    let work = Work {
        run: &run,
        plan: &plan,
        workers,
        data_root: request.data_root.clone(),
        max_failures: request.max_failures,
        stop: &stop,
    };
    let engine = engine::engine(request.engine, work, &settings)?;
    let crew = workers + others.iter().map(|other| other.workers).sum::<usize>();
    let mut notes: Vec<String> = others
        .iter()
        .map(|other| format!("beside {other}"))
        .collect();
    notes.extend(advice::devices(&plan.sweep, &settings, request.engine));
    if request.engine == EngineName::Local {
        notes.extend(too_many_threads(workers, plan.sweep.resources.threads));
    }
    let mut pass = 0;
    loop {
        pass += 1;
        let outcomes = outcomes::read(&run, &plan)?;
        let workers = [workers, crew];
        let mut progress = Progress::new(&run, &plan, &outcomes.endings, workers, request.show);
        progress.say(&format!(
            "{}: {} of {} trials to run, {} at a time, in {}",
            plan.sweep.name,
            pending(&outcomes.endings, 0..plan.trials.len()).len(),
            plan.trials.len(),
            workers[0],
            run.root().display()
        ));
        notes.extend(outcomes.damaged.iter().map(set_aside));
        for note in notes.drain(..) {
            progress.say(&note);
        }
        let mut watcher = Failures::new(
            (&run, &plan),
            &stop,
            request.max_failures,
            &outcomes.endings,
            &mut progress,
        );
        let passed = rounds(&run, &plan, &*engine, &stop, &mut watcher);
        let is_enough = watcher.check();
        progress.finish();
        is_enough?;
        let passed = passed?;
        let root = || run.root().into();
        match passed {
            RoundsEnd::Through => {}
            RoundsEnd::HandedOver => return Ok(End::HandedOver { run: root() }),
            RoundsEnd::Stopped => return Ok(End::Stopped { run: root() }),
        }
        let _held = exclusively(&run, &terms, &stop)?;
        if stop.is_requested() {
            return Ok(End::Stopped { run: root() });
        }
        let merged = merge::gather(&run, &plan)?;
        let outcomes = outcomes::read(&run, &plan)?.endings;
        if merged.damaged.is_empty() && pending(&outcomes, 0..outcomes.len()).is_empty() {
            return Ok(End::Finished {
                report: write_report(&run, &plan, None, &merged)?,
                failed: failures(&outcomes),
            });
        }
        for damage in merged.damaged {
            if pass == PASSES {
                return Err(damage.into());
            }
            if damage.set_aside(&run, &plan)? {
                notes.push(set_aside(&damage));
            }
        }
    }
}

/// What is said of damage.
fn set_aside(damage: &Damage) -> String {
    format!("{damage}; it is set aside, and the trial runs again")
}

/// How one pass over the rounds of a sweep came to its end.
enum RoundsEnd {
    /// Each trial has a final outcome.
    Through,
    /// A scheduler goes on.
    HandedOver,
    /// A stop was requested.
    Stopped,
}

/// Runs what is left of each round, and decides what the next one trains.
fn rounds(
    run: &RunDir,
    plan: &Plan,
    engine: &dyn Engine,
    stop: &Stop,
    watcher: &mut Failures<'_>,
) -> Result<RoundsEnd, Error> {
    let terms = Terms::new(plan.sweep.resources.lease);
    for round in plan.rounds() {
        watcher.check()?;
        let left = pending(&outcomes::read(run, plan)?.endings, round.trials.clone());
        let carried = engine.run(&left, watcher)?;
        if stop.is_requested() {
            return Ok(RoundsEnd::Stopped);
        }
        if carried == Completion::HandedOver {
            return Ok(RoundsEnd::HandedOver);
        }
        let Some(_held) = exclusively(run, &terms, stop)? else {
            return Ok(RoundsEnd::Stopped);
        };
        choices::decide(run, plan, &round)?;
    }
    Ok(RoundsEnd::Through)
}

/// Waits until no other launcher works on the run as a whole, or a stop is requested.
fn exclusively(run: &RunDir, terms: &Terms, stop: &Stop) -> Result<Option<Lease>, Error> {
    let step = Duration::from_millis(200);
    loop {
        match lease::wait(&run.exclusive(), terms, step)? {
            Claim::Taken(lease) => return Ok(Some(lease)),
            Claim::Refused(_) if stop.is_requested() => return Ok(None),
            Claim::Refused(_) => {}
        }
    }
}

/// A warning where trials would take each other's cores.
fn too_many_threads(workers: usize, threads: usize) -> Option<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (workers * threads > cores).then(|| {
        format!(
            "warning: {workers} workers of {threads} threads share {cores} cores; \
             trials would be faster with workers × threads of {cores} at most"
        )
    })
}

/// What the engine would be asked for: the trials of the first stage that has any left.
fn describe(request: &Request) -> Result<String, Error> {
    let (run, plan, _) = find(request)?;
    let settings = if request.target.is_dir() {
        engine::settings(&run, &plan.sweep, false)?
    } else {
        plan.sweep.engines.clone()
    };
    let work = Work {
        run: &run,
        plan: &plan,
        workers: engine::workers(request.engine, request.workers, &settings, &plan.sweep),
        data_root: request.data_root.clone(),
        max_failures: request.max_failures,
        stop: &Stop::default(),
    };
    let engine = engine::engine(request.engine, work, &settings)?;
    for note in advice::devices(&plan.sweep, &settings, request.engine) {
        streams::say(&note);
    }
    let outcomes = outcomes::read(&run, &plan)?.endings;
    for round in plan.rounds() {
        let left = pending(&outcomes, round.trials.clone());
        if !left.is_empty() {
            return engine.describe(&left);
        }
    }
    Ok(String::new())
}

/// The run that `request` names, its plan made or read and its data found, and the text
/// that the plan was made from. Writes nothing.
fn find(request: &Request) -> Result<(RunDir, Plan, Option<String>), Error> {
    let root = request.data_root.as_deref();
    if request.target.is_dir() {
        if !request.sets.is_empty() {
            let dir = request.target.clone();
            return Err(Error::SetInRun { dir });
        }
        let run = RunDir::new(&request.target);
        let plan = Plan::read(&run)?;
        if let Some(out) = request.out.as_ref().filter(|out| !is_same(out, run.root())) {
            return Err(Error::OutOfRun {
                dir: run.root().into(),
                out: out.clone(),
            });
        }
        data::find(&plan.sweep.tasks, root)?;
        if let Some(root) = root {
            plan.require_data(&data::checksums(&plan.sweep.tasks, root)?, &run)?;
        }
        return Ok((run, plan, None));
    }
    let file = SweepFile::read(&request.target, &request.sets)?;
    let sweep = file.sweep()?;
    for note in file.notes()? {
        streams::say(&note);
    }
    data::find(&sweep.tasks, root)?;
    let checksums = match root {
        Some(root) => data::checksums(&sweep.tasks, root)?,
        None => BTreeMap::new(),
    };
    let plan = Plan::new(sweep, checksums);
    let root = request
        .out
        .clone()
        .unwrap_or_else(|| Path::new("runs").join(&plan.sweep.name));
    let run = RunDir::new(root);
    let text = file.written()?;
    // What is planned already was examined then.
    if !run.plan().exists() {
        run.require_free(&text)?;
        let epochs = examination::examine(&file, &plan, request.data_root.as_deref())?;
        for note in advice::larger_than_the_data(&plan, &epochs) {
            streams::say(&format!("warning: {note}"));
        }
    }
    Ok((run, plan, Some(text)))
}

/// Whether two paths are one place.
fn is_same(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| path.canonicalize().ok();
    place(a).is_some_and(|a| Some(a) == place(b))
}

/// The run that `request` names, its plan made and written, or read.
fn open(request: &Request) -> Result<(RunDir, Plan), Error> {
    let (run, plan, text) = find(request)?;
    let Some(text) = text else {
        return Ok((run, plan));
    };
    std::fs::create_dir_all(run.root()).map_err(Error::io("create", run.root()))?;
    // Two launchers that begin at once agree on one plan.
    let terms = Terms::new(plan.sweep.resources.lease);
    match lease::wait(&run.exclusive(), &terms, terms.expiry)? {
        Claim::Taken(_held) => {
            let written = plan.write(&run, &request.target, &text);
            written.map_err(|error| match error {
                Error::OtherPlan {
                    dir,
                    file,
                    differences,
                    ..
                } => Error::OtherPlan {
                    goes_on: request.goes_on(&dir),
                    dir,
                    file,
                    differences,
                },
                error => error,
            })?;
        }
        Claim::Refused(by) => {
            let dir = run.root().into();
            let by = by.to_string();
            return Err(Error::Held { dir, by });
        }
    }
    Ok((run, plan))
}

/// Those of the trials `among` that have no final outcome.
fn pending(outcomes: &[Option<Ending>], among: Range<usize>) -> Vec<usize> {
    let is_over = |index: &usize| outcomes[*index].as_ref().is_some_and(Ending::is_final);
    among.filter(|index| !is_over(index)).collect()
}

fn failures(outcomes: &[Option<Ending>]) -> usize {
    let failed = |ending: &&Ending| ending.outcome != Outcome::Ok;
    outcomes.iter().flatten().filter(failed).count()
}

/// Merges what there is into records, and writes the report from them, its figures in the width
/// asked for, else in that of the sweep. Gives the trials that are left out for damage, too.
///
/// # Errors
///
/// As [`merge::gather`], and [`Error::Analysis`].
pub fn report(
    run: &RunDir,
    plan: &Plan,
    width: Option<lawn_analysis::Width>,
) -> Result<(lawn_analysis::ReportFiles, Vec<Damage>), Error> {
    let merged = merge::gather(run, plan)?;
    let report = write_report(run, plan, width, &merged)?;
    Ok((report, merged.damaged))
}

/// Writes `records/*.parquet`, and the report from them.
fn write_report(
    run: &RunDir,
    plan: &Plan,
    width: Option<lawn_analysis::Width>,
    merged: &RunRecords,
) -> Result<lawn_analysis::ReportFiles, Error> {
    merged.records.write(&run.records())?;
    let reference = i64::try_from(plan.sweep.reference_batch_size).unwrap_or(i64::MAX);
    let mut request = lawn_analysis::ReportRequest::new(&plan.sweep.name, reference);
    for contrast in &plan.sweep.contrasts {
        request = request.contrast(&contrast.baseline, &contrast.treatment);
    }
    request.alpha = plan.sweep.alpha;
    request.margins = plan.sweep.margins.clone();
    request.width = width.unwrap_or(plan.sweep.width);
    request.provenance = provenance::lines(run)?;
    if !merged.damaged.is_empty() {
        let trials: Vec<&str> = merged
            .damaged
            .iter()
            .map(|one| one.trial.as_str())
            .collect();
        let line = format!("{}, whose files are damaged", trials.join(", "));
        request.provenance.push(("trials left out".into(), line));
    }
    Ok(lawn_analysis::write_report(
        &merged.records,
        &request,
        &run.report(),
    )?)
}
