//! Which trials of a run are asked for.

use lawn_models::Stage;

use super::TrialEntry;
use crate::error::{Error, Fault, Place};
use crate::plan::{LEAST_DIGITS, Plan, trial_named};
use crate::run::run_dir::RunDir;

/// Which trials: those that are in every list that is not empty.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Indices, ids, or beginnings of ids that one trial has.
    pub trials: Vec<String>,
    /// Names of tasks.
    pub tasks: Vec<String>,
    /// Names of arms.
    pub arms: Vec<String>,
    /// Batch sizes.
    pub batch_sizes: Vec<u64>,
    /// Stages.
    pub stages: Vec<Stage>,
    /// Settings of the arm, by index.
    pub settings: Vec<usize>,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// Outcomes, and words of [`NOT_OVER`](super::NOT_OVER).
    pub states: Vec<String>,
    /// The trials of earlier plans that are none of the plan, in place of those that are.
    pub retired: bool,
}

impl Filter {
    pub(super) fn holds(&self, entry: &TrialEntry) -> bool {
        fn in_list<T: PartialEq>(list: &[T], value: &T) -> bool {
            list.is_empty() || list.contains(value)
        }
        let setting = entry
            .setting
            .is_some_and(|one| self.settings.contains(&one));
        in_list(&self.tasks, &entry.cell.task)
            && in_list(&self.arms, &entry.cell.arm)
            && in_list(&self.batch_sizes, &entry.cell.batch_size)
            && in_list(&self.stages, &entry.stage)
            && in_list(&self.seeds, &entry.seed)
            && in_list(&self.states, &entry.state)
            && (self.settings.is_empty() || setting)
    }

    /// The ids of the trials named.
    pub(super) fn named(
        &self,
        plan: &Plan,
        run: &RunDir,
        entries: &[TrialEntry],
    ) -> Result<Vec<String>, Error> {
        let refused = |found| Error::Option(Box::new(Fault::new(Place::key("TRIAL"), found)));
        let names = self.trials.iter();
        let apart = |name: &str| {
            let apart = entries.iter().filter(|entry| entry.index.is_none());
            let mut found = apart.filter(|entry| entry.trial.starts_with(name));
            match (found.next(), found.next()) {
                (Some(entry), None) => Ok(entry.trial.clone()),
                (None, _) => Err(format!("no trial that is kept apart is `{name}`")),
                _ => Err(format!("several trials have an id that begins with {name}")),
            }
        };
        names
            .map(|name| match self.retired {
                true => apart(name),
                false => trial_named(plan, name, run)
                    .map(|at| plan.trials[at].id.clone())
                    .or_else(|unknown| {
                        let is_id = name.len() >= LEAST_DIGITS;
                        apart(name).ok().filter(|_| is_id).ok_or(unknown)
                    }),
            })
            .map(|found| found.map_err(refused))
            .collect()
    }

    /// Makes sure that some of the `entries` has each stage, setting and seed that is asked for. Outcomes
    /// come and go: none of one kind is an answer.
    pub(super) fn check_entries(&self, entries: &[TrialEntry]) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let settings = entries.iter().filter_map(|entry| entry.setting);
        known(
            "--stage",
            &self.stages,
            entries.iter().map(|entry| entry.stage),
            stage,
        )?;
        known("--setting", &self.settings, settings, usize::to_string)?;
        let seeds = entries.iter().map(|entry| entry.seed);
        known("--seed", &self.seeds, seeds, u64::to_string)
    }

    /// Makes sure that the plan has what is asked for by name.
    pub(super) fn check(&self, plan: &Plan) -> Result<(), Error> {
        let sweep = &plan.sweep;
        let names = |all: Vec<&String>| -> Vec<String> { all.into_iter().cloned().collect() };
        let arms = names(sweep.arms.iter().map(|arm| &arm.name).collect());
        let tasks = names(sweep.tasks.iter().map(|task| &task.name).collect());
        for (option, what, asked, all) in [
            ("--arm", "arm", &self.arms, arms),
            ("--task", "task", &self.tasks, tasks),
        ] {
            if let Some(name) = asked.iter().find(|name| !all.contains(name)) {
                let found = format!("no {what} is called `{name}`");
                let fault = Fault::new(Place::key(option), found);
                return Err(Error::Option(Box::new(fault.allowed(all))));
            }
        }
        sweep.require_batch_sizes(&self.batch_sizes)
    }
}

/// Makes sure that the values that are `asked` for are among those that there are; `said` says one.
fn known<T: PartialEq>(
    option: &str,
    asked: &[T],
    there: impl Iterator<Item = T>,
    said: impl Fn(&T) -> String,
) -> Result<(), Error> {
    let mut all: Vec<T> = Vec::new();
    for one in there {
        if !all.contains(&one) {
            all.push(one);
        }
    }
    let Some(unknown) = asked.iter().find(|one| !all.contains(one)) else {
        return Ok(());
    };
    let mut allowed: Vec<String> = all.iter().map(&said).collect();
    if let Some(more) = allowed
        .len()
        .checked_sub(MOST_VALUES)
        .filter(|more| *more > 0)
    {
        allowed.truncate(MOST_VALUES);
        allowed.push(format!("{more} more"));
    }
    let what = option.trim_start_matches('-');
    let found = format!("no trial is of {what} {}", said(unknown));
    let fault = Fault::new(Place::key(option), found);
    Err(Error::Option(Box::new(fault.allowed(allowed))))
}

/// The most values that an error lists.
const MOST_VALUES: usize = 20;

fn stage(stage: &Stage) -> String {
    let word = match stage {
        Stage::Tune => "tune",
        Stage::Confirm => "confirm",
    };
    word.to_owned()
}
