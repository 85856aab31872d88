//! A plan that grows: more tasks, arms, batch sizes, settings and seeds in the same run.
//!
//! An id is a hash of content, so that a trial of both plans is the same trial, and is not trained
//! again. Nothing that was planned is taken away. Where more settings arrive the choice among them
//! is made again. A trial that followed the earlier choice has another id in the new plan; its
//! files stay, and where the new choice is the same setting it [adopts](super::adoption) them.
//!
//! ```text
//! earlier/N/           what the plan and its choices were, whole
//! trials-N+1.jsonl     the new trials
//! frozen.json, …       without the cells that are chosen again
//! plan.json            the new plan: from this rename on the run has it
//! ```
//!
//! A kill before that rename leaves the earlier plan, which makes the same choices again from the
//! same outcomes; the same command then extends it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use lawn_models::OptimizerSettings;
use serde_json::Value;

use super::choices;
use super::defaults;
use super::difference::{self, Change};
use super::file;
use super::trials::{Cell, Extension, Plan, Trial};
use crate::Error;
use crate::config::{Arm, Sweep};
use crate::count::{count, verb};
use crate::run::files;
use crate::run::run_dir::RunDir;

/// What a larger plan has beyond the one that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// Trials of both.
    pub kept: usize,
    /// Trials of the larger one alone.
    pub added: usize,
    /// Trials of the earlier one alone, as indices: they follow a choice that is made again.
    pub retired: Vec<usize>,
    /// The cells whose settings are chosen again.
    rechosen: Vec<Cell>,
    /// What the sweep file says otherwise, a line a key.
    changes: Vec<String>,
}

impl Growth {
    /// What `now` adds to the plan that is `there`.
    ///
    /// # Errors
    ///
    /// Where it takes something away or changes it: that, a line a key.
    pub fn new(there: &Plan, now: &Plan) -> Result<Self, Vec<String>> {
        let changes = difference::changes(&there.sweep, &now.sweep);
        let gone = gone(&there.sweep, &now.sweep);
        let others = changes.iter().filter(|change| {
            let is_told = gone
                .iter()
                .any(|(prefix, _)| change.key.starts_with(prefix));
            !is_told && !is_growth(change, &there.sweep, &now.sweep)
        });
        let others = others.map(|change| (change.key.clone(), refused(change)));
        let others: Vec<(String, String)> = others.collect();
        let renamed = renamed(&there.sweep, &now.sweep);
        let renamed = renamed.map(|said| ("name".to_owned(), said));
        let taken: Vec<(String, String)> = renamed.into_iter().chain(gone).chain(others).collect();
        if !taken.is_empty() {
            return Err(difference::shown(taken));
        }
        let ids: HashSet<&str> = now.trials.iter().map(|trial| trial.id.as_str()).collect();
        let all = 0..there.trials.len();
        let retired: Vec<usize> = all
            .filter(|&index| !ids.contains(there.trials[index].id.as_str()))
            .collect();
        let rechosen = rechosen(there, now);
        let follows = |trial: &Trial| rechosen.contains(&trial.cell);
        let strays = retired
            .iter()
            .filter(|&&index| !follows(&there.trials[index]));
        match strays.count() {
            0 => {}
            others => {
                return Err(vec![format!(
                    "{} {} another id with this lawn: the defaults of their rules are not those that \
                     the run was planned with",
                    count(others, "trial"),
                    verb(others, "has", "have")
                )]);
            }
        }
        let kept = there.trials.len() - retired.len();
        Ok(Self {
            kept,
            added: now.trials.len() - kept,
            retired,
            rechosen,
            changes: changes.iter().map(ToString::to_string).collect(),
        })
    }

    /// Whether it adds nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.added == 0 && self.changes.is_empty()
    }
}

impl std::fmt::Display for Growth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} more, {}",
            count(self.added, "trial"),
            staying(self.kept)
        )?;
        if self.retired.is_empty() {
            return Ok(());
        }
        write!(
            f,
            ", {} {} kept apart: more settings arrive where they were chosen, and the choice is made \
             again; where it is the same, what they came to is taken over, and nothing is trained twice",
            self.retired.len(),
            verb(self.retired.len(), "is", "are")
        )
    }
}

/// What is said of trials that an extension leaves alone.
fn staying(kept: usize) -> String {
    format!(
        "{kept} {}",
        verb(kept, "stays as it is", "stay as they are")
    )
}

/// A change that is no growth, with what keeps the value where the file does not give it.
fn refused(change: &Change) -> String {
    if change.is_of_order() {
        return format!("order of {change}");
    }
    match (change.key.as_str(), &change.first) {
        ("reference_batch_size", Some(there)) => format!(
            "{change}; where a file does not give it, it is the smallest batch size: --set \
             reference_batch_size={there} keeps it"
        ),
        _ => change.to_string(),
    }
}

/// What is said of another name: that of a run is in its records and its page.
fn renamed(there: &Sweep, now: &Sweep) -> Option<String> {
    let [there, now] = [&there.name, &now.name];
    (there != now)
        .then(|| format!("name: \"{there}\" there, \"{now}\" now; a run keeps the name it has"))
}

/// The arms and tasks of `there` that are not in `now`: how their keys begin, and what is said.
fn gone(there: &Sweep, now: &Sweep) -> Vec<(String, String)> {
    let arms = there.arms.iter().map(|arm| ("arms", &arm.name));
    let tasks = there.tasks.iter().map(|task| ("tasks", &task.name));
    let is_there = |kind: &str, name: &String| match kind {
        "arms" => now.arms.iter().any(|arm| arm.name == *name),
        _ => now.tasks.iter().any(|task| task.name == *name),
    };
    let gone = arms
        .chain(tasks)
        .filter(|(kind, name)| !is_there(kind, name));
    gone.map(|(kind, name)| {
        let key = format!("{kind}.{name}");
        let said = format!("{key}: there, and gone now");
        (key, said)
    })
    .collect()
}

/// The cells of `there` whose settings, or whose rounds of tuning, are others now.
fn rechosen(there: &Plan, now: &Plan) -> Vec<Cell> {
    let (old, new) = (&there.sweep, &now.sweep);
    let is_same = |cell: &Cell| {
        let [before, after] = [old, new].map(|sweep| settings(sweep, cell));
        before == after && old.rungs == new.rungs
    };
    let mut cells = there.cells();
    cells.retain(|cell| !is_same(cell));
    cells
}

/// The settings of a cell, as its trials train them.
fn settings(sweep: &Sweep, cell: &Cell) -> Vec<OptimizerSettings> {
    let arm = sweep.arms.iter().find(|arm| arm.name == cell.arm);
    let at = |arm| settings_at(arm, cell.batch_size, sweep);
    arm.map_or_else(Vec::new, at)
}

/// The settings of an arm at a batch size, as its trials train them.
fn settings_at(arm: &Arm, batch_size: u64, sweep: &Sweep) -> Vec<OptimizerSettings> {
    let settings = arm.settings.iter();
    settings.map(|one| one.at(batch_size, arm, sweep)).collect()
}

/// Whether a change only adds to what is there.
fn is_growth(change: &Change, there: &Sweep, now: &Sweep) -> bool {
    if change.is_of_order() {
        return false;
    }
    let mut words = change.key.split('.');
    match (words.next(), words.next()) {
        (Some("batch_sizes"), None) | (Some("confirmation"), Some("seeds")) => {
            holds(change.second.as_ref(), change.first.as_ref())
        }
        (Some("contrasts"), None) => {
            holds(change.second.as_ref(), change.first.as_ref())
                && has_new_contrasts_of_new_arms(there, now)
        }
        // Rounds of tuning follow from the number of settings, and from nothing else.
        (Some("tuning"), Some("rungs" | "settings")) => {
            there.rungs[0].settings < now.rungs[0].settings
        }
        (Some("arms"), Some(_)) => match owner(&there.arms, &change.key, "arms.") {
            None => true,
            Some(before) => {
                let after = now.arms.iter().find(|arm| arm.name == before.name);
                after.is_some_and(|after| has_all(before, there, after, now))
            }
        },
        (Some("tasks"), Some(_)) => !there.tasks.iter().any(|task| {
            let rest = change.key.strip_prefix("tasks.");
            rest.and_then(|rest| rest.strip_prefix(&task.name))
                .is_some_and(|rest| rest.starts_with('.'))
        }),
        _ => match change.key.strip_prefix("tuning.metric of task ") {
            Some(name) => !there.tasks.iter().any(|task| task.name == name),
            None => false,
        },
    }
}

/// Whether each contrast that is new has an arm that is new: what is asked of results that are
/// there already is no registered question.
fn has_new_contrasts_of_new_arms(there: &Sweep, now: &Sweep) -> bool {
    let is_known = |name: &String| there.arms.iter().any(|arm| arm.name == *name);
    let mut new = now.contrasts.iter();
    new.all(|one| {
        there.contrasts.contains(one) || !(is_known(&one.baseline) && is_known(&one.treatment))
    })
}

/// The arm that the key belongs to. A name may hold a full stop.
fn owner<'a>(arms: &'a [Arm], key: &str, prefix: &str) -> Option<&'a Arm> {
    let rest = key.strip_prefix(prefix)?;
    arms.iter().find(|arm| {
        let rest = rest.strip_prefix(&arm.name);
        rest.is_some_and(|rest| rest.starts_with(['.', ':']))
    })
}

/// Whether `all` is a list with each entry of the list `some`.
fn holds(all: Option<&Value>, some: Option<&Value>) -> bool {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned();
    let (Some(all), Some(some)) = (list(all), list(some)) else {
        return false;
    };
    some.iter().all(|entry| all.contains(entry))
}

/// Whether `after` trains each setting of `before`, at each batch size that was planned, in their order:
/// of settings that did equally well the first is chosen, and another order would make another choice
/// of what is there.
fn has_all(before: &Arm, there: &Sweep, after: &Arm, now: &Sweep) -> bool {
    there.batch_sizes.iter().all(|&size| {
        let new = settings_at(after, size, now);
        let old = settings_at(before, size, there);
        let mut new = new.iter();
        old.iter().all(|one| new.any(|other| other == one))
    })
}

impl Plan {
    /// Makes `run`, which holds the plan `there`, hold this one, made from `file` with the text
    /// `text`; `over` of its trials are over. No launcher may be at work. Says what was added;
    /// nothing where this plan is the one that is there.
    ///
    /// # Errors
    ///
    /// [`Error::OtherPlan`] where it would take something away, [`Error::OtherData`] where it was
    /// made from other data, and [`Error::Io`].
    pub fn extend(
        mut self,
        there: &Self,
        run: &RunDir,
        file: &Path,
        text: &str,
        over: usize,
    ) -> Result<(Self, Option<Extension>), Error> {
        there.require_data(&self.data, run)?;
        let growth = Growth::new(there, &self)
            .map_err(|taken| Error::not_an_extension(run.root(), file, &taken))?;
        self.history.clone_from(&there.history);
        if growth.is_none() {
            self.write(run, file, text)?;
            return Ok((Self::read(run)?, None));
        }
        self.constraint_defaults = defaults::gone_on_with(
            &there.constraint_defaults,
            &there.sweep,
            self.constraint_defaults,
        );
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let extension = Extension {
            unix_seconds: since.map_or(0, |since| since.as_secs()),
            before: there.trials.len(),
            over,
            kept: growth.kept,
            added: growth.added,
            retired: growth.retired.len(),
            changes: growth.changes,
        };
        let number = there.history.len() + 1;
        keep(run, there, number)?;
        let cells = growth.rechosen.into_iter().map(|cell| (cell, 0));
        choices::reopen(run, there, &cells.collect::<BTreeMap<_, _>>())?;
        files::write(&run.sweep_toml(), text.as_bytes())?;
        self.history.push(extension.clone());
        file::write(run, &self)?;
        files::remove_if_there(&run.extended_trials(number - 1))?;
        Ok((self, Some(extension)))
    }
}

/// Copies the plan and its choices to where they stay. What Slurm was asked for by the indices of
/// that plan goes there, too.
fn keep(run: &RunDir, plan: &Plan, number: usize) -> Result<(), Error> {
    let earlier = run.earlier(number);
    let folder = earlier.root();
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let mut names = vec![run.sweep_toml(), run.plan(), run.frozen()];
    names.push(run.extended_trials(number - 1));
    names.extend((1..plan.sweep.rungs.len()).map(|rung| run.promoted(rung)));
    // What a kill left here of a choice stays: it is missing in the run, or made again.
    for path in names.iter().filter(|path| path.exists()) {
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        files::write(&folder.join(files::name(path)), &bytes)?;
    }
    let from = run.engine().join("slurm");
    if !from.exists() {
        return Ok(());
    }
    let mut free = (1..).map(|number| folder.join(format!("slurm-{number}")));
    let to = free
        .find(|to| !to.exists())
        .expect("there are enough numbers");
    std::fs::rename(&from, &to).map_err(Error::io("move", &from))
}

/// A trial of an earlier plan that is none of the plan now, with the place where its choices are.
#[derive(Debug, Clone, PartialEq)]
pub struct Retired {
    /// The extension that it left the plan with, from 1.
    pub extension: usize,
    /// The trial.
    pub trial: Trial,
}

impl Plan {
    /// The trials of earlier plans of `run` that are none of this one, each once, with the last
    /// plan that had it.
    ///
    /// # Errors
    ///
    /// As [`Plan::read`].
    pub fn retired(&self, run: &RunDir) -> Result<Vec<Retired>, Error> {
        let now: HashSet<&str> = self.trials.iter().map(|trial| trial.id.as_str()).collect();
        let mut found: HashMap<String, Retired> = HashMap::new();
        let mut order = Vec::new();
        for extension in 1..=self.history.len() {
            let earlier = Self::read(&run.earlier(extension))?;
            for trial in earlier.trials {
                if now.contains(trial.id.as_str()) {
                    continue;
                }
                let id = trial.id.clone();
                if found
                    .insert(id.clone(), Retired { extension, trial })
                    .is_none()
                {
                    order.push(id);
                }
            }
        }
        Ok(order
            .into_iter()
            .filter_map(|id| found.remove(&id))
            .collect())
    }
}

impl Extension {
    /// Whether it asked for more seeds where there were some.
    #[must_use]
    pub fn has_more_seeds(&self) -> bool {
        let mut changes = self.changes.iter();
        changes.any(|change| change.starts_with("confirmation.seeds:"))
    }

    /// What was added, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let apart = match self.retired {
            0 => String::new(),
            retired => format!(
                "; {} of the plan before {} kept apart: more settings arrived where they were chosen, \
                 and the choice is made again",
                count(retired, "trial"),
                verb(retired, "is", "are")
            ),
        };
        format!(
            "{} {} added when {} of {} were over; {}{apart}",
            count(self.added, "trial"),
            verb(self.added, "was", "were"),
            self.over,
            self.before,
            staying(self.kept)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trial_is_no_plural() {
        let of = |kept, added, retired: usize| Growth {
            kept,
            added,
            retired: (0..retired).collect(),
            rechosen: Vec::new(),
            changes: Vec::new(),
        };
        assert_eq!(of(1, 1, 0).to_string(), "1 trial more, 1 stays as it is");
        assert_eq!(of(8, 2, 0).to_string(), "2 trials more, 8 stay as they are");
        assert!(of(8, 2, 1).to_string().contains(", 1 is kept apart: "));
        assert!(of(8, 2, 3).to_string().contains(", 3 are kept apart: "));
    }
}
