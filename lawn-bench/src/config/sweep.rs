//! The checked sweep: every invariant that the rest of the harness relies on.

use std::collections::BTreeMap;
use std::time::Duration;

use lawn_models::{Amount, Diagnostics, Evaluation, OptimizerSettings, TaskConfig};
use serde::{Deserialize, Serialize};

use super::Engines;

/// Tasks × arms × batch sizes × seeds, and how each is tuned.
///
/// Made by [`super::load`] only, which holds these to be true: names are unique
/// and fit a file name; batch sizes ascend, seeds differ, and no confirmation
/// seed is the tuning seed; every arm has the same number of settings, each of
/// them valid for its rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Name of the sweep, and of its run directory.
    pub name: String,
    /// What is learned.
    pub tasks: Vec<NamedTask>,
    /// The optimizers compared.
    pub arms: Vec<Arm>,
    /// Samples per optimizer step, ascending.
    pub batch_sizes: Vec<u64>,
    /// The batch size that the large-batch drop is measured from.
    pub reference_batch_size: u64,
    /// How long every trial trains.
    pub budget: Amount,
    /// When trials measure themselves on the way.
    pub evaluation: Evaluation,
    /// What else trials measure then.
    pub diagnostics: Diagnostics,
    /// Seed of all tuning trials.
    pub tuning_seed: u64,
    /// How a grid's learning rates follow the batch size.
    pub learning_rate_scaling: Scaling,
    /// Seeds of the confirmation trials of every cell.
    pub confirmation_seeds: Vec<u64>,
    /// Pairs of arms that the report compares.
    pub contrasts: Vec<Contrast>,
    /// Error rate of a family of tests.
    pub alpha: f64,
    /// By metric, the largest difference that does not matter.
    pub margins: BTreeMap<String, f64>,
    /// How wide the figures are.
    #[serde(default)]
    pub width: lawn_analysis::Width,
    /// What trials run on.
    pub resources: Resources,
    /// What is asked of other machines, by engine.
    #[serde(default)]
    pub engines: Engines,
}

/// A task and the name that the sweep gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedTask {
    /// Key of the table under `[tasks]`.
    pub name: String,
    /// The task.
    pub config: TaskConfig,
}

/// One optimizer as compared, with the settings it is tuned over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// Key of the table under `[arms]`.
    pub name: String,
    /// The points of its grid at the reference batch size, first key slowest.
    pub settings: Vec<Setting>,
}

/// One point of an arm's grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// The hyper-parameters that the grid varies, with their values here.
    pub tuned: BTreeMap<String, serde_json::Value>,
    /// All hyper-parameters, at the reference batch size.
    pub optimizer: OptimizerSettings,
}

impl Setting {
    /// The hyper-parameters at batch size `batch_size`: only the learning rate follows it.
    ///
    /// ```text
    /// η(B) = η · (B / B_ref)^p,   p = 0 (none), 1/2 (sqrt), 1 (linear)
    /// ```
    #[must_use]
    pub fn at(&self, batch_size: u64, sweep: &Sweep) -> OptimizerSettings {
        let ratio = batch_size as f64 / sweep.reference_batch_size as f64;
        let mut optimizer = self.optimizer.clone();
        optimizer.learning_rate *= match sweep.learning_rate_scaling {
            Scaling::None => 1.0,
            Scaling::Sqrt => ratio.sqrt(),
            Scaling::Linear => ratio,
        };
        optimizer
    }
}

/// How the learning rates of a grid follow the batch size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// The same rates at every batch size.
    #[default]
    None,
    /// With its square root, as usual for Adam.
    Sqrt,
    /// In proportion, as usual for SGD.
    Linear,
}

/// Two arms that the report compares, seed by seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contrast {
    /// The arm compared against.
    pub baseline: String,
    /// The arm whose effect is asked for.
    pub treatment: String,
}

/// What trials run on. Never part of a trial's identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Trials trained at the same time.
    pub workers: usize,
    /// Threads of one trial.
    pub threads: usize,
    /// Where trials train.
    pub device: DeviceChoice,
    /// A trial that runs longer is stopped, and its outcome is `timeout`.
    pub timeout: Option<Duration>,
    /// Time that a trial asked to stop has for its checkpoint, before it is killed.
    pub grace: Duration,
    /// A trial that its process did not touch for so long is free for another launcher.
    pub lease: Duration,
    /// Samples held in memory at once; gradients are accumulated up to the batch size.
    pub micro_batch_size: Option<u64>,
    /// Time from one checkpoint of a trial to the next: what a kill can lose.
    pub checkpoint_every: Duration,
    /// Whether trials write event files for TensorBoard.
    pub tensorboard: bool,
    /// Whether a trial that came to its end leaves its checkpoint.
    pub keep_checkpoints: bool,
}

/// Where trials train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// On the CPU: bit for bit reproducible.
    #[default]
    Cpu,
    /// On CUDA; an error where there is none.
    Cuda,
    /// On CUDA where it is found, on the CPU otherwise.
    Auto,
}
