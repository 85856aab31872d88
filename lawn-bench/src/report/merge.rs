//! The files of all trials, gathered into the records that `lawn-analysis` reads.

use std::collections::BTreeMap;

use lawn_analysis::records::{
    self, BudgetUnit, EpochRow, MeasurementRow, Records, TrialRow, UnitRow,
};
use lawn_models::{Amount, EvaluationRecord, Measurement, Phase, Split, Stage, TaskConfig};

use crate::Error;
use crate::plan::choices::Choices;
use crate::plan::damage::Damage;
use crate::plan::{Plan, Trial};
use crate::run::ending::Ending;
use crate::run::run_dir::RunDir;
use crate::run::trial_dir::TrialDir;

/// What the trials of a run say together.
#[derive(Debug, Clone, Default)]
pub struct RunRecords {
    /// The records of the trials that have an outcome.
    pub records: Records,
    /// Trials that are left out because their outcome or log is damaged.
    pub damaged: Vec<Damage>,
}

impl RunRecords {
    /// By task, the samples of an epoch, where a trial of it has trained.
    pub(crate) fn epoch_samples(&self) -> BTreeMap<String, u64> {
        let trained = self
            .records
            .trials
            .iter()
            .filter(|trial| trial.epochs > 0.0);
        let samples = |trial: &TrialRow| (trial.samples as f64 / trial.epochs).round() as u64;
        trained
            .map(|trial| (trial.task.clone(), samples(trial)))
            .collect()
    }
}

/// Gathers the records of the trials that have an outcome.
///
/// # Errors
///
/// [`Error::Newer`] naming the file, [`Error::Io`], and as [`Choices::read`].
pub fn gather(run: &RunDir, plan: &Plan) -> Result<RunRecords, Error> {
    let choices = Choices::read(run, &plan.sweep)?;
    let (mut records, mut damaged) = (Records::default(), Vec::new());
    for (index, planned) in plan.trials.iter().enumerate() {
        let dir = run.trial(&planned.id);
        let (outcome, log) = match read(&dir) {
            Ok(Some(read)) => read,
            Ok(None) => continue,
            Err(error) => {
                damaged.push(Damage::from_error(plan, index, error)?);
                continue;
            }
        };
        let Some(task) = plan.task(&planned.cell.task) else {
            continue;
        };
        let setting = plan.resolve(index, &choices).ok();
        let tuned = setting
            .as_ref()
            .map(|(setting, config)| (*setting, &config.optimizer));
        let hyperparameters = tuned.map_or(Ok("{}".into()), |(_, optimizer)| {
            serde_json::to_string(optimizer)
        });
        let hyperparameters =
            hyperparameters.map_err(|error| Error::damaged(dir.trial(), error.to_string()))?;
        let setting = tuned.map(|(setting, _)| setting);
        records.trials.push(trial_row(
            plan,
            planned,
            task,
            setting,
            hyperparameters,
            &outcome,
            &log,
        ));
        let metric = task.metrics().primary;
        for record in &log {
            records.epochs.push(epoch_row(&planned.id, metric, record));
            records
                .units
                .extend(record.units.iter().map(|unit| UnitRow {
                    trial_id: planned.id.clone(),
                    epoch: record.epoch,
                    parameter: unit.parameter.clone(),
                    weight_norm: unit.weight_norm,
                    constrained: unit.constrained,
                }));
            let measured = record.measurements.iter();
            records
                .measurements
                .extend(measured.map(|one| measurement_row(&planned.id, record.epoch, one)));
        }
        if let Some(summary) = &outcome.summary {
            // The last epoch's record holds the other splits already.
            let test = summary
                .measurements
                .iter()
                .filter(|one| one.split == Split::Test);
            records
                .measurements
                .extend(test.map(|one| measurement_row(&planned.id, summary.epochs, one)));
        }
    }
    Ok(RunRecords { records, damaged })
}

/// How a trial ended and what it measured, if it has an outcome.
///
/// Only the outcome knows the length of the log: a log that was cut between two lines looks
/// whole.
fn read(dir: &TrialDir) -> Result<Option<(Ending, Vec<EvaluationRecord>)>, Error> {
    let Some(outcome) = dir.read_outcome()? else {
        return Ok(None);
    };
    let log = dir.read_log()?.records;
    match outcome.recorded {
        Some(recorded) if outcome.is_final() && recorded != log.len() => {
            let found = format!("it has {} of {recorded} records", log.len());
            Err(Error::damaged(dir.log(), found))
        }
        _ => Ok(Some((outcome, log))),
    }
}

fn trial_row(
    plan: &Plan,
    planned: &Trial,
    task: &TaskConfig,
    setting: Option<usize>,
    hyperparameters: String,
    outcome: &Ending,
    log: &[EvaluationRecord],
) -> TrialRow {
    let metric = task.metrics().primary;
    let summary = outcome.summary.as_ref();
    let last = log.last();
    let find = |split| summary.and_then(|summary| find(&summary.measurements, split, metric));
    let value = |split| find(split).map(|measured| measured.value);
    let test = find(Split::Test);
    let sum = |part: fn(&EvaluationRecord) -> f64| log.iter().map(part).sum::<f64>();
    let train = sum(|record| record.seconds.train);
    let data = sum(|record| record.seconds.data);
    let evaluate = sum(|record| record.seconds.evaluate);
    let samples = summary
        .map(|summary| summary.samples)
        .or(last.map(|record| record.samples))
        .unwrap_or(0);
    TrialRow {
        sweep: plan.sweep.name.clone(),
        task: planned.cell.task.clone(),
        arm: planned.cell.arm.clone(),
        batch_size: signed(planned.cell.batch_size),
        stage: stage(planned.stage),
        // A cell whose every setting failed has none to confirm.
        setting: setting.map_or(-1, |setting| signed(setting as u64)),
        seed: signed(planned.seed),
        trial_id: planned.id.clone(),
        hyperparameters,
        outcome: outcome.outcome,
        detail: outcome.detail.clone(),
        ranks: Some(outcome.ranks.as_ref().map_or(1, |ranks| ranks.ranks.into())),
        frozen_at_step: summary
            .and_then(|summary| summary.frozen_at_step)
            .or(last.and_then(|record| record.frozen_at_step))
            .map(signed),
        rank_backend: outcome.ranks.as_ref().map(|ranks| ranks.backend.clone()),
        budget_unit: Some(budget_unit(plan.sweep.budget)),
        budget_amount: Some(signed(plan.sweep.budget.count())),
        epochs: summary
            .map(|summary| summary.epochs)
            .or(last.map(|record| record.epoch))
            .unwrap_or(0.0),
        steps: signed(
            summary
                .map(|summary| summary.steps)
                .or(last.map(|record| record.step))
                .unwrap_or(0),
        ),
        samples: signed(samples),
        metric: metric.into(),
        higher_is_better: task.metrics().is_higher_better(metric),
        train_metric: value(Split::Train),
        validation_metric: value(Split::Validation),
        test_metric: value(Split::Test),
        test_count: test.and_then(|measured| measured.count).map(signed),
        test_total: test.and_then(|measured| measured.total).map(signed),
        train_loss: summary.map(|summary| summary.train_loss),
        seconds_train: train,
        seconds_data: data,
        seconds_evaluate: evaluate,
        seconds_total: train + data + evaluate + sum(|record| record.seconds.checkpoint),
        samples_per_second: (train > 0.0).then(|| samples as f64 / train),
    }
}

fn epoch_row(trial_id: &str, metric: &str, record: &EvaluationRecord) -> EpochRow {
    let value = |split| find(&record.measurements, split, metric).map(|measured| measured.value);
    EpochRow {
        trial_id: trial_id.to_owned(),
        epoch: record.epoch,
        step: signed(record.step),
        samples: signed(record.samples),
        phase: phase(record.phase),
        learning_rate: record.learning_rate,
        train_loss: record.train_loss,
        train_metric: value(Split::Train),
        validation_metric: value(Split::Validation),
        logit_mean_abs: record.logit_mean_abs,
        logit_max_abs: record.logit_max_abs,
        gradient_norm: record.gradient_norm,
        weight_norm: record.weight_norm,
        distance_from_freeze: record.distance_from_freeze,
        function_distance: record.function_distance,
        samples_per_second: record.samples_per_second,
        seconds_train: record.seconds.train,
        seconds_data: record.seconds.data,
        seconds_evaluate: record.seconds.evaluate,
        seconds_checkpoint: record.seconds.checkpoint,
    }
}

fn measurement_row(trial_id: &str, epoch: f64, measured: &Measurement) -> MeasurementRow {
    MeasurementRow {
        trial_id: trial_id.to_owned(),
        epoch,
        split: split(measured.split),
        metric: measured.metric.clone(),
        value: measured.value,
        count: measured.count.map(signed),
        total: measured.total.map(signed),
    }
}

fn find<'m>(
    measurements: &'m [Measurement],
    split: Split,
    metric: &str,
) -> Option<&'m Measurement> {
    measurements
        .iter()
        .find(|measured| measured.split == split && measured.metric == metric)
}

/// Parquet's integers are signed; a count that does not fit is far beyond any run.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn stage(stage: Stage) -> records::Stage {
    match stage {
        Stage::Tune => records::Stage::Tune,
        Stage::Confirm => records::Stage::Confirm,
    }
}

fn budget_unit(budget: Amount) -> BudgetUnit {
    match budget {
        Amount::Epochs(_) => BudgetUnit::Epochs,
        Amount::Steps(_) => BudgetUnit::Steps,
        Amount::Samples(_) => BudgetUnit::Samples,
    }
}

fn phase(phase: Phase) -> records::Phase {
    match phase {
        Phase::Free => records::Phase::Free,
        Phase::Constrained => records::Phase::Constrained,
    }
}

fn split(split: Split) -> records::Split {
    match split {
        Split::Train => records::Split::Train,
        Split::Validation => records::Split::Validation,
        Split::Test => records::Split::Test,
    }
}
