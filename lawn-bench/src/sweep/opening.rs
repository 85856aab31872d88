//! The run of a sweep: found, planned, extended, or made.

use std::collections::BTreeMap;
use std::path::Path;

use super::request::Request;
use crate::config::{Sweep, SweepFile};
use crate::engine::EngineName;
use crate::plan::examination::{self, Where};
use crate::plan::{Extension, Plan, advice, outcomes};
use crate::process::streams;
use crate::report::status::Status;
use crate::run::lease::{self, Claim, Lease, Terms};
use crate::run::run_dir::RunDir;
use crate::{Error, data};

/// The run that a request names.
pub(super) struct Found {
    /// Its folder.
    pub(super) run: RunDir,
    /// Its plan, made or read.
    pub(super) plan: Plan,
    /// The text that the plan was made from; none where it was read.
    pub(super) text: Option<String>,
}

/// A run whose plan is in its folder.
pub(super) struct Opened {
    /// Its folder.
    pub(super) run: RunDir,
    /// Its plan.
    pub(super) plan: Plan,
    /// What was added to the plan now.
    pub(super) extension: Option<Extension>,
}

/// The run that `request` names, its plan made or read and its data found. Writes nothing.
pub(super) fn find(request: &Request) -> Result<Found, Error> {
    let root = request.data_root.as_deref();
    let is_run = request.target.is_dir();
    if is_run {
        let run = RunDir::new(&request.target);
        if let Some(out) = request.out.as_ref().filter(|out| !is_same(out, run.root())) {
            return Err(Error::out_of_run(run.root(), out));
        }
        if !request.extend {
            return go_on(request, run);
        }
        // It has one, and says so where it is gone.
        Plan::read(&run)?.require_samples(&run)?;
    }
    let path = match is_run {
        true => RunDir::new(&request.target).sweep_toml(),
        false => request.target.clone(),
    };
    let file = SweepFile::read(&path, &request.sets)?.without(&request.unsets);
    let mut sweep = file.sweep()?;
    for note in file.notes()? {
        streams::say(&note);
    }
    let usual = || Path::new("runs").join(&sweep.name);
    let out = request.out.clone().unwrap_or_else(usual);
    let run = RunDir::new(if is_run { request.target.clone() } else { out });
    let text = file.written()?;
    keep_distances(&run, &text, &mut sweep);
    data::find(&sweep.tasks, root)?;
    let checksums = match root {
        Some(root) => data::checksums(&sweep.tasks, root)
            .map_err(|error| examination::at_its_key(&file, error))?,
        None => BTreeMap::new(),
    };
    let plan = Plan::new(sweep, checksums);
    let is_planned = run.plan().exists();
    if !is_planned {
        if request.extend {
            return Err(Error::nothing_to_extend(run.root()));
        }
        run.require_free(&text)?;
    }
    // What is planned already was examined then.
    if !is_planned || request.extend {
        let place = match request.engine {
            EngineName::Local => Where::Here,
            _ => Where::Elsewhere,
        };
        let examined = examination::examine(&file, &plan, root, place)?;
        let advised = advice::before_a_sweep(&plan, &examined.samples);
        for note in examined.warnings.into_iter().chain(advised) {
            streams::say(&format!("warning: {note}"));
        }
    }
    Ok(Found {
        run,
        plan,
        text: Some(text),
    })
}

/// Where a file does not say what distances are measured from, its arms do, and one that arrives may say
/// something else. It is a part of every trial: the run keeps what it was planned with.
fn keep_distances(run: &RunDir, text: &str, sweep: &mut Sweep) {
    let file: toml::Table = text.parse().unwrap_or_default();
    let diagnostics = file.get("diagnostics");
    let is_said = diagnostics.is_some_and(|table| table.get("distance_from").is_some());
    // A plan that cannot be read is told where it is needed.
    if !is_said
        && run.plan().exists()
        && let Ok(there) = Plan::read(run)
    {
        sweep.diagnostics.distance_from = there.sweep.diagnostics.distance_from;
    }
}

/// The run in the folder that `request` names, as it was planned.
fn go_on(request: &Request, run: RunDir) -> Result<Found, Error> {
    for (option, given) in [("--set", &request.sets), ("--unset", &request.unsets)] {
        if !given.is_empty() {
            return Err(Error::changed_in_run(&request.target, option));
        }
    }
    let plan = Plan::read(&run)?;
    plan.require_samples(&run)?;
    let root = request.data_root.as_deref();
    data::find(&plan.sweep.tasks, root)?;
    if let Some(root) = root {
        plan.require_data(&data::checksums(&plan.sweep.tasks, root)?, &run)?;
    }
    Ok(Found {
        run,
        plan,
        text: None,
    })
}

/// Whether two paths are one place.
fn is_same(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| path.canonicalize().ok();
    place(a).is_some_and(|a| Some(a) == place(b))
}

/// The run that `request` names, its plan made and written, or read.
pub(super) fn open(request: &Request) -> Result<Opened, Error> {
    let Found { run, plan, text } = find(request)?;
    let Some(text) = text else {
        return Ok(Opened {
            run,
            plan,
            extension: None,
        });
    };
    let _held = begin(&run, &plan)?;
    let is_planned = run.plan().exists();
    if request.extend && is_planned {
        let (plan, extension) = extend(request, &run, plan, &text)?;
        return Ok(Opened {
            run,
            plan,
            extension,
        });
    }
    let written = plan.write(&run, &request.target, &text);
    written.map_err(|error| error.goes_on_with(|| request.goes_on(run.root())))?;
    // It may have been extended since.
    let asked = plan.sweep.name.clone();
    let plan = if is_planned { Plan::read(&run)? } else { plan };
    if plan.sweep.name != asked {
        streams::say(&format!(
            "{} holds the run `{}`, which keeps its name: `{asked}` is not taken",
            run.root().display(),
            plan.sweep.name
        ));
    }
    Ok(Opened {
        run,
        plan,
        extension: None,
    })
}

/// Makes the folder of `run`, where nobody else writes a plan as long as the lease is held: two
/// launchers that begin at once agree on one.
fn begin(run: &RunDir, plan: &Plan) -> Result<Lease, Error> {
    std::fs::create_dir_all(run.root()).map_err(Error::io("create", run.root()))?;
    let terms = Terms::new(plan.sweep.resources.lease);
    match lease::wait(&run.exclusive(), &terms, terms.expiry)? {
        Claim::Taken(held) => Ok(held),
        Claim::Refused(by) => Err(Error::Held {
            dir: run.root().into(),
            by: by.to_string(),
        }),
    }
}

/// Makes the run in the folder of `run`, of which nothing is trained: `plan` of the sweep file at
/// `path`, which is `text`. One that is there already has to be the same.
///
/// # Errors
///
/// As [`Plan::write`], and [`Error::Held`].
pub fn make(run: &RunDir, plan: &Plan, path: &Path, text: &str) -> Result<(), Error> {
    if !run.plan().exists() {
        run.require_free(text)?;
    }
    let _held = begin(run, plan)?;
    plan.write(run, path, text)
}

/// Adds to the plan of `run` what `plan` has beyond it. Whoever is at work there goes by the
/// earlier plan, and must not.
fn extend(
    request: &Request,
    run: &RunDir,
    plan: Plan,
    text: &str,
) -> Result<(Plan, Option<Extension>), Error> {
    let status = Status::read(run)?;
    let launcher = status.launchers.first().map(ToString::to_string);
    let trial = || {
        let trial = status.now.first()?;
        Some(format!("process {} on {}", trial.pid, trial.host))
    };
    let queue = || {
        status
            .is_queued()
            .then(|| "jobs in Slurm's queue".to_owned())
    };
    if let Some(by) = launcher.or_else(trial).or_else(queue) {
        let dir = run.root().into();
        return Err(Error::Busy { dir, by });
    }
    let there = Plan::read(run)?;
    there.require_samples(run)?;
    let endings = outcomes::read(run, &there)?.endings;
    let over = endings.iter().flatten().filter(|one| one.is_final());
    let over: usize = over.count();
    plan.extend(&there, run, &request.target, text, over)
}
