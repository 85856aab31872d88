//! Trials by task, arm, batch size and seed, never by position.

use std::collections::{BTreeMap, HashMap};

use crate::error::Error;
use crate::records::{EpochRow, Outcome, Phase, Records, Stage, TrialRow};

/// What one epoch of a confirmation trial recorded, as far as it is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// The epoch, counted from 1.
    pub epoch: f64,
    /// Optimizer steps taken by its end.
    pub step: i64,
    /// Seconds in training steps of this epoch.
    pub seconds_train: f64,
    /// The phase that it ended in.
    pub phase: Phase,
    /// Primary metric on the validation data.
    pub validation_metric: Option<f64>,
    /// Mean training loss.
    pub train_loss: f64,
    /// Mean magnitude of the logits.
    pub logit_mean_abs: f64,
    /// Distance of the weights from where they were at the freeze.
    pub distance_from_freeze: Option<f64>,
}

impl From<&EpochRow> for CurvePoint {
    fn from(row: &EpochRow) -> Self {
        Self {
            epoch: row.epoch,
            step: row.step,
            seconds_train: row.seconds_train,
            phase: row.phase,
            validation_metric: row.validation_metric,
            train_loss: row.train_loss,
            logit_mean_abs: row.logit_mean_abs,
            distance_from_freeze: row.distance_from_freeze,
        }
    }
}

/// The trials of one task, each in its place.
#[derive(Clone, Debug)]
pub struct Task {
    /// Name of the task.
    pub name: String,
    /// Name of the primary metric.
    pub metric: String,
    /// Whether more of it is better.
    pub higher_is_better: bool,
    /// Arms in the order in which the records name them.
    pub arms: Vec<String>,
    /// Batch sizes of all trials of any stage, rising. They are the planned ones, whatever
    /// succeeded.
    pub batch_sizes: Vec<i64>,
    cells: BTreeMap<(String, i64), BTreeMap<i64, TrialRow>>,
    tuning: BTreeMap<(String, i64), Vec<TrialRow>>,
    curves: HashMap<String, Vec<CurvePoint>>,
}

impl Task {
    /// +1 where more of the metric is better, −1 where less is.
    pub fn sign(&self) -> f64 {
        if self.higher_is_better { 1.0 } else { -1.0 }
    }

    /// The confirmation trials of an arm at a batch size, by seed; finished or not.
    pub fn confirmations(&self, arm: &str, batch_size: i64) -> impl Iterator<Item = &TrialRow> {
        self.cells
            .get(&(arm.to_owned(), batch_size))
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// The confirmation trial of one seed.
    pub fn confirmation(&self, arm: &str, batch_size: i64, seed: i64) -> Option<&TrialRow> {
        self.cells.get(&(arm.to_owned(), batch_size))?.get(&seed)
    }

    /// The tuning trials of an arm at a batch size, in the order of the records.
    pub fn tuning(&self, arm: &str, batch_size: i64) -> &[TrialRow] {
        self.tuning
            .get(&(arm.to_owned(), batch_size))
            .map_or(&[], Vec::as_slice)
    }

    /// All trials, of either stage, by arm, then batch size.
    pub fn trials(&self) -> impl Iterator<Item = &TrialRow> {
        let places = self
            .arms
            .iter()
            .flat_map(|arm| self.batch_sizes.iter().map(move |batch| (arm, *batch)));
        places.flat_map(|(arm, batch)| {
            self.confirmations(arm, batch)
                .chain(self.tuning(arm, batch))
        })
    }

    /// The epochs of a trial, in order; empty where none were recorded.
    pub fn curve(&self, trial: &TrialRow) -> &[CurvePoint] {
        self.curves.get(&trial.trial_id).map_or(&[], Vec::as_slice)
    }

    /// Seeds of all confirmation trials of an arm, rising.
    pub fn seeds(&self, arm: &str) -> Vec<i64> {
        let of_arm = self.cells.iter().filter(|((name, _), _)| name == arm);
        let mut seeds: Vec<i64> = of_arm.flat_map(|(_, cell)| cell.keys().copied()).collect();
        seeds.sort_unstable();
        seeds.dedup();
        seeds
    }
}

/// Puts every trial in its place, task by task, in the order of the records.
///
/// # Errors
/// [`Error::DuplicateTrial`] where two confirmation trials claim one place;
/// [`Error::MixedTask`] where trials of a task disagree about the metric;
/// [`Error::NotFiniteTrial`] where a trial that ended well has a metric that is no number.
pub fn tasks(records: &Records) -> Result<Vec<Task>, Error> {
    let mut tasks: Vec<Task> = Vec::new();
    for trial in &records.trials {
        let index = match tasks.iter().position(|task| task.name == trial.task) {
            Some(index) => index,
            None => {
                tasks.push(Task {
                    name: trial.task.clone(),
                    metric: trial.metric.clone(),
                    higher_is_better: trial.higher_is_better,
                    arms: Vec::new(),
                    batch_sizes: Vec::new(),
                    cells: BTreeMap::new(),
                    tuning: BTreeMap::new(),
                    curves: HashMap::new(),
                });
                tasks.len() - 1
            }
        };
        insert(&mut tasks[index], trial)?;
    }
    let mut places = HashMap::new();
    for (index, task) in tasks.iter_mut().enumerate() {
        task.batch_sizes.sort_unstable();
        places.extend(task.trials().map(|trial| (trial.trial_id.clone(), index)));
    }
    for epoch in &records.epochs {
        if let Some(index) = places.get(&epoch.trial_id) {
            let curves = &mut tasks[*index].curves;
            match curves.get_mut(&epoch.trial_id) {
                Some(curve) => curve.push(epoch.into()),
                None => {
                    curves.insert(epoch.trial_id.clone(), vec![epoch.into()]);
                }
            }
        }
    }
    for curve in tasks.iter_mut().flat_map(|task| task.curves.values_mut()) {
        curve.sort_by(|one, other| one.epoch.total_cmp(&other.epoch));
    }
    Ok(tasks)
}

fn insert(task: &mut Task, trial: &TrialRow) -> Result<(), Error> {
    check(task, trial)?;
    if !task.arms.contains(&trial.arm) {
        task.arms.push(trial.arm.clone());
    }
    if !task.batch_sizes.contains(&trial.batch_size) {
        task.batch_sizes.push(trial.batch_size);
    }
    let place = (trial.arm.clone(), trial.batch_size);
    match trial.stage {
        Stage::Tune => task.tuning.entry(place).or_default().push(trial.clone()),
        Stage::Confirm => {
            let cell = task.cells.entry(place).or_default();
            if let Some(first) = cell.insert(trial.seed, trial.clone()) {
                return Err(Error::DuplicateTrial {
                    task: trial.task.clone(),
                    arm: trial.arm.clone(),
                    batch_size: trial.batch_size,
                    seed: trial.seed,
                    first: first.trial_id,
                    second: trial.trial_id.clone(),
                });
            }
        }
    }
    Ok(())
}

fn check(task: &Task, trial: &TrialRow) -> Result<(), Error> {
    let mixed = |what, expected: &dyn std::fmt::Display, found: &dyn std::fmt::Display| {
        Err(Error::MixedTask {
            task: task.name.clone(),
            trial_id: trial.trial_id.clone(),
            what,
            expected: expected.to_string(),
            found: found.to_string(),
        })
    };
    if task.metric != trial.metric {
        return mixed("metric", &task.metric, &trial.metric);
    }
    if task.higher_is_better != trial.higher_is_better {
        return mixed(
            "higher_is_better",
            &task.higher_is_better,
            &trial.higher_is_better,
        );
    }
    if trial.outcome != Outcome::Ok {
        return Ok(());
    }
    let metrics = [
        ("train_metric", trial.train_metric),
        ("validation_metric", trial.validation_metric),
        ("test_metric", trial.test_metric),
    ];
    for (what, value) in metrics {
        if let Some(value) = value.filter(|value| !value.is_finite()) {
            let trial_id = trial.trial_id.clone();
            return Err(Error::NotFiniteTrial {
                trial_id,
                what,
                value,
            });
        }
    }
    Ok(())
}
