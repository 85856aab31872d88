//! One optimizer step: the parts of a batch, their gradients, the update.
//!
//! This file alone knows that a batch is cut into parts, and shared out among ranks.

use std::time::Instant;

use lawn_core::{Phase, StepOptions};
use tch::Kind;

use super::captured_part::Update;
use super::error::TrialError;
use super::evaluate::before_step;
use super::graphs::Pass;
use super::training::Training;
use super::unread_norms::Position;
use crate::device::HalfKind;
use crate::models::LookUps;

/// How a step went.
pub(super) enum Outcome {
    /// The optimizer took it.
    Taken,
    /// The optimizer skipped it, for a gradient that the kind of numbers cannot hold; the next
    /// may do with a loss scaled by this.
    Overflowed(f64),
    /// Gradients stopped being finite: the position before the first step that the
    /// optimizer skipped. On an accelerator, which no step waits for, that may be known
    /// only some steps later.
    Skipped(Position),
}

/// Takes one step, which an evaluation may follow.
pub(super) fn step(
    training: &mut Training<'_>,
    evaluation_is_due: bool,
) -> Result<Outcome, TrialError> {
    let before = Position {
        epoch: training.progress.epoch,
        step: training.step,
    };
    let (start, count) = training
        .progress
        .next_batch(&training.length, training.config.batch_size);
    before_step(training)?;
    training.optimizer.zero_grad();
    let half = HalfKind::of(training.config.precision);
    let is_scaled = half == Some(HalfKind::F16);
    let scale = if is_scaled {
        training.progress.loss_scale.factor()
    } else {
        1.0
    };
    let counts_rows = training.optimizer.uses_row_counts();
    let share = training.sharing().of(count);
    if let Some(ranked) = &training.ranked {
        ranked.begin_step();
    }
    if let Some(distance) = &mut training.distance {
        distance.before_step(training.step);
    }
    let options = StepOptions {
        samples: count,
        gradient_scale: scale,
        diagnostics: training.config.diagnostics.units && evaluation_is_due,
        all_rows_counted: counts_rows,
    };
    // Otherwise something comes between the last part and the step.
    let goes_on = training.ranked.is_none() && !counts_rows;
    let mut report = None;
    let mut look_ups = Vec::new();
    let mut rounds = training.rounds(count);
    let mut done = share.samples.start;
    while done < share.samples.end {
        let asked = Instant::now();
        let part = training.loader().next_batch()?;
        training.timer.waited += asked.elapsed().as_secs_f64();
        let (request, batch) = part.expect("the loader has all parts of the budget");
        debug_assert_eq!(request.samples.start, start + done);
        if counts_rows {
            // The step is of the rows of all parts.
            look_ups.extend(training.task.model.look_ups(&batch.inputs));
        }
        let (first, adds) = (training.progress.samples + done, done > share.samples.start);
        done += request.samples.end - request.samples.start;
        rounds -= 1;
        if let Some(ranked) = &mut training.ranked {
            if ranked.shares_tables() {
                ranked.bring_rows(&*training.task.model, Some(&batch.inputs))?;
            }
            // Where others have more parts, sums begin after theirs: in one order on all ranks.
            if done == share.samples.end && rounds == 0 {
                ranked.expect_last_backward();
            }
        }
        let pass = Pass {
            task: &training.task,
            batch: &batch,
            half,
            on: training.context.device,
            first,
            count,
            scale: is_scaled.then_some(scale),
            adds,
        };
        let update = (goes_on && done == share.samples.end).then_some(Update {
            optimizer: &mut training.optimizer,
            options,
        });
        let (loss, taken) = training.graphs.compute(&pass, update)?;
        report = taken;
        training.loss_sum += loss.to_kind(Kind::Double);
    }
    let mut norm = None;
    if let Some(ranked) = &mut training.ranked {
        for _ in 0..rounds {
            ranked.bring_rows(&*training.task.model, None)?;
        }
        let of_shared = ranked.sum_step(&share, &*training.task.model)?;
        if counts_rows {
            look_ups = ranked.all_look_ups(&look_ups)?;
            look_ups.extend(of_shared);
        }
        norm = ranked.gradient_norm();
    }
    // Nobody but the ranks together knows this norm, and the optimizer clips by it no more.
    let clip = training.config.optimizer.clip_norm.zip(norm);
    let clip = clip.map_or(1.0, |(clip, norm)| (clip * scale / norm).min(1.0));
    for LookUps { table, rows } in look_ups {
        training.optimizer.count_rows(&table, &rows)?;
    }
    let report = match report {
        Some(report) => report,
        None => training.optimizer.step_with(StepOptions {
            gradient_scale: scale / if clip > 0.0 { clip } else { 1.0 },
            ..options
        })?,
    };
    if let Some(average) = &mut training.average {
        average.update();
    }
    let mut overflowed = None;
    if is_scaled {
        // The scale of the next step hangs on this one, so f16 waits for an accelerator.
        let scale = &mut training.progress.loss_scale;
        if !report.skipped() {
            scale.finite();
        } else if scale.overflowed() {
            overflowed = Some(scale.factor());
        }
    }
    if overflowed.is_some() {
        training.progress.since.skipped += 1;
    } else if let Some(norm) = norm {
        if !norm.is_finite() {
            return Ok(Outcome::Skipped(before));
        }
        training.progress.since.gradient_norm_sum += norm / scale;
    } else if report.is_pending() {
        training.unread.push(&report, before);
    } else if report.skipped() {
        return Ok(Outcome::Skipped(before));
    } else {
        training.progress.since.gradient_norm_sum += report.gradient_norm();
    }
    training.progress.advance(&training.length, count);
    training.step += 1;
    if evaluation_is_due || training.unread.is_full() {
        if let Err(position) = read_norms(training) {
            return Ok(Outcome::Skipped(position));
        }
        training.last_step = (report.phase, report.learning_rate());
    }
    if report.phase == Phase::Constrained && !training.has_one_radius {
        training.agree_on_radii()?;
    }
    Ok(overflowed.map_or(Outcome::Taken, Outcome::Overflowed))
}

/// Waits for the gradient norms that are still on the device, if any are.
///
/// # Errors
/// The position before the first step that the optimizer skipped.
pub(super) fn read_norms(training: &mut Training<'_>) -> Result<(), Position> {
    let sum = &mut training.progress.since.gradient_norm_sum;
    training.unread.read(sum)
}

#[cfg(test)]
mod tests;
