//! The checked sweep: every invariant that the rest of the harness relies on.

use std::collections::BTreeMap;
use std::time::Duration;

use lawn_models::{Amount, Diagnostics, Evaluation, OptimizerSettings, Precision, TaskConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::device::{DeviceChoice, Sharding};
use super::engines::Engines;
use crate::error::{Error, Fault, Place};

/// Tasks × arms × batch sizes × seeds, and how each is tuned.
///
/// Made by [`super::load`] only, which holds these to be true: names are unique
/// and fit a file name; batch sizes ascend, seeds differ, and no confirmation
/// seed is the tuning seed; every arm with anything to tune has the same number of settings, any
/// other has one, and each is valid for its rule; rungs have more of the budget and no more
/// settings than those before.
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
    /// Kind of numbers that every trial computes in.
    #[serde(default)]
    pub precision: Precision,
    /// How long every trial trains.
    pub budget: Amount,
    /// When trials measure themselves on the way.
    pub evaluation: Evaluation,
    /// What else trials measure then.
    pub diagnostics: Diagnostics,
    /// Seed of all tuning trials.
    pub tuning_seed: u64,
    /// Rounds of tuning. The last one trains for the whole budget. There is one, unless settings
    /// are chosen by successive halving.
    pub rungs: Vec<Rung>,
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

impl Sweep {
    /// Whether there is anything to choose from.
    #[must_use]
    pub fn is_tuned(&self) -> bool {
        self.rungs[0].settings > 1
    }

    /// Whether this arm has anything to choose from.
    #[must_use]
    pub fn tunes(&self, arm: &str) -> bool {
        let mut arms = self.arms.iter();
        arms.any(|one| one.name == arm && one.settings.len() > 1)
    }

    /// Makes sure that it has these batch sizes, for which `--batch` asks.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] with the first that it has not.
    pub(crate) fn require_batch_sizes(&self, asked: &[u64]) -> Result<(), Error> {
        let sizes = &self.batch_sizes;
        match asked.iter().find(|size| !sizes.contains(size)) {
            None => Ok(()),
            Some(size) => {
                let fault = Fault::new(Place::key("--batch"), format!("no batch size is {size}"));
                Err(Error::Option(Box::new(fault.allowed(sizes))))
            }
        }
    }

    /// Makes sure of what later code relies on, where a sweep is read from a plan.
    ///
    /// # Errors
    ///
    /// What does not fit, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (Some(first), Some(last)) = (self.rungs.first(), self.rungs.last()) else {
            return Err("the sweep has no rungs".into());
        };
        let descends =
            |pair: &[Rung]| pair[0].part < pair[1].part && pair[0].settings >= pair[1].settings;
        if last.part != 1.0 || last.settings == 0 || !self.rungs.windows(2).all(descends) {
            return Err("the rungs of the sweep do not lead to its whole budget".into());
        }
        let has_its_own = |arm: &Arm| match arm.space.is_empty() {
            true => arm.settings.len() == 1,
            false => arm.settings.len() == first.settings,
        };
        if !self.arms.iter().all(has_its_own) {
            return Err(format!(
                "an arm has not the {} settings of the others",
                first.settings
            ));
        }
        if self.tasks.is_empty() || self.arms.is_empty() || self.batch_sizes.is_empty() {
            return Err("the sweep has no task, no arm or no batch size".into());
        }
        Ok(())
    }
}

/// A task and the name that the sweep gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedTask {
    /// Key of the table under `[tasks]`.
    pub name: String,
    /// The task.
    pub config: TaskConfig,
    /// The validation metric that its settings are chosen by.
    pub metric: String,
}

/// One optimizer as compared, with the settings it is tuned over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// Key of the table under `[arms]`.
    pub name: String,
    /// What is tuned, by hyper-parameter.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub space: BTreeMap<String, Axis>,
    /// The batch size that its learning rates are of.
    #[serde(default, skip_serializing_if = "RateBatchSize::is_reference")]
    pub rate_batch_size: RateBatchSize,
    /// The points of its space at the reference batch size. A grid gives all of its points, the
    /// first key varying slowest. Ranges give points of a quasi-random sequence.
    pub settings: Vec<Setting>,
}

/// The batch size that the learning rates of an arm are of: from there they follow the batch size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RateBatchSize {
    /// The reference batch size of the sweep.
    #[default]
    Reference,
    /// This one, for which a recipe was made.
    Of(u64),
    /// Every one: they follow none.
    Any,
}

impl RateBatchSize {
    fn is_reference(&self) -> bool {
        *self == Self::Reference
    }
}

/// What one hyper-parameter is tuned over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// At every batch size that `at` does not name.
    pub domain: Domain,
    /// At these batch sizes, where no learning rate is scaled either.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub at: BTreeMap<u64, Domain>,
}

/// The values that a hyper-parameter may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Domain {
    /// Each of these, with each value of every other grid.
    Grid(Vec<serde_json::Value>),
    /// One of these, drawn.
    Choice(Vec<serde_json::Value>),
    /// A number drawn from `min` to `max`.
    Range {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
        /// How it is drawn.
        scale: Scale,
    },
}

impl Domain {
    /// The values as a sweep file has them.
    #[must_use]
    pub fn written(&self) -> serde_json::Value {
        match self {
            Self::Grid(values) => serde_json::json!(values),
            Self::Choice(values) => serde_json::json!({ "choice": values }),
            Self::Range {
                min,
                max,
                scale: Scale::Integer,
            } => {
                let (min, max) = (*min as i64, *max as i64);
                serde_json::json!({ "min": min, "max": max, "scale": Scale::Integer })
            }
            Self::Range { min, max, scale } => {
                serde_json::json!({ "min": min, "max": max, "scale": scale })
            }
        }
    }
}

/// How a number is drawn from a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Evenly.
    Linear,
    /// Evenly in its logarithm.
    Log,
    /// A whole number, the ends included.
    Integer,
}

/// One point of an arm's space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// The hyper-parameters that are tuned, with their values here.
    pub tuned: BTreeMap<String, serde_json::Value>,
    /// All hyper-parameters, at the reference batch size.
    pub optimizer: OptimizerSettings,
    /// The same point at the batch sizes that have a range of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub at: BTreeMap<u64, Point>,
}

/// The hyper-parameters of a setting at one batch size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Those that are tuned.
    pub tuned: BTreeMap<String, serde_json::Value>,
    /// All of them.
    pub optimizer: OptimizerSettings,
}

impl Axis {
    /// The values at `batch_size`.
    #[must_use]
    pub fn domain_at(&self, batch_size: Option<u64>) -> &Domain {
        batch_size
            .and_then(|size| self.at.get(&size))
            .unwrap_or(&self.domain)
    }
}

impl Sweep {
    /// How many times the learning rate of the file `arm` trains batches of `batch_size` with.
    #[must_use]
    pub fn rate_factor(&self, arm: &Arm, batch_size: u64) -> f64 {
        let own = match arm.rate_batch_size {
            RateBatchSize::Reference => self.reference_batch_size,
            RateBatchSize::Of(own) => own,
            RateBatchSize::Any => return 1.0,
        };
        let ratio = batch_size as f64 / own as f64;
        match self.learning_rate_scaling {
            Scaling::None => 1.0,
            Scaling::Sqrt => ratio.sqrt(),
            Scaling::Linear => ratio,
        }
    }
}

impl Setting {
    /// The hyper-parameters of this setting of `arm` at batch size `batch_size`: those drawn for
    /// it, or the usual ones with the learning rate following it.
    ///
    /// ```text
    /// η(B) = η · (B / B_own)^p,   p = 0 (none), 1/2 (sqrt), 1 (linear)
    /// ```
    ///
    /// `B_own` is the reference batch size, or the arm's [`rate_batch_size`](Arm::rate_batch_size).
    #[must_use]
    pub fn at(&self, batch_size: u64, arm: &Arm, sweep: &Sweep) -> OptimizerSettings {
        if let Some(point) = self.at.get(&batch_size) {
            return point.optimizer.clone();
        }
        let mut optimizer = self.optimizer.clone();
        optimizer.learning_rate *= sweep.rate_factor(arm, batch_size);
        optimizer
    }

    /// The tuned values at `batch_size`. The learning rate is the one before it is scaled.
    #[must_use]
    pub fn tuned_at(&self, batch_size: u64) -> &BTreeMap<String, serde_json::Value> {
        self.at
            .get(&batch_size)
            .map_or(&self.tuned, |point| &point.tuned)
    }

    /// The hyper-parameters at each batch size where more than the learning rate differs.
    pub(crate) fn everywhere(&self) -> impl Iterator<Item = &OptimizerSettings> {
        let at = self.at.values().map(|point| &point.optimizer);
        std::iter::once(&self.optimizer).chain(at)
    }
}

/// One round of tuning: so many settings, each for a part of the budget.
///
/// The schedule of a trial is that of the whole budget: it stops early, it is not
/// a shorter one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// Part of the budget, above 0 and up to 1.
    pub part: f64,
    /// Settings that every arm with anything to tune trains at every batch size.
    pub settings: usize,
}

/// How the learning rates of a grid follow the batch size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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

/// How long a lease lives without a touch where a sweep says nothing.
pub const LEASE: Duration = Duration::from_secs(60);

/// What trials run on. Never part of a trial's identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Trials trained at the same time.
    pub workers: usize,
    /// Threads of one trial.
    pub threads: usize,
    /// Processes that train one trial together.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub ranks: usize,
    /// Whether this launch has told how many these are, beside the plan.
    #[serde(skip)]
    pub ranks_are_told: bool,
    /// How embedding tables lie where there are several.
    #[serde(default, skip_serializing_if = "Sharding::is_none")]
    pub sharding: Sharding,
    /// Where trials train.
    pub device: DeviceChoice,
    /// Whether trials give the same bits each time on CUDA, too; confirmation trials alone where
    /// nothing is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deterministic: Option<bool>,
    /// Whether steps on CUDA are captured in graphs and replayed, where that gives the same as without.
    #[serde(default, skip_serializing_if = "is_not")]
    pub graphs: bool,
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
    /// Whether a confirmation leaves its weights. Those of plans that do not say so do.
    #[serde(default = "yes")]
    pub keep_weights: bool,
}

impl Resources {
    /// Whether the ranks of a trial have parts of its tables.
    pub(crate) fn shares_tables(&self) -> bool {
        self.ranks > 1 && self.sharding == Sharding::Rows
    }

    /// The ranks that a trial's process is told, beside what its plan says.
    pub(crate) fn told_ranks(&self) -> Option<usize> {
        (self.ranks > 1 || self.ranks_are_told).then_some(self.ranks)
    }
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_one(ranks: &usize) -> bool {
    *ranks == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_not(it: &bool) -> bool {
    !it
}

fn yes() -> bool {
    true
}
