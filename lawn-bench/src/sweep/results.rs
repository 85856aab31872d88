//! What is made of a run's trials: records, and the report from them.

use crate::Error;
use crate::duration::utc;
use crate::plan::damage::Damage;
use crate::plan::{Plan, advice};
use crate::report::merge::{self, RunRecords};
use crate::run::provenance;
use crate::run::run_dir::RunDir;

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
pub(super) fn write_report(
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
    request.notes = advice::larger_than_the_data(plan, &merged.epoch_samples());
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
    Ok(lawn_analysis::write_report(
        &merged.records,
        &request,
        &run.report(),
    )?)
}
