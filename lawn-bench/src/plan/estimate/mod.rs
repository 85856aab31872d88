//! What a trial takes, measured on the first steps of some and derived for the others, in a few
//! seconds.
//!
//! First the first arm of each task is measured, in the batch sizes of the sweep of which a step
//! takes little. Then every other rule and constraint, all in one process and one small batch: what
//! an optimizer takes beyond another does not grow with the batch. In the time that is left the
//! other arms are measured in the batch sizes of the sweep, too. What is not measured lies on lines
//! through what was. Measurements are kept in the user's cache, by everything that could change
//! them: the content of the data set, the machine and its device, the build, and the configuration.

mod cache;
mod line;
mod measurement;
mod probe;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use lawn_models::CudaProbe;

use crate::Error;
use crate::config::DeviceChoice;
use crate::plan::trials::{Cell, Plan};
use cache::Cache;
use line::Points;
pub use measurement::{Basis, Measurement};
pub use probe::Probe;
use probe::{Answer, Depth, Probed};

/// Time that all measurements of a plan may take together.
const PATIENCE: Duration = Duration::from_secs(8);

/// Least time that a measurement is begun with.
const LEAST: Duration = Duration::from_millis(1500);

/// Batches that a measurement begins with, where the sweep's are larger. In the first one
/// optimizers are compared.
const SMALL: [u64; 2] = [4, 16];

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
    let began = Instant::now();
    let mut survey = Survey {
        plan,
        data_root,
        deadline: began + PATIENCE,
        cache: Cache::read(),
        found: BTreeMap::new(),
        failed: BTreeMap::new(),
        has_device: has_device(plan),
        said,
    };
    let cells = plan.cells();
    let tasks = plan.sweep.tasks.iter();
    let tasks: Vec<Vec<&Cell>> = tasks
        .map(|task| cells.iter().filter(|cell| cell.task == task.name).collect())
        .filter(|own: &Vec<&Cell>| !own.is_empty())
        .collect();
    if !survey.has_device {
        for own in &tasks {
            survey.set_up(own)?;
        }
        return Ok(survey.result(&cells));
    }
    let arms = plan.sweep.arms.len();
    if arms > 1 {
        survey.deadline = began + PATIENCE / 2;
    }
    for own in &tasks {
        survey.arm(own, 0)?;
    }
    survey.deadline = began + PATIENCE;
    for own in &tasks {
        survey.optimizers(own)?;
    }
    for arm in 1..arms {
        for own in &tasks {
            survey.arm(own, arm)?;
        }
    }
    Ok(survey.result(&cells))
}

/// Whether this machine has what the trials of `plan` train on.
fn has_device(plan: &Plan) -> bool {
    plan.sweep.resources.device != DeviceChoice::Cuda
        || matches!(lawn_models::probe().cuda, CudaProbe::Available { .. })
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
    /// Whether this machine has what the trials train on.
    has_device: bool,
    said: S,
}

fn group(cell: &Cell) -> Group {
    (cell.task.clone(), cell.arm.clone())
}

impl<S: FnMut(&str)> Survey<'_, S> {
    /// Measures an arm of a task, by its place among those that the task's `cells` have: in small
    /// batches, and in those of the sweep that can be afforded.
    fn arm(&mut self, cells: &[&Cell], place: usize) -> Result<(), Error> {
        let Some(&cell) = firsts(cells).get(place) else {
            return Ok(());
        };
        // The least batch tells which of the sweep's can be afforded.
        let (depth, small) = match place {
            0 => (Depth::Evaluation, &SMALL[..]),
            _ => (Depth::Steps, &SMALL[..1]),
        };
        let own = sizes(cells);
        let small = small.iter().copied();
        let small: Vec<u64> = small.filter(|size| Some(size) < own.first()).collect();
        let all = [&small[..], &own].concat();
        self.probe(&[cell], (&all, small.len()), depth)?;
        if self.failed.contains_key(&group(cell)) && own != all {
            // So small a batch may be none that it can train.
            self.failed.remove(&group(cell));
            self.probe(&[cell], (&own, 0), depth)?;
        }
        Ok(())
    }

    /// Measures each rule and constraint of a task once, in one small batch, those aside that are
    /// known.
    fn optimizers(&mut self, cells: &[&Cell]) -> Result<(), Error> {
        let mut new: Vec<&Cell> = Vec::new();
        for cell in firsts(cells) {
            let is_known = self.alike(cell).is_some_and(|arm| {
                self.found
                    .contains_key(&(cell.task.clone(), arm.to_owned()))
            });
            let kind = self.kind(cell);
            if !is_known && !new.iter().any(|one| self.kind(one) == kind) {
                new.push(cell);
            }
        }
        let least = sizes(cells).first().map(|&size| size.min(SMALL[0]));
        let Some(size) = least.filter(|_| !new.is_empty()) else {
            return Ok(());
        };
        self.probe(&new, (&[size], 0), Depth::Steps)?;
        // What failed in so small a batch may train in its own.
        for cell in new {
            self.failed.remove(&group(cell));
        }
        Ok(())
    }

    /// Sets up the first trial of each arm of a task, where no step can be taken.
    fn set_up(&mut self, cells: &[&Cell]) -> Result<(), Error> {
        let size: Vec<u64> = sizes(cells).into_iter().take(1).collect();
        self.probe(&firsts(cells), (&size, 0), Depth::SetUp)
    }

    /// Measures cells of one task, each in batches of `sizes`, as [`Probe::of`] takes them, where
    /// that is not known and there is time.
    fn probe(
        &mut self,
        cells: &[&Cell],
        sizes: (&[u64], usize),
        depth: Depth,
    ) -> Result<(), Error> {
        let of = |cells: &[&Cell]| Probe::of(self.plan, cells, sizes, depth, self.data_root);
        let mut left: Vec<(&Cell, String)> = Vec::new();
        let mut known = Vec::new();
        for &cell in cells {
            let Some(probe) = of(&[cell]) else { continue };
            let key = probe.key(self.plan.data.get(&cell.task).map(String::as_str));
            match self.cache.get(&key) {
                Some(probed) => known.push((cell, probed)),
                None => left.push((cell, key)),
            }
        }
        let asked: Vec<&Cell> = left.iter().map(|(cell, _)| *cell).collect();
        let probe = of(&asked).filter(|_| !asked.is_empty());
        for (cell, probed) in known {
            self.keep(cell, probed);
        }
        let Some(probe) = probe else { return Ok(()) };
        if self.deadline.saturating_duration_since(Instant::now()) < LEAST {
            return Ok(());
        }
        let arms: Vec<&str> = asked.iter().map(|cell| cell.arm.as_str()).collect();
        let (verb, size) = match (depth, sizes) {
            (Depth::SetUp, _) => ("setting up", String::new()),
            (_, (&[size], 0)) => ("measuring", format!(" in batches of {size}")),
            _ => ("measuring", String::new()),
        };
        let (task, arms) = (&asked[0].task, arms.join(", "));
        (self.said)(&format!("{verb} {task} · {arms}{size}"));
        match probe.run(self.deadline)? {
            Answer::Probed(probed) => {
                let is_whole = Instant::now() < self.deadline;
                for (of, (cell, key)) in left.into_iter().enumerate() {
                    let own = probed.iter().filter(|one| one.of == of);
                    let own: Vec<Probed> = own
                        .map(|one| Probed {
                            of: 0,
                            ..one.clone()
                        })
                        .collect();
                    // What was cut off is none of the time after.
                    if is_whole && !own.is_empty() {
                        self.cache.put(key, &own);
                    }
                    self.keep(cell, own);
                }
            }
            Answer::Failed(reason) => {
                for cell in asked {
                    self.failed.insert(group(cell), reason.clone());
                }
            }
        }
        Ok(())
    }

    /// The rule and the constraint of the arm of `cell`.
    fn kind(&self, cell: &Cell) -> String {
        self.kind_of(&cell.arm)
    }

    fn kind_of(&self, arm: &str) -> String {
        let mut arms = self.plan.sweep.arms.iter();
        let arm = arms.find(|one| one.name == arm);
        arm.map_or_else(String::new, |arm| {
            let optimizer = &arm.settings[0].optimizer;
            serde_json::json!([optimizer.rule, optimizer.lawn, optimizer.constraint]).to_string()
        })
    }

    /// The arm whose steps say what those of `cell` take: its own, or the first with its rule and
    /// constraint; none where no such arm took any.
    fn alike<'s>(&'s self, cell: &'s Cell) -> Option<&'s str> {
        let stepped = |arm: &&str| {
            let found = self.found.get(&(cell.task.clone(), (*arm).to_owned()));
            found.is_some_and(|found| found.values().any(|one| one.step_seconds.is_some()))
        };
        let kind = self.kind(cell);
        let others = self.plan.sweep.arms.iter().map(|arm| arm.name.as_str());
        let others = others.filter(|arm| self.kind_of(arm) == kind);
        std::iter::once(cell.arm.as_str())
            .chain(others)
            .find(stepped)
    }

    fn keep(&mut self, cell: &Cell, probed: Vec<Probed>) {
        if probed.is_empty() {
            return;
        }
        let probed = probed.into_iter().map(|one| (one.batch_size, one));
        self.found.entry(group(cell)).or_default().extend(probed);
    }

    /// The first arm of the task of `cell` that took steps: the others are derived from it.
    fn base(&self, cell: &Cell) -> Option<&str> {
        let mut arms = self.plan.sweep.arms.iter().map(|arm| arm.name.as_str());
        arms.find(|arm| {
            let known = self.found.get(&(cell.task.clone(), (*arm).to_owned()));
            known.is_some_and(|known| known.values().any(|one| one.step_seconds.is_some()))
        })
    }

    /// What was measured of the arm of `cell`, or of one alike, and of the arm that the others are
    /// derived from.
    fn points(&self, cell: &Cell, of: fn(&Probed) -> Option<f64>) -> [Points; 2] {
        [self.alike(cell), self.base(cell)].map(|arm| {
            let known = arm.and_then(|arm| self.found.get(&(cell.task.clone(), arm.to_owned())));
            let probed = known.into_iter().flatten();
            probed
                .filter_map(|(size, one)| Some((*size, of(one)?)))
                .collect()
        })
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
        if !self.has_device {
            said.push(
                "resources.device = \"cuda\", and there is no CUDA here: what a step takes of time \
                 and memory could not be measured; `lawn plan` says it on a machine that has it"
                    .to_owned(),
            );
            said.retain(|line| !line.starts_with("an evaluation of task"));
        }
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
        let step_seconds = self.step_seconds(cell, cell.batch_size);
        // Where no step can be taken there is still something to say.
        if step_seconds.is_none() && self.has_device {
            return None;
        }
        let treatments = own.and_then(|own| own.values().next());
        Some(Measurement {
            epoch_samples: any.epoch_samples,
            step_seconds,
            evaluation_seconds: evaluation.unwrap_or(0.0),
            start_seconds: any.start_seconds,
            peak_bytes: step_seconds.map_or(0, |_| peak as u64),
            treatments: treatments.map_or_else(Vec::new, |one| one.treatments.clone()),
            without_cuda_kernels: treatments
                .map_or_else(Vec::new, |one| one.without_cuda_kernels.clone()),
            basis: match (exact, self.alike(cell), self.base(cell)) {
                (Some(exact), _, _) if exact.step_seconds.is_some() => Basis::Measured,
                (_, None, Some(base)) => Basis::OtherArm(base.to_owned()),
                (_, Some(_), _) => Basis::OtherBatchSizes,
                (_, None, None) => Basis::Measured,
            },
        })
    }
}

/// The first cell of each arm.
fn firsts<'c>(cells: &[&'c Cell]) -> Vec<&'c Cell> {
    let mut arms: Vec<&Cell> = Vec::new();
    for &cell in cells {
        if !arms.iter().any(|known| known.arm == cell.arm) {
            arms.push(cell);
        }
    }
    arms
}

/// The batch sizes, ascending.
fn sizes(cells: &[&Cell]) -> Vec<u64> {
    let sizes: BTreeSet<u64> = cells.iter().map(|cell| cell.batch_size).collect();
    sizes.into_iter().collect()
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
        let probe = Probe::of(&plan, &[&cell], (&[cell.batch_size], 0), Depth::Steps, None);
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
