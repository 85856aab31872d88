//! What is made of a run's trials: records, and the report from them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lawn_analysis::PlannedTask;
use lawn_models::Stage;

use crate::Error;
use crate::config::NamedTask;
use crate::count::{count, verb};
use crate::duration::utc;
use crate::plan::damage::Damage;
use crate::plan::{Cell, Plan, advice, contrast_advice, outcomes};
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

/// By task, the arms and batch sizes of the plan that have no confirmation yet: what is not in the
/// records the report takes for not asked. A task without any says so itself.
fn absent(plan: &Plan, endings: &[Option<Ending>]) -> Vec<String> {
    let over = plan.trials.iter().zip(endings).filter(|(trial, ending)| {
        trial.stage == Stage::Confirm && ending.as_ref().is_some_and(Ending::is_final)
    });
    let over: Vec<&Cell> = over.map(|(trial, _)| &trial.cell).collect();
    let of_task = |task: &NamedTask| {
        let over = over.iter().filter(|cell| cell.task == task.name);
        let over: Vec<&&Cell> = over.collect();
        if over.is_empty() {
            return None;
        }
        let arms = plan.sweep.arms.iter().map(|arm| arm.name.as_str());
        let arms: Vec<&str> = arms
            .filter(|name| over.iter().all(|cell| cell.arm != **name))
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
                "Task {}: no confirmation is over of {}: what is said below leaves them out.",
                task.name,
                said.join(", nor of ")
            )
        })
    };
    plan.sweep.tasks.iter().filter_map(of_task).collect()
}

/// By task, what the plan has.
fn planned(plan: &Plan) -> BTreeMap<String, PlannedTask> {
    let mut planned: BTreeMap<String, PlannedTask> = BTreeMap::new();
    for cell in plan.cells() {
        let task = planned.entry(cell.task).or_default();
        let batch_size = i64::try_from(cell.batch_size).unwrap_or(i64::MAX);
        if !task.arms.contains(&cell.arm) {
            task.arms.push(cell.arm);
        }
        if !task.batch_sizes.contains(&batch_size) {
            task.batch_sizes.push(batch_size);
        }
    }
    planned
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
    request.notes = contrast_advice::more_than_a_constraint(&plan.sweep);
    let larger = advice::larger_than_the_data(plan, &merged.epoch_samples());
    request.notes.extend(larger);
    let endings = outcomes::read(run, plan)?.endings;
    let over = endings
        .iter()
        .flatten()
        .filter(|one| one.is_final())
        .count();
    if over < plan.trials.len() {
        let all = plan.trials.len();
        let note = format!(
            "{over} of the plan's {} {} over: the others count in nothing here.",
            count(all, "trial"),
            verb(over, "is", "are")
        );
        request.notes.push(note);
        request.notes.extend(absent(plan, &endings));
        request.planned = planned(plan);
    }
    for extension in &plan.history {
        let seeds = match extension.has_more_seeds() {
            true => {
                " Seeds that are added after a look at the results make a test reject too often."
            }
            false => "",
        };
        let note = format!("The run was extended: {}.{seeds}", extension.describe());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Two arms at two batch sizes of two tasks, a seed of each.
    fn plan() -> Plan {
        let text = "name = \"two\"\nbatch_sizes = [64, 256]\nbudget.epochs = 1\n\
                    tasks.one = { kind = \"ncf\" }\ntasks.other = { kind = \"ncf\" }\n\
                    arms.sgd = { rule = \"sgd\", learning_rate = 0.1 }\n\
                    arms.adam = { rule = \"adam\", learning_rate = 0.1 }\n\
                    confirmation.seeds = [1]\n";
        let sweep = crate::config::parse("two.toml", text);
        let sweep = sweep.unwrap_or_else(|error| panic!("{error}"));
        Plan::new(sweep, BTreeMap::new())
    }

    #[test]
    fn what_is_not_confirmed_is_said_of_each_task() {
        let plan = plan();
        let said = |is_over: &dyn Fn(&Cell) -> bool| {
            let over = || {
                use lawn_analysis::records::Outcome;
                Ending::failed(Outcome::Diverged, "")
            };
            let trials = plan.trials.iter();
            let endings: Vec<Option<Ending>> = trials
                .map(|trial| is_over(&trial.cell).then(over))
                .collect();
            absent(&plan, &endings)
        };
        // Of both tasks together every arm and batch size has one.
        let found = said(&|cell| match cell.task.as_str() {
            "one" => cell.arm == "sgd",
            _ => cell.arm == "adam" && cell.batch_size == 64,
        });
        assert_eq!(
            found,
            [
                "Task one: no confirmation is over of arm adam: what is said below leaves them out.",
                "Task other: no confirmation is over of arm sgd, nor of batch size 256: what is said \
                 below leaves them out.",
            ]
        );
        assert!(said(&|_| true).is_empty());
        // The report says it of a task without any.
        assert!(said(&|cell| cell.task == "one").is_empty());
    }

    #[test]
    fn every_task_is_planned_with_its_arms_and_batch_sizes() {
        let planned = planned(&plan());
        assert_eq!(planned.keys().collect::<Vec<_>>(), ["one", "other"]);
        for task in planned.values() {
            assert_eq!(task.arms, ["sgd", "adam"]);
            assert_eq!(task.batch_sizes, [64, 256]);
        }
    }
}
