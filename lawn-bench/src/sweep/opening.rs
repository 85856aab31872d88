//! The run of a sweep: found, planned, or made.

use std::collections::BTreeMap;
use std::path::Path;

use super::request::Request;
use crate::config::SweepFile;
use crate::plan::{Plan, advice, examination};
use crate::process::streams;
use crate::run::lease::{self, Claim, Terms};
use crate::run::run_dir::RunDir;
use crate::{Error, data};

/// The run that `request` names, its plan made or read and its data found, and the text
/// that the plan was made from. Writes nothing.
pub(super) fn find(request: &Request) -> Result<(RunDir, Plan, Option<String>), Error> {
    let root = request.data_root.as_deref();
    if request.target.is_dir() {
        for (option, given) in [("--set", &request.sets), ("--unset", &request.unsets)] {
            if !given.is_empty() {
                return Err(Error::changed_in_run(&request.target, option));
            }
        }
        let run = RunDir::new(&request.target);
        let plan = Plan::read(&run)?;
        plan.require_samples(&run)?;
        if let Some(out) = request.out.as_ref().filter(|out| !is_same(out, run.root())) {
            return Err(Error::out_of_run(run.root(), out));
        }
        data::find(&plan.sweep.tasks, root)?;
        if let Some(root) = root {
            plan.require_data(&data::checksums(&plan.sweep.tasks, root)?, &run)?;
        }
        return Ok((run, plan, None));
    }
    let file = SweepFile::read(&request.target, &request.sets)?.without(&request.unsets);
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
pub(super) fn open(request: &Request) -> Result<(RunDir, Plan), Error> {
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
            written.map_err(|error| error.goes_on_with(|| request.goes_on(run.root())))?;
        }
        Claim::Refused(by) => {
            let dir = run.root().into();
            let by = by.to_string();
            return Err(Error::Held { dir, by });
        }
    }
    Ok((run, plan))
}
