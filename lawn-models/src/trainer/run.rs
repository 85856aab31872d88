//! The loop over epochs and steps.

use std::time::Instant;

use lawn_core::{Optimizer, Phase};
use tch::{Device, Kind, Tensor};

use super::build::{self, Budget};
use super::checkpoint::{self, Progress};
use super::{Measured, Task, TestPermit, TrialError};
use crate::config::{TaskConfig, TrialConfig, TrialContext};
use crate::image::ImageTask;
use crate::ncf::NcfTask;
use crate::record::{EpochRecord, Observer, TrialEnd, TrialInfo, TrialSummary, UnitNorm};
use crate::system;

/// Trains one trial from its start, or from its checkpoint where there is one.
///
/// On the CPU a trial that was stopped, or killed, and run again with the same
/// number of threads ends with the same bits as one that ran through.
///
/// # Errors
/// [`TrialError`] when the trial cannot be set up or carried on. Numbers that
/// stop being finite are [`TrialEnd::Diverged`] instead.
///
/// ```
/// use std::time::Duration;
/// use lawn_models::*;
///
/// let config = TrialConfig {
///     task: TaskConfig::from_table("ncf", serde_json::json!({
///         "model": "gmf", "synthetic": { "users": 50, "items": 200 },
///     }))?,
///     optimizer: OptimizerSettings::new(RuleName::Adam, 1e-2),
///     batch_size: 256,
///     epochs: 1,
///     seed: 0,
///     stage: Stage::Tune,
///     micro_batch_size: None,
/// };
/// let folder = tempfile::tempdir()?;
/// let context = TrialContext {
///     device: Device::Cpu,
///     data_root: None,
///     checkpoint: folder.path().join("checkpoint.safetensors"),
///     checkpoint_every: Duration::from_secs(60),
/// };
/// let end = run_trial(&config, &context, &mut Silent)?;
/// assert!(matches!(end, TrialEnd::Finished(summary) if summary.epochs == 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run_trial(
    config: &TrialConfig,
    context: &TrialContext,
    observer: &mut dyn Observer,
) -> Result<TrialEnd, TrialError> {
    config.validate()?;
    system::require_device(context.device)?;
    system::catch_out_of_memory(|| Trainer::new(config, context)?.run(observer))
}

struct Trainer<'a> {
    config: &'a TrialConfig,
    context: &'a TrialContext,
    task: Box<dyn Task>,
    optimizer: Optimizer,
    budget: Budget,
    progress: Progress,
    /// Scalar f64 on the device, so that no step waits for it.
    loss_sum: Tensor,
    last_step: (Phase, f64),
    last_checkpoint: Instant,
}

impl<'a> Trainer<'a> {
    fn new(config: &'a TrialConfig, context: &'a TrialContext) -> Result<Self, TrialError> {
        let mut task = task(config, context)?;
        let steps_per_epoch = task.train_samples().div_ceil(config.batch_size);
        let budget = Budget {
            steps_per_epoch,
            steps: steps_per_epoch * config.epochs,
        };
        let mut optimizer =
            build::optimizer(&config.optimizer, budget).build(task.parameters()?)?;
        let progress = if context.checkpoint.exists() {
            checkpoint::load(
                &context.checkpoint,
                config,
                task.store_mut(),
                &mut optimizer,
            )?
        } else {
            Progress::default()
        };
        let loss_sum = Tensor::from(progress.loss_sum).to_device(context.device);
        Ok(Self {
            config,
            context,
            task,
            last_step: (optimizer.phase(), optimizer.learning_rate()),
            optimizer,
            budget,
            progress,
            loss_sum,
            last_checkpoint: Instant::now(),
        })
    }

    fn run(mut self, observer: &mut dyn Observer) -> Result<TrialEnd, TrialError> {
        observer.started(&TrialInfo {
            steps_per_epoch: self.budget.steps_per_epoch,
            steps: self.budget.steps,
            train_samples: self.task.train_samples(),
            resumed_epoch: self.progress.epoch,
            treatments: self.optimizer.treatments().to_vec(),
        });
        while self.progress.epoch < self.config.epochs {
            if let Some(end) = self.train_epoch(observer)? {
                return Ok(end);
            }
            match self.close_epoch() {
                Ok(record) => observer.epoch(&record),
                Err(reason) => return Ok(self.diverged(reason)),
            }
            if self.last_checkpoint.elapsed() >= self.context.checkpoint_every {
                self.save()?;
            }
        }
        self.finish()
    }

    /// Trains what is left of the epoch under way; ends early with an end.
    fn train_epoch(&mut self, observer: &mut dyn Observer) -> Result<Option<TrialEnd>, TrialError> {
        let started = Instant::now();
        let waited = self.progress.seconds.data;
        self.task.start_epoch(self.progress.epoch + 1);
        self.progress.seconds.data += started.elapsed().as_secs_f64();
        let mut end = None;
        while end.is_none() && self.progress.step_in_epoch < self.budget.steps_per_epoch {
            if observer.stop_requested() {
                end = Some(TrialEnd::Preempted {
                    epoch: self.progress.epoch,
                    step: self.optimizer.steps(),
                });
            } else if let Some(reason) = self.step()? {
                end = Some(self.diverged(reason));
            } else {
                observer.progress(self.optimizer.steps(), self.budget.steps);
            }
        }
        self.synchronize();
        let waited = self.progress.seconds.data - waited;
        self.progress.seconds.train += started.elapsed().as_secs_f64() - waited;
        if let Some(TrialEnd::Preempted { .. }) = end {
            self.save()?;
        }
        Ok(end)
    }

    /// One optimizer step; the reason why not, where numbers stop being finite.
    fn step(&mut self) -> Result<Option<String>, TrialError> {
        let start = self.progress.step_in_epoch * self.config.batch_size;
        let count = self
            .config
            .batch_size
            .min(self.task.train_samples() - start);
        let part = self.part(count);
        self.optimizer.zero_grad();
        let mut done = 0;
        while done < count {
            let taken = part.min(count - done);
            let asked = Instant::now();
            let batch = self.task.batch(start + done, taken);
            self.progress.seconds.data += asked.elapsed().as_secs_f64();
            let loss = self.task.loss(&batch);
            // Each part is divided by the whole batch: their gradients add up
            // to those of the mean.
            (&loss / count as f64).backward();
            self.loss_sum += loss.detach().to_kind(Kind::Double);
            done += taken;
        }
        let report = self.optimizer.step()?;
        if report.skipped() {
            return Ok(Some("the gradient is not finite".to_owned()));
        }
        self.last_step = (report.phase, report.learning_rate);
        self.progress.gradient_norm_sum += report.gradient_norm();
        self.progress.step_in_epoch += 1;
        Ok(None)
    }

    /// Samples in memory at once, such that cutting a batch changes nothing but
    /// rounding.
    fn part(&self, count: u64) -> u64 {
        match self.config.micro_batch_size {
            Some(limit) if limit < count => limit.next_multiple_of(self.task.divisible_by()),
            _ => count,
        }
    }

    /// Measures after an epoch's last step; the reason, where it diverged.
    fn close_epoch(&mut self) -> Result<EpochRecord, String> {
        let samples = self.task.train_samples();
        let train_loss = self.loss_sum.double_value(&[]) / samples as f64;
        let units: Vec<UnitNorm> = self
            .optimizer
            .weight_norms()
            .into_iter()
            .map(|unit| UnitNorm {
                parameter: unit.parameter,
                weight_norm: unit.norm,
                constrained: unit.constrained,
            })
            .collect();
        let weight_norm = units
            .iter()
            .map(|unit| unit.weight_norm.powi(2))
            .sum::<f64>()
            .sqrt();
        let started = Instant::now();
        let Measured {
            measurements,
            logit_mean_abs,
            logit_max_abs,
        } = self.task.measure();
        let mut seconds = self.progress.seconds;
        seconds.evaluate = started.elapsed().as_secs_f64();
        for (what, value) in [
            ("the train loss", train_loss),
            ("a parameter", weight_norm),
            ("a logit", logit_max_abs),
            ("a logit", logit_mean_abs),
        ] {
            if !value.is_finite() {
                return Err(format!("{what} is not finite"));
            }
        }
        let epoch = self.progress.epoch + 1;
        let (phase, learning_rate) = self.last_step;
        let record = EpochRecord {
            epoch,
            step: self.optimizer.steps(),
            samples: epoch * samples,
            phase,
            learning_rate,
            train_loss,
            measurements,
            logit_mean_abs,
            logit_max_abs,
            gradient_norm: self.progress.gradient_norm_sum / self.budget.steps_per_epoch as f64,
            weight_norm,
            units,
            samples_per_second: samples as f64 / (seconds.train + seconds.data),
            seconds,
        };
        self.loss_sum = Tensor::zeros([], (Kind::Double, self.context.device));
        self.progress = Progress {
            epoch,
            last: Some(record.clone()),
            ..Progress::default()
        };
        Ok(record)
    }

    /// Measures the test split where the stage allows it, and sums up.
    fn finish(self) -> Result<TrialEnd, TrialError> {
        let last = self.progress.last.expect("a trial has one epoch or more");
        let mut measurements = last.measurements;
        if let Some(permit) = TestPermit::of(self.config.stage) {
            measurements.extend(self.task.measure_test(&permit)?);
        }
        Ok(TrialEnd::Finished(TrialSummary {
            epochs: last.epoch,
            steps: last.step,
            samples: last.samples,
            measurements,
            train_loss: last.train_loss,
        }))
    }

    fn diverged(&self, reason: String) -> TrialEnd {
        TrialEnd::Diverged {
            epoch: self.progress.epoch + 1,
            step: self.optimizer.steps(),
            reason,
        }
    }

    fn save(&mut self) -> Result<(), TrialError> {
        let started = Instant::now();
        self.progress.loss_sum = self.loss_sum.double_value(&[]);
        checkpoint::save(
            &self.context.checkpoint,
            self.config,
            &self.progress,
            self.task.store(),
            &self.optimizer,
        )?;
        self.progress.seconds.checkpoint += started.elapsed().as_secs_f64();
        self.last_checkpoint = Instant::now();
        Ok(())
    }

    /// Waits for the device, so that a clock read now is honest.
    fn synchronize(&self) {
        if let Device::Cuda(index) = self.context.device {
            tch::Cuda::synchronize(index as i64);
        }
    }
}

fn task(config: &TrialConfig, context: &TrialContext) -> Result<Box<dyn Task>, TrialError> {
    let (root, device) = (context.data_root.as_deref(), context.device);
    Ok(match &config.task {
        TaskConfig::Ncf(ncf) => {
            Box::new(NcfTask::new(ncf, root, device, config.seed, config.epochs)?)
        }
        TaskConfig::Image(image) => Box::new(ImageTask::new(image, root, device, config.seed)?),
    })
}
