use std::path::PathBuf;
use std::time::Duration;

use tch::Device;

/// Where a trial runs: nothing here is part of its identity.
#[derive(Clone, Debug)]
pub struct TrialContext {
    /// Where tensors live.
    pub device: Device,
    /// Folder of the data sets; needed unless the data are generated.
    pub data_root: Option<PathBuf>,
    /// Checkpoint file. The trial resumes from it when it exists.
    pub checkpoint: PathBuf,
    /// Time from one checkpoint to the next; one is written when the trial
    /// stops on request as well.
    pub checkpoint_every: Duration,
    /// Whether a confirmation keeps its weights beside the checkpoint: `model.safetensors`, which
    /// are the last ones and those that are tested, and `model.best.safetensors`, those with the
    /// best validation metric. Each is as large as the model in f32.
    pub keep_weights: bool,
    /// Whether the trial gives the same bits each time on an accelerator, too, where operations
    /// that do so may take longer. On the CPU it does in any case. Without it cuDNN measures which of
    /// its algorithms is the fastest.
    pub deterministic: bool,
    /// Whether forward and backward passes on CUDA are captured in graphs and replayed; see
    /// [`PassGraphs`](crate::PassGraphs). What cannot be captured is a
    /// [`Notice`](crate::Notice::NotCaptured) of the trial.
    pub graphs: bool,
}
