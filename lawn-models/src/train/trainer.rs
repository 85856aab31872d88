//! The loop over the steps of a trial.

use super::device_use::DeviceUse;
use super::error::TrialError;
use super::evaluate::{Evaluation, evaluate};
use super::observer::{Beginning, Notice, Observer, TrialInfo};
use super::outline;
use super::record::{TrialEnd, TrialSummary};
use super::run::without_cuda_kernels;
use super::step::{Outcome, read_norms, step};
use super::timer::Timer;
use super::training::Training;
use super::unread_norms::Position;
use super::weights::KeptWeights;
use crate::measure::Split;
use crate::trial::TestPermit;

/// Trains to the end of the budget, or until the observer asks to stop.
pub(super) fn run(
    training: &mut Training<'_>,
    observer: &mut dyn Observer,
) -> Result<TrialEnd, TrialError> {
    let tries = training.graphs.are_untried();
    if tries {
        observer.tries_graphs(true);
    }
    let end = train(training, observer);
    if tries {
        observer.tries_graphs(false);
    }
    if let Some(used) = training.graphs.used() {
        observer.computed(&used);
    }
    tell_use(training, observer);
    end
}

/// Tells how the trial is computed on CUDA.
fn tell_use(training: &Training<'_>, observer: &mut dyn Observer) -> Option<DeviceUse> {
    let used = DeviceUse::of(training.context, &training.optimizer);
    if let Some(used) = &used {
        observer.uses_device(used);
    }
    used
}

fn train(training: &mut Training<'_>, observer: &mut dyn Observer) -> Result<TrialEnd, TrialError> {
    let treatments = training.treatments();
    observer.started(&TrialInfo {
        least_bytes: outline::least_bytes(&treatments, &training.config.optimizer),
        steps_per_epoch: training.length.steps_per_epoch,
        steps: steps(training),
        train_samples: training.length.epoch_samples,
        resumed_step: training.step,
        recorded_step: training.progress.last.as_ref().map_or(0, |last| last.step),
        treatments,
        without_cuda_kernels: without_cuda_kernels(&training.optimizer),
    });
    if let Some(notice) = tell_use(training, observer).and_then(|used| used.notice()) {
        observer.notice(&notice);
    }
    let first = training.step + 1;
    let mut tries_graphs = training.graphs.are_untried();
    let mut kept = KeptWeights::new(training);
    training.timer = Timer::start();
    while !is_over(training) {
        let stops = training.stops(observer);
        if stops {
            if let Err(position) = read_norms(training) {
                return Ok(skipped(position));
            }
            // A checkpoint that is newer holds more: others tell by it whether a trial
            // that is stopped again and again gets further.
            if training.may_save(observer) && training.resumed_step != Some(training.step) {
                training.save()?;
            }
            return Ok(TrialEnd::Preempted {
                epoch: training.progress.epoch,
                step: training.step,
            });
        }
        let evaluation_is_due = evaluation_is_due(training);
        training.wish(observer);
        let was_free = training.optimizer.frozen_at_step().is_none();
        match step(training, evaluation_is_due)? {
            Outcome::Taken => {}
            Outcome::Overflowed(to) => observer.notice(&Notice::LossScaleReduced {
                step: training.step,
                to,
            }),
            Outcome::Skipped(position) => return Ok(skipped(position)),
        }
        if let Some(step) = training.frozen_at_the_latest().filter(|_| was_free) {
            observer.notice(&Notice::FrozenAtTheLatest { step });
        }
        if tries_graphs && !training.graphs.are_untried() {
            tries_graphs = false;
            observer.tries_graphs(false);
        }
        if let Some(reason) = training.graphs.take_reason() {
            observer.notice(&Notice::NotCaptured { reason });
        }
        if training.step == first {
            training.synchronize();
            observer.reached(Beginning::Step);
            tell_use(training, observer);
            if let Some(reason) = training.task.dataset.take_reason() {
                observer.notice(&Notice::WithoutSampleKernel { reason });
            }
        }
        observer.progress(training.step, steps(training));
        if evaluation_is_due {
            match evaluate(training, observer)? {
                Evaluation::Finite(mut record) => {
                    training.freeze_if_met(&mut record)?;
                    observer.evaluated(&record);
                    tell_use(training, observer);
                    training.lower_rate_on_plateau(&record)?;
                    if let Some(kept) = &mut kept
                        && training.may_save(observer)
                    {
                        kept.evaluated(training, &record)?;
                    }
                }
                Evaluation::NotFinite(reason) => return Ok(diverged(training, reason)),
            }
        }
        if training.saves_now(observer) {
            if let Err(position) = read_norms(training) {
                return Ok(skipped(position));
            }
            training.save()?;
        }
    }
    if training.config.stop_after.is_some() && training.may_save(observer) {
        training.save()?;
    }
    let kept = kept.filter(|_| training.may_save(observer));
    finish(training, kept)
}

/// Whether the budget is used up, or an evaluation came after enough of it.
fn is_over(training: &Training<'_>) -> bool {
    let done = training.progress.samples;
    let last = training.progress.last.as_ref().map(|record| record.samples);
    let enough = |part| done as f64 >= part * training.length.samples as f64;
    done >= training.length.samples
        || last == Some(done) && training.config.stop_after.is_some_and(enough)
}

/// Steps until then, but for what an evaluation is waited for.
fn steps(training: &Training<'_>) -> u64 {
    let part = training.config.stop_after.unwrap_or(1.0);
    (part * training.length.steps as f64).ceil() as u64
}

/// Whether the trial is to be measured after the next step.
fn evaluation_is_due(training: &Training<'_>) -> bool {
    let before = training.progress.samples;
    let (_, count) = training
        .progress
        .next_batch(&training.length, training.config.batch_size);
    let (step, after) = (training.step + 1, before + count);
    let every = training.config.evaluation.every;
    after == training.length.samples || training.length.reaches(every, step, before, after)
}

/// Keeps the weights, measures the test split where the stage allows it, and sums up.
fn finish(training: &mut Training<'_>, kept: Option<KeptWeights>) -> Result<TrialEnd, TrialError> {
    let last = training.progress.last.take();
    let last = last.expect("a budget ends with an evaluation");
    if let Some(kept) = kept {
        kept.finished(training, &last)?;
    }
    let mut measurements = last.measurements;
    let measured = |split| measurements.iter().any(|one| one.split == split);
    if let Some(permit) = TestPermit::of(training.config.stage)
        && !measured(Split::Test)
    {
        measurements.extend(training.measure_test(&permit)?);
    }
    Ok(TrialEnd::Finished(TrialSummary {
        epochs: last.epoch,
        steps: last.step,
        samples: last.samples,
        measurements,
        train_loss: last.train_loss,
        frozen_at_step: last.frozen_at_step,
        freeze: training.freeze(),
    }))
}

fn diverged(training: &Training<'_>, reason: String) -> TrialEnd {
    TrialEnd::Diverged {
        epoch: training.progress.epoch + 1,
        step: training.step,
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
