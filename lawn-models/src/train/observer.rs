//! Who listens to a trial, and what is told beside its records.

use std::fmt;
use std::path::PathBuf;

use lawn_core::Treatment;
use serde::{Deserialize, Serialize};

use super::captures::GraphUse;
use super::device_use::DeviceUse;
use super::record::EvaluationRecord;

/// Something out of the ordinary that a trial came through.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(tag = "notice", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Notice {
    /// A checkpoint was not as it was written; training went on from the one before
    /// it, or from the start.
    CheckpointDamaged {
        /// Name of the file.
        file: String,
        /// The name that it has now.
        kept_as: String,
        /// What was wrong.
        reason: String,
    },
    /// Files of a data set cannot be read, and were left out as the task asks.
    FilesLeftOut {
        /// The folder of the split.
        folder: PathBuf,
        /// Files in it.
        files: u64,
        /// How many were left out.
        left_out: u64,
        /// The first of them.
        first: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The log was not as it was written; training began again.
    LogDamaged {
        /// The name that it has now.
        kept_as: String,
        /// What was wrong.
        reason: String,
    },
    /// A gradient was beyond f16, and its step skipped: the loss is scaled less from now on.
    LossScaleReduced {
        /// The step that was skipped.
        step: u64,
        /// What the loss is multiplied by now.
        to: f64,
    },
    /// No evaluation met the condition of a freeze, which came where the free phase ends at the
    /// latest.
    FrozenAtTheLatest {
        /// Steps before it.
        step: u64,
    },
    /// Steps on CUDA are libtorch's operations, parameter by parameter: no kernels could be taken.
    NoKernels {
        /// What they do not compute, or what the compiler or the driver said.
        reason: String,
    },
    /// Samples come about without the kernel that was to draw or to show them on the device.
    WithoutSampleKernel {
        /// What was said of it.
        reason: String,
    },
    /// An operation that was to give the same bits each time has no algorithm that does.
    NotDeterministic {
        /// libtorch's name of it.
        operation: String,
    },
    /// Steps could not be captured in a graph of CUDA, or one by a graph was not the same; their
    /// operations are launched one by one.
    NotCaptured {
        /// What was said of it, or what was different.
        reason: String,
    },
    /// Training went on with another number of ranks. The result is the same up to rounding.
    OtherRanks {
        /// The step that it went on from.
        step: u64,
        /// Ranks before.
        before: u32,
        /// And since.
        now: u32,
    },
    /// Memory ran out; training went on from the last checkpoint with fewer samples
    /// in memory at once. The result is the same up to rounding.
    MicroBatchReduced {
        /// Samples in memory at once before.
        from: u64,
        /// And after.
        to: u64,
        /// What was said of memory.
        reason: String,
        /// Bytes of the device that other processes had, where it would have had room without them:
        /// that says nothing of what fits there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        others: Option<u64>,
    },
}

/// As in a sentence.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CheckpointDamaged {
                file,
                kept_as,
                reason,
            } => write!(f, "{file} was damaged ({reason}), kept as {kept_as}"),
            Self::FilesLeftOut {
                folder,
                files,
                left_out,
                first,
                reason,
            } => write!(
                f,
                "{left_out} of {files} files under {} cannot be read and were left out, as {}: {reason}",
                folder.display(),
                first.display()
            ),
            Self::LogDamaged { kept_as, reason } => {
                write!(
                    f,
                    "the log was damaged ({reason}), kept as {kept_as}; began again"
                )
            }
            Self::LossScaleReduced { step, to } => {
                write!(
                    f,
                    "step {step} was skipped, its gradient is beyond f16; the loss is scaled by {to} now"
                )
            }
            Self::FrozenAtTheLatest { step } => write!(
                f,
                "freeze_when was never met: the freeze came after step {step}, where the free phase \
                 ends at the latest"
            ),
            Self::NoKernels { reason } => write!(
                f,
                "the optimizer takes libtorch's operations, which are slower than its kernels: {reason}"
            ),
            Self::WithoutSampleKernel { reason } => {
                write!(
                    f,
                    "samples are made without a kernel of the device, more slowly: {reason}"
                )
            }
            Self::NotDeterministic { operation } => write!(
                f,
                "{operation} has no deterministic algorithm on this device: bits of this trial may \
                 not repeat"
            ),
            Self::NotCaptured { reason } => write!(
                f,
                "steps are launched operation by operation and not by a graph: {reason}"
            ),
            Self::OtherRanks { step, before, now } => write!(
                f,
                "from step {step} on trained by {now} ranks, by {before} before"
            ),
            Self::MicroBatchReduced {
                from,
                to,
                reason,
                others,
            } => {
                write!(
                    f,
                    "out of memory with {from} samples at once, goes on with {to}: {reason}"
                )?;
                match others {
                    Some(bytes) => write!(
                        f,
                        "; other processes had {:.1} GiB of the device",
                        *bytes as f64 / f64::from(1 << 30)
                    ),
                    None => Ok(()),
                }
            }
        }
    }
}

/// What is known once a trial has been set up.
#[derive(Clone, Debug)]
pub struct TrialInfo {
    /// Optimizer steps in one epoch.
    pub steps_per_epoch: u64,
    /// Optimizer steps in all.
    pub steps: u64,
    /// Samples in one epoch; negatives count.
    pub train_samples: u64,
    /// Steps that an earlier run has done; 0 for a fresh start. Records of later
    /// steps are from work that was lost and is done again.
    pub resumed_step: u64,
    /// The last of them that has a record; 0 where none has.
    pub recorded_step: u64,
    /// Bytes that its parameters take at the least, with what the rule remembers of them.
    pub least_bytes: u64,
    /// What the optimizer will do to each parameter, and why.
    pub treatments: Vec<Treatment>,
    /// The parameters whose steps libtorch's operations take on CUDA, one by one, as
    /// [`Optimizer::without_cuda_kernels`](lawn_core::Optimizer::without_cuda_kernels) says.
    pub without_cuda_kernels: Vec<String>,
}

/// What a trial has behind it before it has taken a step.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Beginning {
    /// The process runs: libtorch is loaded. Whoever calls a trial tells it.
    Process,
    /// libtorch can compute on the device: its part for it is loaded, and has a context there.
    Device,
    /// Data are read, and the model is there.
    Task,
    /// The optimizer is there: its kernels are compiled or found, and a checkpoint is read.
    Optimizer,
    /// The first step of this process is taken, and the device has come to its end.
    Step,
}

/// Listens to a trial.
pub trait Observer {
    /// So far the trial has come before its first step is taken; each is told once, and those from the
    /// task on again where the trial begins again for want of memory.
    fn reached(&mut self, _beginning: Beginning) {}
    /// How the trial is computed on CUDA: when it is set up, after the first step, at each
    /// evaluation, and where it ends.
    fn uses_device(&mut self, _used: &DeviceUse) {}
    /// The trial is set up and about to train; called again where it had to begin
    /// again, or to go on from a checkpoint, for want of memory.
    fn started(&mut self, info: &TrialInfo);
    /// `step` of `steps` optimizer steps are done.
    fn progress(&mut self, step: u64, steps: u64);
    /// Within an evaluation, `samples` of `of` samples have been looked at.
    fn measuring(&mut self, _samples: u64, _of: u64) {}
    /// The trial has measured itself. Called before the next checkpoint is
    /// written, so that a log never lacks a record that a resumed trial skips.
    fn evaluated(&mut self, record: &EvaluationRecord);
    /// The trial came through something out of the ordinary. May be called before
    /// [`started`](Self::started), and before it is called again.
    fn notice(&mut self, _notice: &Notice) {}
    /// Whether from here on the trial tries its first graph of CUDA: until that has passed its checks, was
    /// given up, or the trial is over. Where the process ends meanwhile, it may have ended of that.
    fn tries_graphs(&mut self, _tries: bool) {}
    /// How passes were computed, at the end of a trial that was to take
    /// [graphs](crate::TrialContext::graphs) on CUDA, finished or not: those of this process, since it
    /// last [started](Self::started).
    fn computed(&mut self, _used: &GraphUse) {}
    /// Polled at each step; the trial stops soon after it turns true.
    fn stop_requested(&self) -> bool;
    /// Asked before each checkpoint: false where another process trains this trial now,
    /// whose checkpoints must not be touched.
    fn may_save(&self) -> bool {
        true
    }
}

/// Hears nothing and never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct SilentObserver;

impl Observer for SilentObserver {
    fn started(&mut self, _info: &TrialInfo) {}
    fn progress(&mut self, _step: u64, _steps: u64) {}
    fn evaluated(&mut self, _record: &EvaluationRecord) {}
    fn stop_requested(&self) -> bool {
        false
    }
}
