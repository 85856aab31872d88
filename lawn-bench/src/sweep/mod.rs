//! `lawn sweep`: tune → freeze → confirm → records → report, going on from what is there.

mod end;
mod floors;
mod on_end;
mod opening;
pub mod progress;
mod request;
mod results;
pub mod retry;

pub use end::End;
pub use on_end::OnEnd;
pub(crate) use on_end::SECONDS as ON_END_SECONDS;
pub use opening::make;
pub use request::Request;
pub use results::report;
pub(crate) use results::request;

use std::ops::Range;
use std::time::Duration;

use lawn_analysis::records::Outcome;

use crate::Error;
use crate::config::Resources;
use crate::count::{count, verb};
use crate::engine::max_failures::Failures;
use crate::engine::{self, Completion, Engine, EngineName, Watcher, Work};
use crate::plan::adopt;
use crate::plan::damage::Damage;
use crate::plan::extension::Growth;
use crate::plan::{Only, Plan, advice, choices, outcomes};
use crate::process::stop::Stop;
use crate::process::streams;
use crate::report::merge;
use crate::run::ending::Ending;
use crate::run::lease::{self, Claim, Lease, Terms};
use crate::run::run_dir::RunDir;
use crate::run::{launchers, provenance};
use crate::sweep::progress::Progress;
use opening::{Found, Opened, find, open};
use results::write_report;

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
    let Opened {
        run,
        mut plan,
        extension,
    } = open(request)?;
    request.tell_ranks(&mut plan);
    let only = Only::new(&request.only, &plan.sweep)?;
    let terms = Terms::new(plan.sweep.resources.lease);
    let is_given = request.extend || !request.target.is_dir();
    let settings = engine::settings(&run, &plan.sweep, is_given)?;
    let workers = engine::workers(request.engine, request.workers, &settings, &plan.sweep);
    let others = launchers::present(&run)?;
    let _present = launchers::announce(&run, &terms, request.engine, workers)?;
    {
        let _held = exclusively(&run, &terms, &stop)?;
        provenance::record(&run, workers, &plan.sweep.resources)?;
    }
    let work = Work {
        run: &run,
        plan: &plan,
        workers,
        data_root: request.data_root.clone(),
        max_failures: request.max_failures,
        only: &only,
        on_end: request.on_end_words(),
        stop: &stop,
    };
    let engine = engine::engine(request.engine, work.clone(), &settings)?;
    let crew = workers + others.iter().map(|other| other.workers).sum::<usize>();
    let mut notes: Vec<String> = others
        .iter()
        .map(|other| format!("beside {other}"))
        .collect();
    notes.extend(advice::devices(&plan.sweep, &settings, request.engine));
    if request.engine == EngineName::Local {
        let Resources { threads, ranks, .. } = plan.sweep.resources;
        notes.extend(too_many_threads(workers, ranks * threads));
    }
    let mut floors = floors::Watch::new(&run, &plan, request.data_root.as_deref());
    let mut pass = 0;
    loop {
        pass += 1;
        let outcomes = outcomes::read(&run, &plan)?;
        let workers = [workers, crew];
        let mut progress = Progress::new(
            &run,
            (&plan, &only),
            &outcomes.endings,
            workers,
            request.show,
        );
        if let Some(extension) = extension.as_ref().filter(|_| pass == 1) {
            progress.extended(extension);
        }
        progress.say(&format!(
            "{}: {} of {} to run, {} at a time, in {}",
            plan.sweep.name,
            pending(&plan, &only, &outcomes.endings, 0..plan.trials.len()).len(),
            count(plan.trials.len(), "trial"),
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
        let passed = rounds(&work, &*engine, &mut floors, &mut watcher);
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
        let pending = |only: &Only| pending(&plan, only, &outcomes, 0..outcomes.len()).len();
        if merged.damaged.is_empty() && pending(&only) == 0 {
            return Ok(End::Finished {
                report: write_report(&run, &plan, None, &merged)?,
                failed: failures(&plan, &only, &outcomes),
                left: pending(&Only::default()),
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
    work: &Work<'_>,
    engine: &dyn Engine,
    floors: &mut floors::Watch<'_>,
    watcher: &mut Failures<'_>,
) -> Result<RoundsEnd, Error> {
    let Work {
        run,
        plan,
        only,
        stop,
        ..
    } = *work;
    let terms = Terms::new(plan.sweep.resources.lease);
    for round in plan.rounds() {
        watcher.check()?;
        match adopt(run, plan, &round)? {
            0 => {}
            adopted => watcher.note(&format!(
                "{} {} an earlier plan under another id: the same setting was chosen again, and \
                 nothing is trained twice",
                count(adopted, "trial"),
                verb(adopted, "is that of", "are those of")
            )),
        }
        let endings = outcomes::read(run, plan)?.endings;
        let left = pending(plan, only, &endings, round.trials.clone());
        let carried = engine.run(&left, watcher)?;
        if stop.is_requested() {
            return Ok(RoundsEnd::Stopped);
        }
        if carried == Completion::HandedOver {
            return Ok(RoundsEnd::HandedOver);
        }
        if !left.is_empty() {
            let endings = outcomes::read(run, plan)?.endings;
            for warning in floors.below(&endings) {
                watcher.note(&warning);
            }
        }
        let Some(_held) = exclusively(run, &terms, stop)? else {
            return Ok(RoundsEnd::Stopped);
        };
        choices::decide(run, plan, &round, only)?;
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
            "warning: {} of {} share {}; trials would be faster with workers × threads of {cores} at most",
            count(workers, "worker"),
            count(threads, "thread"),
            count(cores, "core")
        )
    })
}

/// What the engine would be asked for: the trials of the first stage that has any left.
fn describe(request: &Request) -> Result<String, Error> {
    let Found {
        run, plan, text, ..
    } = find(request)?;
    if request.extend && text.is_some() && run.plan().exists() {
        let there = Plan::read(&run)?;
        let growth = Growth::new(&there, &plan);
        let growth =
            growth.map_err(|taken| Error::not_an_extension(run.root(), &request.target, &taken))?;
        return Ok(format!("{growth}\n"));
    }
    let mut plan = plan;
    request.tell_ranks(&mut plan);
    let only = Only::new(&request.only, &plan.sweep)?;
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
        only: &only,
        on_end: request.on_end_words(),
        stop: &Stop::default(),
    };
    let engine = engine::engine(request.engine, work, &settings)?;
    for note in advice::devices(&plan.sweep, &settings, request.engine) {
        streams::say(&note);
    }
    let outcomes = outcomes::read(&run, &plan)?.endings;
    for round in plan.rounds() {
        let left = pending(&plan, &only, &outcomes, round.trials.clone());
        if !left.is_empty() {
            return engine.describe(&left);
        }
    }
    Ok(String::new())
}

/// Those of the trials `among` that are asked for and have no final outcome.
fn pending(
    plan: &Plan,
    only: &Only,
    outcomes: &[Option<Ending>],
    among: Range<usize>,
) -> Vec<usize> {
    let is_over = |index: usize| outcomes[index].as_ref().is_some_and(Ending::is_final);
    among
        .filter(|&index| !is_over(index) && only.has(&plan.trials[index].cell))
        .collect()
}

/// Trials that failed, of those that are asked for.
fn failures(plan: &Plan, only: &Only, outcomes: &[Option<Ending>]) -> usize {
    let ended = plan.trials.iter().zip(outcomes);
    let asked = ended.filter(|(trial, _)| only.has(&trial.cell));
    let failed = |ending: &&Ending| ending.outcome != Outcome::Ok;
    asked
        .filter_map(|(_, ending)| ending.as_ref())
        .filter(failed)
        .count()
}
