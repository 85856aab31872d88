//! What a trial takes, measured on the first steps of some and derived for the others, in a few
//! seconds.
//!
//! First the first arm of each task is measured, from a small batch up to the batch sizes of the
//! sweep, or as far as a step takes little. Then every other rule and constraint, all in one process and one small batch: what
//! an optimizer takes beyond another does not grow with the batch. In the time that is left the
//! other arms are measured in the batch sizes of the sweep, too. What is not measured lies on lines
//! through what was. Measurements are kept in the user's cache, by everything that could change
//! them: the content of the data set, the machine and its device, the build, and the configuration.

mod cache;
mod climb;
mod derive;
mod hearing;
mod line;
mod measurement;
mod probe;
mod stopwatch;
#[cfg(test)]
mod tests;
mod waits;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use lawn_models::CudaProbe;

use crate::Error;
use crate::config::DeviceChoice;
use crate::plan::trials::{Cell, Plan};
use cache::{Cache, Kept};
use hearing::{Answer, End};
pub use measurement::{Basis, Measurement};
pub use probe::Probe;
use probe::{Depth, Probed, Sizes};

/// Time that all measurements of a plan may take together.
const PATIENCE: Duration = Duration::from_secs(8);

/// Time that a plan may take with its measurements, from the start of its command.
const WHOLE: Duration = Duration::from_secs(9);

/// Time from which on a plan is one of data that take long, whatever it measures.
const LONG: Duration = Duration::from_secs(30);

/// Least time that a measurement is begun with.
const LEAST: Duration = Duration::from_millis(1500);

/// The batch that a measurement begins with, where the sweep's are larger. In it optimizers are
/// compared.
const SMALL: u64 = 4;

/// Measures the trials of some cells, or takes them from the cache, and derives the others; `said`
/// hears what is measured. What could not be measured is told in words. The command began so long `ago`.
///
/// # Errors
///
/// [`Error::Spawn`] where no process can be started.
pub fn measure(
    plan: &Plan,
    data_root: Option<&Path>,
    ago: Duration,
    said: impl FnMut(&str),
) -> Result<(BTreeMap<Cell, Measurement>, Vec<String>), Error> {
    let (began, patience) = (Instant::now(), patience(ago));
    let mut survey = Survey {
        plan,
        data_root,
        deadline: began + patience,
        cache: Cache::read(),
        found: BTreeMap::new(),
        failed: BTreeMap::new(),
        died: BTreeMap::new(),
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
        for (own, left) in tasks.iter().zip((1..=tasks.len() as u32).rev()) {
            let share = patience.saturating_sub(began.elapsed()) / left;
            survey.deadline = Instant::now() + share;
            survey.set_up(own)?;
        }
        return Ok(survey.result(&cells));
    }
    let arms = plan.sweep.arms.len();
    let until = match arms {
        1 => patience,
        _ => patience * 5 / 8,
    };
    for (own, left) in tasks.iter().zip((1..=tasks.len() as u32).rev()) {
        let share = until.saturating_sub(began.elapsed()) / left;
        let deadline = Instant::now() + share.max(2 * LEAST);
        survey.deadline = deadline.min(began + patience);
        survey.first_arm(own)?;
    }
    survey.deadline = began + patience;
    for own in &tasks {
        survey.optimizers(own)?;
    }
    for arm in 1..arms {
        for own in &tasks {
            survey.other_arm(own, arm)?;
        }
    }
    Ok(survey.result(&cells))
}

/// Time for measurements of a command that began so long `ago`: what is left of it. After so long that it was
/// for data that are read once and kept, nobody waits for the rest.
fn patience(ago: Duration) -> Duration {
    match ago < LONG {
        true => WHOLE.saturating_sub(ago).min(PATIENCE),
        false => PATIENCE,
    }
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
    /// Why a measurement that had begun came to no end, by task and arm.
    died: BTreeMap<Group, String>,
    /// Whether this machine has what the trials train on.
    has_device: bool,
    said: S,
}

fn group(cell: &Cell) -> Group {
    (cell.task.clone(), cell.arm.clone())
}

impl<S: FnMut(&str)> Survey<'_, S> {
    /// Measures the first arm of a task: steps from a small batch up to those of the sweep, and an
    /// evaluation.
    fn first_arm(&mut self, cells: &[&Cell]) -> Result<(), Error> {
        let Some(&cell) = firsts(cells).first() else {
            return Ok(());
        };
        let own = sizes(cells);
        let climb = Sizes {
            first: own
                .first()
                .and_then(|&least| (SMALL < least).then_some(SMALL)),
            own: own.clone(),
            ..Sizes::default()
        };
        self.probe(&[cell], &climb, Depth::Evaluation)?;
        if climb.first.is_some() && self.failed.remove(&group(cell)).is_some() {
            // So small a batch may be none that it can train.
            self.probe(
                &[cell],
                &Sizes {
                    own,
                    ..Sizes::default()
                },
                Depth::Evaluation,
            )?;
        }
        Ok(())
    }

    /// Measures another arm of a task, by its place among those that the task's `cells` have, in
    /// those batch sizes of the sweep that can be afforded, by what is known.
    fn other_arm(&mut self, cells: &[&Cell], place: usize) -> Result<(), Error> {
        let Some(&cell) = firsts(cells).get(place) else {
            return Ok(());
        };
        let own = sizes(cells);
        let expected = own.iter();
        let expected = expected.filter_map(|&size| Some((size, self.step_seconds(cell, size)?)));
        let sizes = Sizes {
            expected: expected.collect(),
            first: None,
            own,
        };
        self.probe(&[cell], &sizes, Depth::Steps)
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
        let least = sizes(cells).first().map(|&size| size.min(SMALL));
        let Some(size) = least.filter(|_| !new.is_empty()) else {
            return Ok(());
        };
        self.probe(&new, &Sizes::one(size), Depth::Steps)?;
        // What failed in so small a batch may train in its own.
        for cell in new {
            self.failed.remove(&group(cell));
            self.died.remove(&group(cell));
        }
        Ok(())
    }

    /// Sets up the first trial of each arm of a task, where no step can be taken.
    fn set_up(&mut self, cells: &[&Cell]) -> Result<(), Error> {
        let Some(&size) = sizes(cells).first() else {
            return Ok(());
        };
        self.probe(&firsts(cells), &Sizes::one(size), Depth::SetUp)
    }

    /// Measures cells of one task, each in batches of `sizes`, where that is not known and there is
    /// time.
    fn probe(&mut self, cells: &[&Cell], sizes: &Sizes, depth: Depth) -> Result<(), Error> {
        let given = self.deadline.saturating_duration_since(Instant::now());
        let given = given.as_secs_f64();
        let of = |cells: &[&Cell]| Probe::of(self.plan, cells, sizes, depth, self.data_root);
        let mut left: Vec<(&Cell, String)> = Vec::new();
        let mut known = Vec::new();
        for &cell in cells {
            let Some(probe) = of(&[cell]) else { continue };
            let key = probe.key(self.plan.data.get(&cell.task).map(String::as_str));
            let kept = self.cache.get(&key);
            known.extend(kept.map(|kept| (cell, kept.probed.clone())));
            if !kept.is_some_and(|kept| kept.serves(given)) {
                left.push((cell, key));
            }
        }
        let asked: Vec<&Cell> = left.iter().map(|(cell, _)| *cell).collect();
        let probe = of(&asked).filter(|_| !asked.is_empty());
        for (cell, probed) in known {
            self.keep(cell, probed);
        }
        let Some(probe) = probe else { return Ok(()) };
        let expected = sizes.expected.values().next().copied().unwrap_or(0.0);
        let needed = LEAST.max(LEAST / 2 + Duration::from_secs_f64(4.0 * expected));
        if self.deadline.saturating_duration_since(Instant::now()) < needed {
            return Ok(());
        }
        let arms: Vec<&str> = asked.iter().map(|cell| cell.arm.as_str()).collect();
        let (verb, size) = match (depth, &sizes.own[..]) {
            (Depth::SetUp, _) => ("setting up", String::new()),
            (_, &[size]) if sizes.first.is_none() => {
                ("measuring", format!(" in batches of {size}"))
            }
            _ => ("measuring", String::new()),
        };
        let (task, arms) = (&asked[0].task, arms.join(", "));
        (self.said)(&format!("{verb} {task} · {arms}{size}"));
        match probe.run(self.deadline)? {
            Answer::Probed(probed, end) => {
                for (of, (cell, key)) in left.into_iter().enumerate() {
                    let own = probed.iter().filter(|one| one.of == of);
                    let own: Vec<Probed> = own
                        .map(|one| Probed {
                            of: 0,
                            ..one.clone()
                        })
                        .collect();
                    let is_whole = depth.is_whole(sizes, &own);
                    let has_steps = own.iter().any(|one| one.step_seconds.is_some());
                    match &end {
                        // One of several may have come to nothing by itself.
                        End::Through if is_loaded(&own) || has_diverged(&own) => {}
                        End::Through if has_steps || is_whole => {
                            let kept = Kept {
                                probed: own.clone(),
                                given: (!is_whole).then_some(given),
                            };
                            self.cache.put(key, kept);
                        }
                        End::Died(reason) if has_steps && !is_whole => {
                            self.died.insert(group(cell), reason.clone());
                        }
                        End::Died(reason) if !is_whole => {
                            self.failed.insert(group(cell), reason.clone());
                        }
                        // What was cut off is none of the time after.
                        End::Through | End::TimeUp | End::Died(_) => {}
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

    fn keep(&mut self, cell: &Cell, probed: Vec<Probed>) {
        if probed.is_empty() {
            return;
        }
        let probed = probed.into_iter().map(|one| (one.batch_size, one));
        self.found.entry(group(cell)).or_default().extend(probed);
    }
}

/// The part of a step's time from which on it is said that it waited for others.
pub const LOADED: f64 = 0.1;

/// Whether others had the cores while this was measured: it is measured again for the next plan.
fn is_loaded(probed: &[Probed]) -> bool {
    probed.iter().any(|one| one.waited >= LOADED)
}

/// Whether steps diverged before they were measured, as they would not at another learning rate.
fn has_diverged<'p>(probed: impl IntoIterator<Item = &'p Probed>) -> bool {
    let mut probed = probed.into_iter();
    probed.any(|one| one.diverged.is_some())
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
