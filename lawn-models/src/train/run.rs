//! The public way into a trial.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lawn_core::Optimizer;
use tch::Device;

use super::context::TrialContext;
use super::error::TrialError;
use super::observer::{Beginning, Notice, Observer, TrialInfo};
use super::one_trial::require_one_trial;
use super::outline;
use super::record::TrialEnd;
use super::set_up;
use super::trainer::run;
use super::training::Training;
use crate::device;
use crate::ranks::{Ranks, RanksError};
use crate::tasks::{Task, TrialConfig};
use crate::trial::Length;

/// Trains one trial from its start, or from its checkpoint where there is one.
///
/// Where memory does not hold the samples of a step, the trial goes on from its
/// last checkpoint with half as many at once, down to the fewest that give the
/// same result; the observer is given a [`Notice`].
///
/// On the CPU a trial that was stopped, or killed, and run again with the same
/// number of threads ends with the same bits as one that ran through; with
/// [`TrialContext::deterministic`] it does so on CUDA, on the same device and with the same
/// micro-batches, but for operations that a [`Notice`] names.
///
/// # Errors
/// [`TrialError`] when the trial cannot be set up or carried on. Numbers that
/// stop being finite are [`TrialEnd::Diverged`] instead.
///
/// ```
/// use std::time::Duration;
/// use lawn_models::*;
///
/// let task = TaskConfig::from_table("ncf", serde_json::json!({
///     "model": "gmf", "generated": { "users": 50, "items": 200 },
/// }))?;
/// let optimizer = OptimizerSettings::new(RuleName::Adam, 1e-2);
/// let config = TrialConfig::new(task, optimizer, 256, Amount::Epochs(1));
/// let folder = tempfile::tempdir()?;
/// let context = TrialContext {
///     device: Device::Cpu,
///     data_root: None,
///     checkpoint: folder.path().join("checkpoint.safetensors"),
///     checkpoint_every: Duration::from_secs(60),
///     keep_weights: true,
///     deterministic: false,
///     graphs: false,
/// };
/// let end = run_trial(&config, &context, &mut SilentObserver)?;
/// assert!(matches!(end, TrialEnd::Finished(summary) if summary.epochs == 1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run_trial(
    config: &TrialConfig,
    context: &TrialContext,
    observer: &mut dyn Observer,
) -> Result<TrialEnd, TrialError> {
    run_trial_on(&Ranks::alone(), config, context, observer)
}

/// As [`run_trial`], together with the other ranks of a group, each of which calls this with the
/// same configuration. `observer` is told on each rank; rank 0 alone reads and writes files.
///
/// The samples of a step are shared out among the ranks by their place in the batch, gradients are
/// summed in f32, and each rank takes the same step: the result is that of one rank up to rounding,
/// and repeats bit for bit for one number of ranks. Where memory is short on a rank the trial ends on
/// all: the observer is given a [`Notice`] where it may go on with fewer samples at once, in new
/// processes.
///
/// # Errors
/// As [`run_trial`], and [`TrialError::Ranks`]. The others then learn of it, and end too. Ranks that are
/// given other configurations are refused on all with [`RanksError::OtherTrial`], before anything is set up.
pub fn run_trial_on(
    ranks: &Ranks,
    config: &TrialConfig,
    context: &TrialContext,
    observer: &mut dyn Observer,
) -> Result<TrialEnd, TrialError> {
    let Some(group) = ranks.group() else {
        return on_this_rank(ranks, config, context, observer);
    };
    let end = match require_one_trial(group, ranks, config) {
        Ok(()) => on_this_rank(ranks, config, context, observer),
        Err(error) => Err(error.into()),
    };
    match end {
        Ok(end) => {
            group.finish()?;
            Ok(end)
        }
        Err(error) => {
            group.fail(&error.to_string());
            Err(error)
        }
    }
}

/// What one rank lacked is what the trial lacked.
fn of_any_rank(error: TrialError) -> TrialError {
    let TrialError::Ranks(RanksError::Failed { rank, reason }) = &error else {
        return error;
    };
    match reason.strip_prefix(SHORTAGE) {
        Some(detail) => TrialError::OutOfMemory {
            detail: format!("on rank {rank}: {detail}"),
        },
        None => error,
    }
}

/// What the words of [`TrialError::OutOfMemory`] begin with.
pub const SHORTAGE: &str = "out of memory: ";

/// As [`device::catch_out_of_memory`]. What another rank has said of itself is taken as it was said:
/// its words may be those of a want of memory, and are none of this rank's.
fn with_words_of_others<T>(
    own: u32,
    run: impl FnOnce() -> Result<T, TrialError>,
) -> Result<T, TrialError> {
    let attempt = device::catch_out_of_memory(|| match run() {
        Err(error @ TrialError::Ranks(RanksError::Failed { rank, .. })) if rank != own => {
            Ok(Err(of_any_rank(error)))
        }
        end => end.map(Ok),
    });
    attempt.map_err(TrialError::from).flatten()
}

fn on_this_rank(
    ranks: &Ranks,
    config: &TrialConfig,
    context: &TrialContext,
    observer: &mut dyn Observer,
) -> Result<TrialEnd, TrialError> {
    config.validate()?;
    device::require_device(context.device)?;
    // On the CPU it is so in any case.
    let is_asked = context.deterministic && context.device.is_cuda();
    let region = is_asked.then(device::Deterministic::begin);
    let _measuring = device::CudnnMeasuring::of_training(context.device, context.deterministic);
    device::keep_host_memory();
    device::wake(context.device)?;
    observer.reached(Beginning::Device);
    let end = within_memory(ranks, config, context, observer);
    for operation in region.iter().flat_map(device::Deterministic::operations) {
        observer.notice(&Notice::NotDeterministic { operation });
    }
    end
}

/// Trains with as many samples at once as memory holds.
fn within_memory(
    ranks: &Ranks,
    config: &TrialConfig,
    context: &TrialContext,
    observer: &mut dyn Observer,
) -> Result<TrialEnd, TrialError> {
    let mut limit = None;
    let mut without_graphs = None;
    loop {
        let context = without_graphs.as_ref().unwrap_or(context);
        let captures = device::captures_begun();
        // Samples in memory at once, and the fewest there can be, once they are known.
        let mut parts = None;
        let attempt = with_words_of_others(ranks.rank(), || {
            let mut training = Training::new(config, context, limit, ranks, observer)?;
            parts = Some((training.part(), training.smallest_part()));
            run(&mut training, observer)
        });
        let Err(TrialError::OutOfMemory { detail }) = attempt else {
            return attempt;
        };
        if ranks.count() > 1 {
            // The others are in the midst of a sum that never ends: all processes begin again.
            if let Some((from, least)) = parts
                && let Some(to) = smaller(from, least)
            {
                let reason = detail.clone();
                observer.notice(&Notice::MicroBatchReduced {
                    from,
                    to,
                    reason,
                    others: others(context.device, &detail),
                });
            }
            return Err(TrialError::OutOfMemory { detail });
        }
        let others = others(context.device, &detail);
        let has_graphs = context.graphs && device::captures_begun() > captures;
        // Blocks of the larger parts fit none of the smaller, and would only take room from them.
        device::let_go_of_host_memory();
        device::let_go_of_device_memory(context.device);
        let Some((from, least)) = parts else {
            return Err(TrialError::OutOfMemory { detail });
        };
        if has_graphs {
            // A graph keeps the memory of a pass, so that a pass beside it takes as much again.
            observer.notice(&Notice::NotCaptured {
                reason: format!("memory was short with graphs: {detail}"),
            });
            without_graphs = Some(TrialContext {
                graphs: false,
                ..context.clone()
            });
            continue;
        }
        let Some(to) = smaller(from, least) else {
            let detail =
                format!("{detail}; {from} samples at once are the fewest that there can be");
            return Err(TrialError::OutOfMemory { detail });
        };
        observer.notice(&Notice::MicroBatchReduced {
            from,
            to,
            reason: detail,
            others,
        });
        limit = Some(to);
    }
}

/// Bytes of the device that other processes have, where they are what a trial lacked.
fn others(device: Device, detail: &str) -> Option<u64> {
    let memory = device::DeviceMemory::of(device)?;
    memory.lacked_for_others(device::asked_for(detail))
}

/// Sets a trial up on the CPU and trains nothing: its sizes, and what the optimizer
/// will do to each parameter, and why.
///
/// # Errors
/// [`TrialError`] when the trial cannot be set up.
///
/// ```
/// use lawn_models::*;
///
/// let task = TaskConfig::from_table("ncf", serde_json::json!({
///     "model": "gmf", "generated": { "users": 50, "items": 200 },
/// }))?;
/// let mut optimizer = OptimizerSettings::new(RuleName::Adam, 1e-2);
/// optimizer.lawn = true;
/// optimizer.free_fraction = Some(0.5);
/// let config = TrialConfig::new(task, optimizer, 256, Amount::Epochs(2));
/// let info = dry_run(&config, None)?;
/// assert!(info.treatments.iter().any(|treatment| treatment.units > 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dry_run(config: &TrialConfig, data_root: Option<&Path>) -> Result<TrialInfo, TrialError> {
    config.validate()?;
    device::catch_out_of_memory(|| -> Result<TrialInfo, TrialError> {
        let task = set_up::task(config, &untrained(data_root), outline::tables([config]))?;
        let (length, optimizer) = set_up::optimizer(&task, config)?;
        Ok(info(length, &task, &optimizer, config))
    })
    .map_err(TrialError::from)
}

/// As [`dry_run`], for many trials of one task, whose data and model are set up once: those
/// of the first.
///
/// # Errors
/// [`TrialError`] when the task cannot be set up; within, when an optimizer cannot be laid
/// over its model.
pub fn examine(
    trials: &[TrialConfig],
    data_root: Option<&Path>,
) -> Result<Vec<Result<TrialInfo, TrialError>>, TrialError> {
    let Some(first) = trials.first() else {
        return Ok(Vec::new());
    };
    first.task.validate()?;
    let task = device::catch_out_of_memory(|| {
        set_up::task(first, &untrained(data_root), outline::tables(trials))
    })
    .map_err(TrialError::from)?;
    let one = |config: &TrialConfig| {
        config.validate()?;
        let (length, optimizer) = set_up::optimizer(&task, config)?;
        Ok(info(length, &task, &optimizer, config))
    };
    Ok(trials.iter().map(one).collect())
}

/// Where a trial is set up that nothing is trained of.
pub(super) fn untrained(data_root: Option<&Path>) -> TrialContext {
    TrialContext {
        device: Device::Cpu,
        data_root: data_root.map(Path::to_owned),
        checkpoint: PathBuf::new(),
        checkpoint_every: Duration::MAX,
        keep_weights: false,
        deterministic: false,
        graphs: false,
    }
}

fn info(length: Length, task: &Task, optimizer: &Optimizer, config: &TrialConfig) -> TrialInfo {
    let treatments = outline::treatments(&task.rows, optimizer, (&config.optimizer, length));
    TrialInfo {
        least_bytes: outline::least_bytes(&treatments, &config.optimizer),
        steps_per_epoch: length.steps_per_epoch,
        steps: length.steps,
        train_samples: length.epoch_samples,
        resumed_step: 0,
        recorded_step: 0,
        treatments,
        without_cuda_kernels: without_cuda_kernels(optimizer),
    }
}

pub(super) fn without_cuda_kernels(optimizer: &Optimizer) -> Vec<String> {
    let names = optimizer.without_cuda_kernels().into_iter();
    names.map(str::to_owned).collect()
}

/// Half of a part, as a multiple of the smallest; none where that is no smaller.
fn smaller(part: u64, least: u64) -> Option<u64> {
    let half = part.div_ceil(2).next_multiple_of(least);
    (half < part).then_some(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_want_of_memory_is_said_of_the_rank_that_had_it() {
        let failed = |rank, reason: &str| {
            let reason = reason.to_owned();
            Err::<(), _>(RanksError::Failed { rank, reason }.into())
        };
        let said = |own, rank, reason: &str| {
            with_words_of_others(own, || failed(rank, reason))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            said(0, 1, "out of memory: 2.00 GiB were asked for"),
            "out of memory: on rank 1: 2.00 GiB were asked for"
        );
        assert_eq!(
            said(0, 1, "panicked: a word"),
            "rank 1 cannot go on: panicked: a word"
        );
        // Of c10d, on this rank.
        assert_eq!(
            said(1, 1, "CUDA out of memory. Tried to allocate 4.00 GiB. "),
            "out of memory: 4.00 GiB of a GPU were asked for"
        );
        let panicked = with_words_of_others::<()>(0, || panic!("can't allocate memory"));
        assert!(matches!(panicked, Err(TrialError::OutOfMemory { .. })));
    }

    #[test]
    fn parts_are_halved_down_to_the_smallest() {
        let all = |part, least| -> Vec<u64> {
            std::iter::successors(Some(part), |&part| smaller(part, least)).collect()
        };
        assert_eq!(all(10, 1), [10, 5, 3, 2, 1]);
        assert_eq!(all(1000, 128), [1000, 512, 256, 128]);
        assert_eq!(all(16, 16), [16]);
    }
}
