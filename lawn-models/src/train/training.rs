//! A trial that has been set up: all that it is made of, and how far it has come.

use std::time::Instant;

use lawn_core::{Optimizer, Phase, WeightAverage};
use tch::{Device, Kind, Tensor};

use super::checkpoint::Checkpoints;
use super::context::TrialContext;
use super::distance::Distance;
use super::error::TrialError;
use super::graphs::Graphs;
use super::observer::{Beginning, Notice, Observer};
use super::optimizer;
use super::progress::{self, Parts, Progress};
use super::ranked::Ranked;
use super::recalibrate;
use super::record::{EvaluationRecord, Freeze, FreezeCause};
use super::set_up::{SetUp, average, task};
use super::share::{Sharing, largest_share};
use super::start::Start;
use super::timer::{Lap, Timer};
use super::unread_norms::UnreadNorms;
use crate::data::Loader;
use crate::ranks::Ranks;
use crate::tasks::{Task, TrialConfig};
use crate::trial::Length;

/// A trial under way.
pub(super) struct Training<'a> {
    pub(super) config: &'a TrialConfig,
    pub(super) context: &'a TrialContext,
    pub(super) task: Task,
    pub(super) optimizer: Optimizer,
    /// The moving average of the model's variables, where that is measured.
    pub(super) average: Option<WeightAverage>,
    pub(super) length: Length,
    pub(super) progress: Progress,
    /// Sum of the losses since the last evaluation: a scalar f64 on the device, so
    /// that no step waits for it.
    pub(super) loss_sum: Tensor,
    /// Phase and learning rate of the step before the evaluation.
    pub(super) last_step: (Phase, f64),
    /// Steps done: the optimizer would have to wait for an accelerator to tell, and does not
    /// count those that it skipped.
    pub(super) step: u64,
    /// Gradient norms that are still on the device.
    pub(super) unread: UnreadNorms,
    /// What repeats itself in the steps, as graphs of the device.
    pub(super) graphs: Graphs,
    /// Gives the samples of the steps to come, once the first has been asked for.
    loader: Option<Loader>,
    /// Where the weights were at the freeze, where distances are measured.
    pub(super) distance: Option<Distance>,
    pub(super) last_checkpoint: Instant,
    /// The step that this process went on from, where its checkpoint holds all that was known.
    pub(super) resumed_step: Option<u64>,
    pub(super) timer: Timer,
    pub(super) ranks: Ranks,
    /// What this rank does with the others, where there are any.
    pub(super) ranked: Option<Ranked>,
    /// Whether all ranks have been found to have the same radii.
    pub(super) has_one_radius: bool,
    /// Samples at once that all ranks can hold, where there are several.
    pub(super) common_part: Option<u64>,
}

impl<'a> Training<'a> {
    /// Fixes the norms from the next step on where an evaluation meets the trial's condition, and
    /// writes into its record when a condition did.
    pub(super) fn freeze_if_met(
        &mut self,
        record: &mut EvaluationRecord,
    ) -> Result<(), TrialError> {
        let Some(condition) = self.config.optimizer.freeze_when else {
            return Ok(());
        };
        let is_met = self.progress.freeze.sees(condition, record);
        if is_met && self.optimizer.phase() == Phase::Free {
            self.optimizer.freeze_now()?;
            self.progress.frozen_at = Some(self.step);
            if self.config.diagnostics.distance_from.is_none()
                && let Some(distance) = &mut self.distance
            {
                distance.begin_at(self.step);
            }
        }
        record.frozen_at_step = self.progress.frozen_at;
        if let Some(last) = &mut self.progress.last {
            last.frozen_at_step = record.frozen_at_step;
        }
        Ok(())
    }

    /// Steps before the freeze, where there was a condition for it and none of the evaluations has
    /// met that.
    pub(super) fn frozen_at_the_latest(&self) -> Option<u64> {
        let is_open = self.progress.frozen_at.is_none();
        let had_condition = self.config.optimizer.freeze_when.is_some();
        (self.optimizer.frozen_at_step()).filter(|_| is_open && had_condition)
    }

    /// When the norms were fixed, and by what.
    pub(super) fn freeze(&self) -> Option<Freeze> {
        match self.progress.frozen_at {
            Some(step) => Some(Freeze {
                step,
                by: FreezeCause::Condition,
            }),
            None => self.optimizer.frozen_at_step().map(|step| Freeze {
                step,
                by: FreezeCause::FreePhase,
            }),
        }
    }

    /// Lowers the learning rate where the train loss has stopped falling and the trial asks for it.
    pub(super) fn lower_rate_on_plateau(
        &mut self,
        record: &EvaluationRecord,
    ) -> Result<(), TrialError> {
        if let Some(plateau) = &mut self.progress.plateau {
            let factor = plateau.observe(record.train_loss);
            if factor != self.optimizer.rate_factor() {
                self.optimizer.set_rate_factor(factor)?;
            }
        }
        Ok(())
    }

    /// Sets a trial up, from its checkpoint where it has one. `micro_batch_size` is
    /// what memory has been found to hold.
    pub(super) fn new(
        config: &'a TrialConfig,
        context: &'a TrialContext,
        micro_batch_size: Option<u64>,
        ranks: &Ranks,
        observer: &mut dyn Observer,
    ) -> Result<Self, TrialError> {
        let task = task(config, context, ranks.tables())?;
        observer.reached(Beginning::Task);
        let set_up = SetUp::of(task, config)?;
        let checkpoints = Checkpoints::new(&context.checkpoint, config);
        let told: &mut dyn Observer = &mut *observer;
        let from = Some((checkpoints, told));
        let training = Self::of(set_up, config, context, micro_batch_size, ranks, from)?;
        observer.reached(Beginning::Optimizer);
        Ok(training)
    }

    /// A trial by itself from its start, whatever checkpoint there may be.
    pub(super) fn afresh(
        set_up: SetUp,
        config: &'a TrialConfig,
        context: &'a TrialContext,
    ) -> Result<Self, TrialError> {
        Self::of(set_up, config, context, None, &Ranks::alone(), None)
    }

    fn of(
        set_up: SetUp,
        config: &'a TrialConfig,
        context: &'a TrialContext,
        micro_batch_size: Option<u64>,
        ranks: &Ranks,
        from: Option<(Checkpoints<'_>, &mut dyn Observer)>,
    ) -> Result<Self, TrialError> {
        let SetUp {
            mut task,
            length,
            mut optimizer,
        } = set_up;
        let mut distance = Distance::new(config, length, &task, optimizer.treatments())?;
        let mut progress = Progress::default();
        let mut average = average(&task, config)?;
        let ranked = Ranked::new(ranks, &task)?;
        if let Some(ranked) = &ranked {
            ranked.require_shareable(config, optimizer.treatments())?;
        }
        let mut found = None;
        let mut told = None;
        if let Some((checkpoints, observer)) = from {
            let mut start = Start {
                checkpoints: &checkpoints,
                path: &context.checkpoint,
                store: &mut task.store,
                optimizer: &mut optimizer,
                average: average.as_mut(),
            };
            found = start.restore(ranked.as_ref(), |notice| observer.notice(&notice))?;
            told = Some(observer);
        }
        let holds_all = found.is_some() && micro_batch_size.is_none();
        if let Some(found) = found {
            progress = found.progress;
            if let Some(distance) = &mut distance {
                distance.origin = found.origin;
                // A condition has met before the step from which distances are measured.
                if let (None, Some(step)) = (config.diagnostics.distance_from, progress.frozen_at) {
                    distance.begin_at(step);
                }
            }
        }
        let (before, now) = (progress.ranks.unwrap_or(1), ranks.count());
        if before != now
            && progress.samples > 0
            && let Some(observer) = told
        {
            observer.notice(&Notice::OtherRanks {
                step: progress.steps(&length),
                before,
                now,
            });
        }
        progress.ranks = Some(now).filter(|&now| now > 1);
        progress.micro_batch_size = micro_batch_size.or(progress.micro_batch_size);
        if progress.plateau.is_none() {
            progress.plateau = optimizer::plateau(&config.optimizer)?;
        }
        let loss_sum = match ranks.is_first() {
            true => Tensor::from(progress.since.loss_sum).to_device(context.device),
            false => Tensor::zeros([], (Kind::Double, context.device)),
        };
        let step = progress.steps(&length);
        let mut training = Self {
            config,
            context,
            task,
            last_step: (optimizer.phase(), optimizer.learning_rate()),
            step,
            optimizer,
            average,
            length,
            progress,
            loss_sum,
            unread: UnreadNorms::default(),
            graphs: Graphs::new(config, context, ranked.is_some()),
            loader: None,
            distance,
            last_checkpoint: Instant::now(),
            resumed_step: holds_all.then_some(step),
            timer: Timer::start(),
            has_one_radius: ranked.is_none(),
            ranks: ranks.clone(),
            ranked,
            common_part: None,
        };
        training.agree_on_part()?;
        Ok(training)
    }

    /// Samples in memory at once, such that cutting a batch changes nothing but
    /// rounding.
    pub(super) fn part(&self) -> u64 {
        let Sharing { unit, ranks, .. } = self.sharing();
        let (share, _) = largest_share(self.config.batch_size, unit, ranks);
        let limits = [
            self.config.micro_batch_size,
            self.progress.micro_batch_size,
            self.common_part,
        ];
        let limit = limits.into_iter().flatten().fold(share, u64::min);
        limit.next_multiple_of(self.smallest_part())
    }

    /// How many parts the rank with most of them has of a batch, where all ranks must come to each
    /// of them; else those of this rank.
    pub(super) fn rounds(&self, count: u64) -> u64 {
        let (own, part) = (self.sharing(), self.part());
        let parts = |sharing: Sharing| {
            let share = sharing.of(count).samples;
            progress::parts(share.end - share.start, part)
        };
        match self.ranked.as_ref().is_some_and(Ranked::shares_tables) {
            true => (0..own.ranks)
                .map(|rank| parts(Sharing { rank, ..own }))
                .max()
                .unwrap_or(0),
            false => parts(own),
        }
    }

    /// The smallest such part.
    pub(super) fn smallest_part(&self) -> u64 {
        self.task.model.statistics_batch()
    }

    /// What gives the samples of the steps to come, part by part.
    pub(super) fn loader(&mut self) -> &mut Loader {
        let (part, sharing) = (self.part(), self.sharing());
        self.loader.get_or_insert_with(|| {
            let parts = Parts::new(&self.progress, self.length, self.config.batch_size, part)
                .shared(sharing);
            let dataset = self.task.dataset.clone();
            Loader::start(dataset, self.context.device, parts)
        })
    }

    /// Writes a checkpoint, as rank 0; all gradient norms have been read.
    pub(super) fn save(&mut self) -> Result<(), TrialError> {
        self.account();
        self.progress.since.loss_sum = self.total_loss()?;
        let shares = self.ranked.as_ref().is_some_and(Ranked::shares_tables);
        let mut state = None;
        if self.ranks.is_first() || shares {
            let origin = self.distance.as_ref().map(|one| &one.origin);
            let own = Checkpoints::new(&self.context.checkpoint, self.config).state(
                &self.progress,
                origin,
                &self.task.store,
                &self.optimizer,
                self.average.as_ref(),
            );
            state = Some(self.whole(own)?);
        }
        let Some(state) = state.filter(|_| self.ranks.is_first()) else {
            // Its part is in the sum of rank 0 from here on.
            self.forget_losses();
            self.last_checkpoint = Instant::now();
            return Ok(());
        };
        if self.ranked.is_some() {
            let sum = Tensor::from(self.progress.since.loss_sum);
            self.loss_sum = sum.to_device(self.context.device);
        }
        Checkpoints::new(&self.context.checkpoint, self.config).save(state)?;
        self.progress.since.seconds.checkpoint += self.timer.lap().elapsed;
        self.last_checkpoint = Instant::now();
        Ok(())
    }

    /// Adds the time since the last account to training and to waiting.
    pub(super) fn account(&mut self) {
        self.synchronize();
        let Lap { elapsed, waited } = self.timer.lap();
        self.progress.since.seconds.train += elapsed - waited;
        self.progress.since.seconds.data += waited;
    }

    /// Measures the variables that the trial is judged by: the model's own, or their average, or
    /// those that the rule wants evaluated, with running statistics of their own.
    pub(super) fn measured<T>(
        &mut self,
        measure: impl FnOnce(&Task) -> T,
    ) -> Result<T, TrialError> {
        let mut kept = None;
        match &mut self.average {
            Some(average) => average.swap(),
            None => {
                self.optimizer.eval()?;
                if recalibrate::is_asked(self.config.optimizer.rule) {
                    kept = recalibrate::recalibrate(&self.task, self.context.device)?;
                }
            }
        }
        let measured = measure(&self.task);
        if let Some(kept) = kept {
            kept.restore();
        }
        match &mut self.average {
            Some(average) => average.swap(),
            None => self.optimizer.train(),
        }
        Ok(measured)
    }

    /// Begins to sum up losses anew.
    pub(super) fn forget_losses(&mut self) {
        self.loss_sum = Tensor::zeros([], (Kind::Double, self.context.device));
    }

    /// Waits for the device, so that a clock read now is honest.
    pub(super) fn synchronize(&self) {
        if let Device::Cuda(index) = self.context.device {
            tch::Cuda::synchronize(index as i64);
        }
    }
}
