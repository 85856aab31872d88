//! What is made of a run's trials: records, and the report from them.

use std::path::{Path, PathBuf};

use lawn_models::Stage;

use crate::Error;
use crate::duration::utc;
use crate::plan::damage::Damage;
use crate::plan::{Plan, advice, outcomes};
use crate::report::merge::{self, RunRecords};
use crate::run::ending::Ending;
use crate::run::provenance;
use crate::run::run_dir::RunDir;

/// Merges what there is into records, and writes the report from them, its figures in the width
/// asked for, else in that of the sweep; into the folder `out` where one is given, else into the
/// run. Gives the trials that are left out for damage, too.
///
/// # Errors
///
/// As [`merge::gather`], and [`Error::Analysis`].
pub fn report(
    run: &RunDir,
    plan: &Plan,
    width: Option<lawn_analysis::Width>,
    out: Option<&Path>,
) -> Result<(lawn_analysis::ReportFiles, Vec<Damage>), Error> {
    let merged = merge::gather(run, plan)?;
    let report = match out {
        None => write_report(run, plan, width, &merged)?,
        Some(out) => {
            let folders = [out.join("records"), out.to_owned()];
            write_into(run, plan, width, &merged, &folders)?
        }
    };
    Ok((report, merged.damaged))
}

/// Writes `records/*.parquet`, and the report from them.
pub(super) fn write_report(
    run: &RunDir,
    plan: &Plan,
    width: Option<lawn_analysis::Width>,
    merged: &RunRecords,
) -> Result<lawn_analysis::ReportFiles, Error> {
    write_into(run, plan, width, merged, &[run.records(), run.report()])
}

/// As [`write_report`], the records and the report each into a folder.
fn write_into(
    run: &RunDir,
    plan: &Plan,
    width: Option<lawn_analysis::Width>,
    merged: &RunRecords,
    [records, report]: &[PathBuf; 2],
) -> Result<lawn_analysis::ReportFiles, Error> {
    merged.records.write(records)?;
    let request = request(run, plan, width, merged)?;
    Ok(lawn_analysis::write_report(
        &merged.records,
        &request,
        report,
    )?)
}

/// The arms and batch sizes of the plan that have no confirmation yet: what is not in the records
/// the report takes for not asked.
fn absent(plan: &Plan, endings: &[Option<Ending>]) -> Option<String> {
    let over = plan.trials.iter().zip(endings).filter(|(trial, ending)| {
        trial.stage == Stage::Confirm && ending.as_ref().is_some_and(Ending::is_final)
    });
    let over: Vec<_> = over.map(|(trial, _)| &trial.cell).collect();
    let arms = plan.sweep.arms.iter().map(|arm| &arm.name);
    let arms: Vec<&str> = arms
        .filter(|name| over.iter().all(|cell| cell.arm != **name))
        .map(String::as_str)
        .collect();
    let sizes = plan.sweep.batch_sizes.iter();
    let sizes: Vec<String> = sizes
        .filter(|size| over.iter().all(|cell| cell.batch_size != **size))
        .map(u64::to_string)
        .collect();
    let said: Vec<String> = [("arm", arms.join(", ")), ("batch size", sizes.join(", "))]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what} {names}"))
        .collect();
    (!said.is_empty()).then(|| {
        format!(
            "Of the plan, no confirmation is over of {}: what is said below leaves them out.",
            said.join(", nor of ")
        )
    })
}

/// What the sweep asks of its records.
pub(crate) fn request(
    run: &RunDir,
    plan: &Plan,
    width: Option<lawn_analysis::Width>,
    merged: &RunRecords,
) -> Result<lawn_analysis::ReportRequest, Error> {
    let reference = i64::try_from(plan.sweep.reference_batch_size).unwrap_or(i64::MAX);
    let mut request = lawn_analysis::ReportRequest::new(&plan.sweep.name, reference);
    for contrast in &plan.sweep.contrasts {
        request = request.contrast(&contrast.baseline, &contrast.treatment);
    }
    request.alpha = plan.sweep.alpha;
    request.margins = plan.sweep.margins.clone();
    request.width = width.unwrap_or(plan.sweep.width);
    request.notes = advice::larger_than_the_data(plan, &merged.epoch_samples());
    let endings = outcomes::read(run, plan)?.endings;
    let over = endings
        .iter()
        .flatten()
        .filter(|one| one.is_final())
        .count();
    if over < plan.trials.len() {
        let all = plan.trials.len();
        let note = format!(
            "{over} of the plan's {all} trials are over: the others count in nothing here."
        );
        request.notes.push(note);
        request.notes.extend(absent(plan, &endings));
    }
    for extension in &plan.history {
        let note = format!(
            "The run was extended: {}. Seeds that are added after a look at the results make a test reject too often.",
            extension.describe()
        );
        request.notes.push(note);
    }
    request.provenance = provenance::lines(run)?;
    for extension in &plan.history {
        let line = format!("{}: {}", utc(extension.unix_seconds), extension.describe());
        request.provenance.push(("extended".into(), line));
    }
    if !merged.damaged.is_empty() {
        let trials: Vec<&str> = merged
            .damaged
            .iter()
            .map(|one| one.trial.as_str())
            .collect();
        let line = format!("{}, whose files are damaged", trials.join(", "));
        request.provenance.push(("trials left out".into(), line));
    }
    Ok(request)
}
