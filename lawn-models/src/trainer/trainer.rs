//! The loop over steps.

use std::time::Instant;

use lawn_core::{Optimizer, Phase, StepOptions};
use tch::{Device, Kind, Tensor};

use super::checkpoint::Checkpoints;
use super::distance::Distance;
use super::progress::Progress;
use super::unread::{Position, Unread};
use super::{Task, TestPermit, TrialError, build};
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
    /// Phase and learning rate of the step before the evaluation.
    pub(super) last_step: (Phase, f64),
    /// Steps taken: the optimizer would have to wait for an accelerator to tell. A
    /// skipped one ends the trial.
    pub(super) step: u64,
    /// Gradient norms that are still on the device.
    unread: Unread,
    /// The epoch whose samples the task has put in order.
    epoch: Option<u64>,
    /// Where the weights were at the freeze, where distances are measured.
    pub(super) distance: Option<Distance>,
    last_checkpoint: Instant,
    /// The step that this process went on from, where its checkpoint holds all that was known.
    resumed_step: Option<u64>,
    timer: Timer,
}

/// Tells the time of training from the time of waiting for samples.
struct Timer {
    since: Instant,
    waited: f64,
}

/// What a trial is made of before anything is trained or restored.
pub(super) struct SetUp {
    task: Box<dyn Task>,
    pub(super) length: Length,
    pub(super) optimizer: Optimizer,
}

impl SetUp {
    pub(super) fn new(config: &TrialConfig, context: &TrialContext) -> Result<Self, TrialError> {
        let task = task(config, context)?;
        let (length, optimizer) = optimizer(&*task, config)?;
        Ok(Self {
            task,
            length,
            optimizer,
        })
    }
}

/// What a trial comes to with a task, and the optimizer of its parameters.
pub(super) fn optimizer(
    task: &dyn Task,
    config: &TrialConfig,
) -> Result<(Length, Optimizer), TrialError> {
    let length = config
        .budget
        .length(task.train_samples(), config.batch_size);
    let optimizer = build::optimizer(&config.optimizer, length).build(task.parameters()?)?;
    Ok((length, optimizer))
}

impl<'a> Trainer<'a> {
    /// Sets a trial up, from its checkpoint where it has one. `micro_batch_size` is
    /// what memory has been found to hold.
    pub(super) fn new(
        config: &'a TrialConfig,
        context: &'a TrialContext,
        micro_batch_size: Option<u64>,
        observer: &mut dyn Observer,
    ) -> Result<Self, TrialError> {
        let SetUp {
            mut task,
            length,
            mut optimizer,
        } = SetUp::new(config, context)?;
        let mut distance = Distance::new(config, length, &*task, optimizer.treatments())?;
        let mut progress = Progress::default();
        let checkpoints = Checkpoints::new(&context.checkpoint, config);
        let found = checkpoints.load(task.store_mut(), &mut optimizer, |notice| {
            observer.notice(&notice);
        })?;
        let holds_all = found.is_some() && micro_batch_size.is_none();
        if let Some(found) = found {
            progress = found.progress;
            if let Some(distance) = &mut distance {
                distance.origin = found.origin;
            }
        }
        progress.micro_batch_size = micro_batch_size.or(progress.micro_batch_size);
        let loss_sum = Tensor::from(progress.since.loss_sum).to_device(context.device);
        let step = optimizer.steps();
        Ok(Self {
            config,
            context,
            task,
            last_step: (optimizer.phase(), optimizer.learning_rate()),
            step,
            optimizer,
            length,
            progress,
            loss_sum,
            unread: Unread::default(),
            epoch: None,
            distance,
            last_checkpoint: Instant::now(),
            resumed_step: holds_all.then_some(step),
            timer: Timer::start(),
        })
    }

    pub(super) fn run(mut self, observer: &mut dyn Observer) -> Result<TrialEnd, TrialError> {
        observer.started(&TrialInfo {
            steps_per_epoch: self.length.steps_per_epoch,
            steps: self.steps(),
            train_samples: self.length.epoch_samples,
            resumed_step: self.step,
            recorded_step: self.progress.last.as_ref().map_or(0, |last| last.step),
            treatments: self.optimizer.treatments().to_vec(),
        });
        self.timer = Timer::start();
        while !self.is_over() {
            if observer.stop_requested() {
                if let Err(position) = self.read_norms() {
                    return Ok(Self::skipped(position));
                }
                // A checkpoint that is newer holds more: others tell by it whether a trial
                // that is stopped again and again gets further.
                if observer.may_save() && self.resumed_step != Some(self.step) {
                    self.save()?;
                }
                return Ok(TrialEnd::Preempted {
                    epoch: self.progress.epoch,
                    step: self.step,
                });
            }
            let evaluation_is_due = self.evaluation_is_due();
            if let Err(position) = self.step(evaluation_is_due)? {
                return Ok(Self::skipped(position));
            }
            observer.progress(self.step, self.steps());
            if evaluation_is_due {
                match self.evaluate()? {
                    Ok(record) => observer.evaluated(&record),
                    Err(reason) => return Ok(self.diverged(reason)),
                }
            }
            let is_due = self.last_checkpoint.elapsed() >= self.context.checkpoint_every;
            if is_due && observer.may_save() {
                if let Err(position) = self.read_norms() {
                    return Ok(Self::skipped(position));
                }
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

    /// One optimizer step. Where gradients stopped being finite, the position
    /// before the first step that the optimizer skipped; on an accelerator, which
    /// no step waits for, that may be known only some steps later.
    fn step(&mut self, evaluation_is_due: bool) -> Result<Result<(), Position>, TrialError> {
        self.start_epoch();
        let before = Position {
            epoch: self.progress.epoch,
            step: self.step,
        };
        let (start, count) = self
            .progress
            .next_batch(&self.length, self.config.batch_size);
        let part = self.part().min(count);
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
        if let Some(distance) = &mut self.distance {
            distance.before_step(self.step);
        }
        let report = self.optimizer.step_with(StepOptions {
            samples: count,
            diagnostics: self.config.diagnostics.units && evaluation_is_due,
            ..StepOptions::default()
        })?;
        if !report.is_pending() {
            if report.skipped() {
                return Ok(Err(before));
            }
            self.progress.since.gradient_norm_sum += report.gradient_norm();
        } else {
            self.unread.push(&report, before);
        }
        self.progress.advance(&self.length, count);
        self.step += 1;
        if evaluation_is_due || self.unread.is_full() {
            if let Err(position) = self.read_norms() {
                return Ok(Err(position));
            }
            self.last_step = (report.phase, report.learning_rate());
        }
        Ok(Ok(()))
    }

    /// Waits for the gradient norms that are still on the device, if any are.
    fn read_norms(&mut self) -> Result<(), Position> {
        self.unread.read(&mut self.progress.since.gradient_norm_sum)
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
    pub(super) fn part(&self) -> u64 {
        let limits = [
            self.config.micro_batch_size,
            self.progress.micro_batch_size,
            Some(self.config.batch_size),
        ];
        let limit = limits.into_iter().flatten().min();
        let limit = limit.unwrap_or(self.config.batch_size);
        limit.next_multiple_of(self.task.divisible_by())
    }

    /// The smallest such part.
    pub(super) fn smallest_part(&self) -> u64 {
        self.task.divisible_by()
    }

    /// Whether the trial is to be measured after the next step.
    fn evaluation_is_due(&self) -> bool {
        let before = self.progress.samples;
        let (_, count) = self
            .progress
            .next_batch(&self.length, self.config.batch_size);
        let (step, after) = (self.step + 1, before + count);
        let every = self.config.evaluation.every;
        after == self.length.samples || self.length.reaches(every, step, before, after)
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
            step: self.step,
            reason,
        }
    }

    /// The end of a trial whose step from there was skipped.
    fn skipped(before: Position) -> TrialEnd {
        TrialEnd::Diverged {
            epoch: before.epoch + 1,
            step: before.step,
            reason: "the gradient is not finite".to_owned(),
        }
    }

    /// Writes a checkpoint; all gradient norms have been read.
    fn save(&mut self) -> Result<(), TrialError> {
        self.account();
        self.progress.since.loss_sum = self.loss_sum.double_value(&[]);
        let origin = self.distance.as_ref().and_then(|one| one.origin.as_ref());
        Checkpoints::new(&self.context.checkpoint, self.config).save(
            &self.progress,
            origin,
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

pub(super) fn task(
    config: &TrialConfig,
    context: &TrialContext,
) -> Result<Box<dyn Task>, TrialError> {
    let (root, device) = (context.data_root.as_deref(), context.device);
    Ok(match &config.task {
        TaskConfig::Ncf(ncf) => Box::new(NcfTask::new(ncf, root, device, config.seed)?),
        TaskConfig::Image(image) => Box::new(ImageTask::new(image, root, device, config.seed)?),
    })
}
