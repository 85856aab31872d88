//! The loop over steps.

use std::time::Instant;

use lawn_core::{Optimizer, Phase};
use tch::{Device, Kind, Tensor};

use super::progress::Progress;
use super::{Task, TestPermit, TrialError, build, checkpoint};
use crate::config::{Length, TaskConfig, TrialConfig, TrialContext};
use crate::image::ImageTask;
use crate::ncf::NcfTask;
use crate::record::{Observer, Split, TrialEnd, TrialInfo, TrialSummary};

pub(super) struct Trainer<'a> {
    pub(super) config: &'a TrialConfig,
    pub(super) context: &'a TrialContext,
    pub(super) task: Box<dyn Task>,
    pub(super) optimizer: Optimizer,
    pub(super) length: Length,
    pub(super) progress: Progress,
    /// Sum of the losses since the last evaluation: a scalar f64 on the device, so
    /// that no step waits for it.
    pub(super) loss_sum: Tensor,
    pub(super) last_step: (Phase, f64),
    /// The epoch whose samples the task has put in order.
    epoch: Option<u64>,
    last_checkpoint: Instant,
    timer: Timer,
}

/// Tells the time of training from the time of waiting for samples.
struct Timer {
    since: Instant,
    waited: f64,
}

impl<'a> Trainer<'a> {
    pub(super) fn new(
        config: &'a TrialConfig,
        context: &'a TrialContext,
    ) -> Result<Self, TrialError> {
        let mut task = task(config, context)?;
        let length = config
            .budget
            .length(task.train_samples(), config.batch_size);
        let mut optimizer =
            build::optimizer(&config.optimizer, length).build(task.parameters()?)?;
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
        let loss_sum = Tensor::from(progress.since.loss_sum).to_device(context.device);
        Ok(Self {
            config,
            context,
            task,
            last_step: (optimizer.phase(), optimizer.learning_rate()),
            optimizer,
            length,
            progress,
            loss_sum,
            epoch: None,
            last_checkpoint: Instant::now(),
            timer: Timer::start(),
        })
    }

    pub(super) fn run(mut self, observer: &mut dyn Observer) -> Result<TrialEnd, TrialError> {
        observer.started(&TrialInfo {
            steps_per_epoch: self.length.steps_per_epoch,
            steps: self.steps(),
            train_samples: self.length.epoch_samples,
            resumed_step: self.optimizer.steps(),
            treatments: self.optimizer.treatments().to_vec(),
        });
        self.timer = Timer::start();
        while !self.is_over() {
            if observer.stop_requested() {
                if observer.may_save() {
                    self.save()?;
                }
                return Ok(TrialEnd::Preempted {
                    epoch: self.progress.epoch,
                    step: self.optimizer.steps(),
                });
            }
            let before = self.progress.samples;
            if let Some(reason) = self.step()? {
                return Ok(self.diverged(reason));
            }
            observer.progress(self.optimizer.steps(), self.steps());
            if self.evaluation_is_due(before) {
                match self.evaluate()? {
                    Ok(record) => observer.evaluated(&record),
                    Err(reason) => return Ok(self.diverged(reason)),
                }
            }
            let is_due = self.last_checkpoint.elapsed() >= self.context.checkpoint_every;
            if is_due && observer.may_save() {
                self.save()?;
            }
        }
        if self.config.stop_after.is_some() && observer.may_save() {
            self.save()?;
        }
        self.finish()
    }

    /// Whether the budget is used up, or an evaluation came after enough of it.
    fn is_over(&self) -> bool {
        let done = self.progress.samples;
        let last = self.progress.last.as_ref().map(|record| record.samples);
        let enough = |part| done as f64 >= part * self.length.samples as f64;
        done >= self.length.samples
            || last == Some(done) && self.config.stop_after.is_some_and(enough)
    }

    /// Steps until then, but for what an evaluation is waited for.
    fn steps(&self) -> u64 {
        let part = self.config.stop_after.unwrap_or(1.0);
        (part * self.length.steps as f64).ceil() as u64
    }

    /// One optimizer step; the reason why not, where numbers stop being finite.
    fn step(&mut self) -> Result<Option<String>, TrialError> {
        self.start_epoch();
        let (start, count) = self
            .progress
            .next_batch(&self.length, self.config.batch_size);
        let part = self.part(count);
        self.optimizer.zero_grad();
        let mut done = 0;
        while done < count {
            let taken = part.min(count - done);
            let asked = Instant::now();
            let batch = self.task.batch(start + done, taken);
            self.timer.waited += asked.elapsed().as_secs_f64();
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
        self.progress
            .advance(&self.length, count, report.gradient_norm());
        Ok(None)
    }

    /// Has the samples of the epoch under way put in order, once.
    fn start_epoch(&mut self) {
        let epoch = self.progress.epoch + 1;
        if self.epoch == Some(epoch) {
            return;
        }
        let asked = Instant::now();
        let another = epoch * self.length.epoch_samples < self.length.samples;
        self.task.start_epoch(epoch, another);
        self.epoch = Some(epoch);
        self.timer.waited += asked.elapsed().as_secs_f64();
    }

    /// Samples in memory at once, such that cutting a batch changes nothing but
    /// rounding.
    fn part(&self, count: u64) -> u64 {
        match self.config.micro_batch_size {
            Some(limit) if limit < count => limit.next_multiple_of(self.task.divisible_by()),
            _ => count,
        }
    }

    fn evaluation_is_due(&self, before: u64) -> bool {
        let after = self.progress.samples;
        after == self.length.samples
            || self.length.reaches(
                self.config.evaluation.every,
                self.optimizer.steps(),
                before,
                after,
            )
    }

    /// Measures the test split where the stage allows it, and sums up.
    fn finish(self) -> Result<TrialEnd, TrialError> {
        let last = self
            .progress
            .last
            .expect("a budget ends with an evaluation");
        let mut measurements = last.measurements;
        let measured = |split| measurements.iter().any(|one| one.split == split);
        if let Some(permit) = TestPermit::of(self.config.stage)
            && !measured(Split::Test)
        {
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
        self.account();
        self.progress.since.loss_sum = self.loss_sum.double_value(&[]);
        checkpoint::save(
            &self.context.checkpoint,
            self.config,
            &self.progress,
            self.task.store(),
            &self.optimizer,
        )?;
        self.progress.since.seconds.checkpoint += self.timer.lap().0;
        self.last_checkpoint = Instant::now();
        Ok(())
    }

    /// Adds the time since the last account to training and to waiting.
    pub(super) fn account(&mut self) {
        self.synchronize();
        let (elapsed, waited) = self.timer.lap();
        self.progress.since.seconds.train += elapsed - waited;
        self.progress.since.seconds.data += waited;
    }

    /// Seconds since the last account, which belong to neither.
    pub(super) fn lap(&mut self) -> f64 {
        self.timer.lap().0
    }

    /// Waits for the device, so that a clock read now is honest.
    fn synchronize(&self) {
        if let Device::Cuda(index) = self.context.device {
            tch::Cuda::synchronize(index as i64);
        }
    }
}

impl Timer {
    fn start() -> Self {
        Self {
            since: Instant::now(),
            waited: 0.0,
        }
    }

    /// Seconds since the last lap, and how many of them were spent waiting.
    fn lap(&mut self) -> (f64, f64) {
        let lap = std::mem::replace(self, Self::start());
        (lap.since.elapsed().as_secs_f64(), lap.waited)
    }
}

fn task(config: &TrialConfig, context: &TrialContext) -> Result<Box<dyn Task>, TrialError> {
    let (root, device) = (context.data_root.as_deref(), context.device);
    Ok(match &config.task {
        TaskConfig::Ncf(ncf) => Box::new(NcfTask::new(ncf, root, device, config.seed)?),
        TaskConfig::Image(image) => Box::new(ImageTask::new(image, root, device, config.seed)?),
    })
}
