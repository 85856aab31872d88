//! What a trial takes, measured on the first steps of some and derived for the others, in a few
//! seconds.
//!
//! One process an arm and task, so that its peak of memory is its own. It begins with a small batch,
//! which tells what can be afforded, and goes on to the batch sizes of the sweep of which a step
//! takes little. What is not measured, since it takes too long or the time is up, lies on lines
//! through what was. Measurements are kept in the user's cache, by everything that could change
//! them: the content of the data set, the machine and its device, the build, and the configuration.

mod cache;
mod line;
mod probe;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use lawn_models::{Amount, Stage, Treatment};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::plan::trials::{Cell, Plan};
use cache::Cache;
use line::Points;
pub use probe::Probe;
use probe::{Answer, Probed};

/// Time that all measurements of a plan may take together.
const PATIENCE: Duration = Duration::from_secs(8);

/// Least time that a measurement is begun with.
const LEAST: Duration = Duration::from_millis(1500);

/// Batch that the measurement of an arm begins with, where its own are larger.
const SMALL: u64 = 16;

/// What the trials of one cell take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Samples in one epoch; negatives count.
    pub epoch_samples: u64,
    /// Seconds of one optimizer step, its samples included.
    pub step_seconds: f64,
    /// Seconds of one evaluation.
    pub evaluation_seconds: f64,
    /// Seconds from the start of the process to the first step.
    pub start_seconds: f64,
    /// Greatest resident memory of the process, in bytes; 0 where the system does not say.
    pub peak_bytes: u64,
    /// What the optimizer does to each parameter, and why; empty where that was not measured.
    pub treatments: Vec<Treatment>,
    /// Whether it was derived from what other cells take.
    #[serde(default)]
    pub derived: bool,
}

impl Measurement {
    /// Bytes of a model's parameters in f32, as they are written to a file.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        let elements = |shape: &[i64]| shape.iter().product::<i64>().unsigned_abs();
        let parameters = self.treatments.iter();
        4 * parameters.map(|one| elements(&one.shape)).sum::<u64>()
    }

    /// Seconds of a trial over `part` of `budget` in batches of `batch_size`. A confirmation
    /// measures the test split at its end, too: as much again as one evaluation.
    #[must_use]
    pub fn trial_seconds(
        &self,
        [budget, every]: [Amount; 2],
        batch_size: u64,
        part: f64,
        stage: Stage,
    ) -> f64 {
        let length = budget.length(self.epoch_samples, batch_size);
        let between = every.length(self.epoch_samples, batch_size);
        let steps = part * length.steps as f64;
        let evaluations = (part * length.samples as f64 / between.samples as f64).ceil();
        let evaluations = evaluations + f64::from(u8::from(stage == Stage::Confirm));
        self.start_seconds + steps * self.step_seconds + evaluations * self.evaluation_seconds
    }
}

/// Measures the trials of some cells, or takes them from the cache, and derives the others; `said`
/// hears what is measured. What could not be measured is told in words.
///
/// # Errors
///
/// [`Error::Spawn`] where no process can be started.
pub fn measure(
    plan: &Plan,
    data_root: Option<&Path>,
    said: impl FnMut(&str),
) -> Result<(BTreeMap<Cell, Measurement>, Vec<String>), Error> {
    let mut survey = Survey {
        plan,
        data_root,
        deadline: Instant::now() + PATIENCE,
        cache: Cache::read(),
        found: BTreeMap::new(),
        failed: BTreeMap::new(),
        said,
    };
    let cells = plan.cells();
    // An arm of each task before any second one: the others are derived from it.
    for arm in 0..plan.sweep.arms.len() {
        for task in &plan.sweep.tasks {
            let own: Vec<&Cell> = cells.iter().filter(|cell| cell.task == task.name).collect();
            survey.arm(&own, arm)?;
        }
    }
    Ok(survey.result(&cells))
}

/// A task and an arm.
type Group = (String, String);

/// What is known so far.
struct Survey<'a, S> {
    plan: &'a Plan,
    data_root: Option<&'a Path>,
    deadline: Instant,
    cache: Cache,
    /// What was measured, by task and arm and by batch size.
    found: BTreeMap<Group, BTreeMap<u64, Probed>>,
    /// Why nothing could be measured, by task and arm.
    failed: BTreeMap<Group, String>,
    said: S,
}

fn group(cell: &Cell) -> Group {
    (cell.task.clone(), cell.arm.clone())
}

impl<S: FnMut(&str)> Survey<'_, S> {
    /// Measures an arm of a task, by its place among those that the task's `cells` have: in a small
    /// batch, and in those of the sweep that can be afforded.
    fn arm(&mut self, cells: &[&Cell], place: usize) -> Result<(), Error> {
        let mut arms: Vec<&Cell> = Vec::new();
        for &cell in cells {
            if !arms.iter().any(|known| known.arm == cell.arm) {
                arms.push(cell);
            }
        }
        let Some(&cell) = arms.get(place) else {
            return Ok(());
        };
        let mut own: Vec<u64> = cells.iter().map(|cell| cell.batch_size).collect();
        own.sort_unstable();
        own.dedup();
        let small = own.first().map(|&least| least.min(SMALL));
        let mut sizes: Vec<u64> = small.into_iter().chain(own.iter().copied()).collect();
        sizes.dedup();
        self.probe(cell, &sizes, place == 0)?;
        if self.failed.contains_key(&group(cell)) && own != sizes {
            // So small a batch may be none that it can train.
            self.failed.remove(&group(cell));
            self.probe(cell, &own, place == 0)?;
        }
        Ok(())
    }

    /// Measures `cell` in batches of `sizes`, where that is not known and there is time.
    fn probe(&mut self, cell: &Cell, sizes: &[u64], evaluates: bool) -> Result<(), Error> {
        let probe = Probe::of(self.plan, cell, sizes, evaluates, self.data_root);
        let Some(probe) = probe else {
            return Ok(());
        };
        let key = probe.key(self.plan.data.get(&cell.task).map(String::as_str));
        if let Some(probed) = self.cache.get(&key) {
            self.keep(cell, probed);
            return Ok(());
        }
        if self.deadline.saturating_duration_since(Instant::now()) < LEAST {
            return Ok(());
        }
        let Cell { task, arm, .. } = cell;
        (self.said)(&format!("measuring {task} · {arm}"));
        match probe.run(self.deadline)? {
            Answer::Probed(probed) => {
                // What was cut off is none of the time after.
                if Instant::now() < self.deadline {
                    self.cache.put(key, &probed);
                }
                self.keep(cell, probed);
            }
            Answer::Failed(reason) => {
                self.failed.insert(group(cell), reason);
            }
        }
        Ok(())
    }

    fn keep(&mut self, cell: &Cell, probed: Vec<Probed>) {
        let probed = probed.into_iter().map(|one| (one.batch_size, one));
        self.found.entry(group(cell)).or_default().extend(probed);
    }

    /// What was measured of the arm of `cell`, and of the arm of its task that was measured first.
    fn points(&self, cell: &Cell, of: fn(&Probed) -> Option<f64>) -> [Points; 2] {
        let points = |probed: Option<&BTreeMap<u64, Probed>>| -> Points {
            let probed = probed.into_iter().flatten();
            probed
                .filter_map(|(size, one)| Some((*size, of(one)?)))
                .collect()
        };
        let arms = self.plan.sweep.arms.iter();
        let mut base = arms.filter_map(|arm| {
            let known = self.found.get(&(cell.task.clone(), arm.name.clone()));
            known.filter(|known| known.values().any(|one| of(one).is_some()))
        });
        [points(self.found.get(&group(cell))), points(base.next())]
    }

    fn value(&self, cell: &Cell, batch_size: u64, of: fn(&Probed) -> Option<f64>) -> Option<f64> {
        let [own, base] = self.points(cell, of);
        line::of_arm(&own, &base, batch_size)
    }

    fn step_seconds(&self, cell: &Cell, batch_size: u64) -> Option<f64> {
        self.value(cell, batch_size, |probed| probed.step_seconds)
    }

    /// What all cells take, and what could not be said.
    fn result(&self, cells: &[Cell]) -> (BTreeMap<Cell, Measurement>, Vec<String>) {
        let mut measured = BTreeMap::new();
        let mut said: Vec<String> = Vec::new();
        for cell in cells {
            match self.cell(cell) {
                Some(found) => drop(measured.insert(cell.clone(), found)),
                None => {
                    let reason = self.failed.get(&group(cell)).map(String::as_str);
                    let reason = reason.unwrap_or("a step takes too long for a plan");
                    said.push(format!("{cell} could not be measured: {reason}"));
                }
            }
        }
        let slow = self.plan.sweep.tasks.iter().filter(|task| {
            let own = || {
                self.found
                    .iter()
                    .filter(|((name, _), _)| *name == task.name)
            };
            let mut probed = own().flat_map(|(_, probed)| probed.values());
            own().next().is_some() && probed.all(|one| one.evaluation_seconds.is_none())
        });
        said.extend(slow.map(|task| {
            format!(
                "an evaluation of task `{}` takes longer than a plan may: its time is left out",
                task.name
            )
        }));
        (measured, said)
    }

    fn cell(&self, cell: &Cell) -> Option<Measurement> {
        let own = self.found.get(&group(cell));
        let exact = own.and_then(|own| own.get(&cell.batch_size));
        let mut of_task = self
            .found
            .iter()
            .filter(|((task, _), _)| *task == cell.task)
            .flat_map(|(_, probed)| probed.values());
        let any = exact
            .or_else(|| own?.values().next())
            .or_else(|| of_task.next())?;
        let evaluation = of_task.chain([any]).find_map(|one| one.evaluation_seconds);
        // Where no step was taken its memory was not either.
        let [own_peaks, peaks] = self.points(cell, |probed| {
            probed.step_seconds.map(|_| probed.peak_bytes as f64)
        });
        // The process itself has most of it: one point says nothing of the samples' part.
        let peak = match own_peaks.len().max(peaks.len()) {
            0 | 1 => any.peak_bytes as f64,
            _ => line::of_arm(&own_peaks, &peaks, cell.batch_size)?,
        };
        let treatments = own.and_then(|own| own.values().next());
        Some(Measurement {
            epoch_samples: any.epoch_samples,
            step_seconds: self.step_seconds(cell, cell.batch_size)?,
            evaluation_seconds: evaluation.unwrap_or(0.0),
            start_seconds: any.start_seconds,
            peak_bytes: peak as u64,
            treatments: treatments.map_or_else(Vec::new, |one| one.treatments.clone()),
            derived: exact.is_none_or(|exact| exact.step_seconds.is_none()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::provenance::Machine;

    const SWEEP: &str = r#"
name = "keys"
batch_sizes = [64]
tasks.feedback = { kind = "ncf", model = "gmf", data = "ml" }
budget.epochs = 2
arms.adam = { rule = "adam", learning_rate = 0.1 }
confirmation.seeds = [1]
"#;

    /// The key of the first cell of a sweep, `from` replaced by `to`, on data with this checksum.
    fn key(from: &str, to: &str, checksum: &str) -> String {
        assert!(SWEEP.contains(from), "{from}");
        let sweep = crate::config::parse("keys.toml", &SWEEP.replace(from, to));
        let sweep = sweep.unwrap_or_else(|error| panic!("{error}"));
        let data = BTreeMap::from([("feedback".to_owned(), checksum.to_owned())]);
        let plan = Plan::new(sweep, data);
        let cell = plan.cells().remove(0);
        let probe = Probe::of(&plan, &cell, &[cell.batch_size], false, None);
        let request = probe.expect("it has a trial");
        request.key(plan.data.get(&cell.task).map(String::as_str))
    }

    #[test]
    fn a_measurement_is_kept_by_all_that_could_change_it() {
        let one = key("64", "64", "0f3c-91ab");
        assert_eq!(
            one,
            key("learning_rate = 0.1", "learning_rate = 0.2", "0f3c-91ab")
        );
        assert_eq!(one, key("seeds = [1]", "seeds = [2]", "0f3c-91ab"));
        // Another data set under the same name.
        assert_ne!(one, key("64", "64", "0f3c-77d0"));
        for (from, to) in [
            ("64", "128"),
            ("\"gmf\"", "\"neumf\""),
            (
                "learning_rate = 0.1",
                "learning_rate = 0.1, weight_decay = 0.1",
            ),
            (
                "learning_rate = 0.1",
                "learning_rate = 0.1, lawn = true, free_fraction = 0.5",
            ),
            ("confirmation", "resources.threads = 2\nconfirmation"),
        ] {
            assert_ne!(one, key(from, to, "0f3c-91ab"), "{to}");
        }
    }

    #[test]
    fn the_machine_is_known_though_shells_do_not_export_its_name() {
        let machine = Machine::this_one(None);
        assert!(!machine.host.is_empty() && machine.host != "unknown");
    }
}
