//! One measurement: the first steps of the trials of one arm or several, each in one batch size
//! after the other, the smallest first, in a process of its own. It says what it knows line by line,
//! so that one that takes too long is not in vain.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lawn_models::{Amount, Rehearsal, Treatment, TrialConfig, TrialContext, TrialEnd};
use serde::{Deserialize, Serialize};

use super::climb::Climb;
use super::hearing::{self, Answer};
use super::stopwatch::{Start, Steps, Stopwatch, forget_peak};
use crate::Error;
use crate::config::DeviceChoice;
use crate::count::count;
use crate::plan::choices::Choices;
use crate::plan::trials::{self, Plan};
use crate::run::provenance::{self, Machine};

/// Most steps of a measurement.
pub(super) const STEPS: u64 = 256;

/// How many steps a measurement in one batch size may take, the one that warms up among them.
const PAID: f64 = 4.0;

/// The part of the time that is left for steps, where the model is to be measured after them.
const FOR_STEPS: f64 = 0.7;

/// What a measurement in one batch size came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Probed {
    /// Which of the trials that were asked for, from 0.
    #[serde(default)]
    pub(super) of: usize,
    /// Samples of a step.
    pub(super) batch_size: u64,
    /// Samples in one epoch; negatives count.
    pub(super) epoch_samples: u64,
    /// Seconds from the start of the process to the first step.
    pub(super) start_seconds: f64,
    /// Seconds of one optimizer step, its samples included; none before there were enough.
    pub(super) step_seconds: Option<f64>,
    /// Seconds of one evaluation, where there was one, or a part that they are derived from.
    pub(super) evaluation_seconds: Option<f64>,
    /// Greatest resident memory of the process, in bytes; 0 where the system does not say.
    pub(super) peak_bytes: u64,
    /// What the optimizer does to each parameter, and why.
    pub(super) treatments: Vec<Treatment>,
    /// Whether nothing that is to come is worth waiting for.
    #[serde(default)]
    pub(super) is_all: bool,
    /// The parameters whose steps libtorch's operations take on CUDA, one by one.
    #[serde(default)]
    pub(super) without_cuda_kernels: Vec<String>,
    /// The part of the time of its steps that they waited for a core which other processes had. It is
    /// no part of their seconds.
    #[serde(default)]
    pub(super) waited: f64,
    /// Seconds that the process waited so before its first step, likewise no part of the others.
    #[serde(default)]
    pub(super) waited_at_start: f64,
    /// In words, how the steps diverged, where they did before they were measured. It is so at this
    /// learning rate: a measurement that is kept has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) diverged: Option<String>,
}

/// In which batch sizes a measurement is made.
#[derive(Debug, Clone, Default)]
pub(super) struct Sizes {
    /// Ascending.
    pub(super) own: Vec<u64>,
    /// A smaller one, to begin with.
    pub(super) first: Option<u64>,
    /// Seconds that a step of some of them is expected to take.
    pub(super) expected: BTreeMap<u64, f64>,
}

impl Sizes {
    pub(super) fn one(size: u64) -> Self {
        Self {
            own: vec![size],
            ..Self::default()
        }
    }
}

/// How far a measurement goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Depth {
    /// The trial is set up on the CPU, and nothing is trained.
    SetUp,
    /// Steps are taken.
    Steps,
    /// The model is measured as well, at the end.
    Evaluation,
}

impl Depth {
    /// Whether nothing was left out of a measurement in batches of `sizes`.
    pub(super) fn is_whole(self, sizes: &Sizes, probed: &[Probed]) -> bool {
        let stepped = |size: &u64| {
            let mut probed = probed.iter();
            probed.any(|one| one.batch_size == *size && one.step_seconds.is_some())
        };
        let evaluated = || probed.iter().any(|one| one.evaluation_seconds.is_some());
        match self {
            Self::SetUp => !probed.is_empty(),
            Self::Steps => sizes.own.iter().all(stepped),
            Self::Evaluation => sizes.own.iter().all(stepped) && evaluated(),
        }
    }
}

/// What the measuring process is told on its standard input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Probe {
    /// Trials of one task.
    configs: Vec<TrialConfig>,
    /// Batch sizes, ascending.
    batch_sizes: Vec<u64>,
    /// A smaller one, to begin with.
    first: Option<u64>,
    /// Seconds that a step is expected to take, by batch size, where another arm says it.
    expected: BTreeMap<u64, f64>,
    /// When its time is up, in seconds of Unix time.
    until: f64,
    depth: Depth,
    device: DeviceChoice,
    threads: usize,
    data_root: Option<PathBuf>,
}

impl Probe {
    /// The first steps of a trial of each of `cells`, which are of one task, in batches of `sizes`.
    /// None where one has no trial.
    pub(super) fn of(
        plan: &Plan,
        cells: &[&trials::Cell],
        sizes: &Sizes,
        depth: Depth,
        data_root: Option<&Path>,
    ) -> Option<Self> {
        let first = sizes.first.or(sizes.own.first().copied())?;
        let config = |cell: &&trials::Cell| config(plan, cell, first, depth);
        let configs: Option<Vec<TrialConfig>> = cells.iter().map(config).collect();
        Some(Self {
            configs: configs?,
            batch_sizes: sizes.own.clone(),
            first: sizes.first,
            expected: sizes.expected.clone(),
            until: f64::INFINITY,
            depth,
            device: plan.sweep.resources.device,
            threads: plan.sweep.resources.threads,
            data_root: data_root.map(Path::to_owned),
        })
    }

    /// The hash of what could change the measurement. The value of a hyper-parameter that is a
    /// number cannot, but a 0 can: it may save an operation or a buffer.
    pub(super) fn key(&self, data: Option<&str>) -> String {
        let mut configs = serde_json::json!(self.configs);
        for config in configs.as_array_mut().into_iter().flatten() {
            if let Some(optimizer) = config["optimizer"].as_object_mut() {
                for value in optimizer.values_mut().filter(|value| value.is_number()) {
                    *value = (value.as_f64() != Some(0.0)).into();
                }
            }
            // Other initial weights and another order take the same time.
            config["seed"].take();
        }
        let mut machine = Machine::this_one(None);
        // Where data sets are is not what they are.
        machine.environment.remove("LAWN_DATA");
        let what = serde_json::json!({
            "build": provenance::build(),
            "machine": machine,
            "processors": std::thread::available_parallelism().map_or(1, usize::from),
            "device": format!("{:?}", self.device.here()),
            "threads": self.threads,
            "data": data,
            "configs": configs,
            "batch_sizes": self.batch_sizes,
            "first": self.first,
            "depth": self.depth,
            "debug": cfg!(debug_assertions),
        });
        blake3::hash(what.to_string().as_bytes()).to_hex()[..16].to_owned()
    }

    /// Runs the measurement in a process of its own, which is ended at `deadline`.
    pub(super) fn run(&self, deadline: Instant) -> Result<Answer, Error> {
        let spawn = |source| Error::Spawn { source };
        let since = Instant::now();
        let mut child = crate::process::spawn::this_command()
            .map_err(spawn)?
            .args(["plan", "--measure", "-"])
            .env("OMP_NUM_THREADS", self.threads.to_string())
            .env("MKL_NUM_THREADS", self.threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(spawn)?;
        if let Some(stdin) = child.stdin.take() {
            let left = deadline.saturating_duration_since(Instant::now());
            let until = unix_seconds() + left.as_secs_f64();
            let request = Self {
                until,
                ..self.clone()
            };
            // A process that died before it read says why below.
            let _ = serde_json::to_writer(stdin, &request);
        }
        hearing::hear(child, since, deadline)
    }

    /// Measures in this process; `tell` hears what is known so far.
    ///
    /// # Errors
    ///
    /// [`Error::Trial`] where none of the trials can be trained.
    pub(crate) fn measure_here(self, mut tell: impl FnMut(&str)) -> Result<(), Error> {
        lawn_models::set_threads(u32::try_from(self.threads).unwrap_or(u32::MAX));
        let mut refused = None;
        let mut measured = 0;
        let (mut rehearsal, start) = (Rehearsal::new(), Rc::<Start>::default());
        start.waits.borrow_mut().begin();
        for (of, config) in self.configs.iter().enumerate() {
            let process = (&mut rehearsal, &start);
            match self.measure_one(of, config.clone(), process, &mut tell) {
                Ok(()) => measured += 1,
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) if measured == 0 => Err(error),
            _ => Ok(()),
        }
    }

    fn measure_one(
        &self,
        of: usize,
        mut config: TrialConfig,
        (rehearsal, start): (&mut Rehearsal, &Rc<Start>),
        tell: &mut impl FnMut(&str),
    ) -> Result<(), Error> {
        if self.depth == Depth::SetUp {
            let info = lawn_models::dry_run(&config, self.data_root.as_deref())?;
            let mut stopwatch = Stopwatch::of(of, config.batch_size, tell);
            stopwatch.info = Some(info);
            stopwatch.say();
            return Ok(());
        }
        forget_peak();
        // What waits for a core while a card computes costs no time.
        let is_on_cpu = matches!(self.device.here(), lawn_models::Device::Cpu);
        let for_steps = match self.depth {
            Depth::Evaluation => FOR_STEPS,
            _ => 1.0,
        };
        let mut climb = Climb::new(&self.batch_sizes, &self.expected);
        let (first, mut before) = (config.batch_size, None);
        let mut next = Some(first);
        while let Some(size) = next {
            config.batch_size = size;
            let mut stopwatch = Stopwatch::of(of, size, &mut *tell);
            stopwatch.start = Rc::clone(start);
            stopwatch.is_on_cpu = is_on_cpu;
            stopwatch.is_on_the_way = !climb.is_own(size);
            let steps = self.walk(&config, stopwatch, rehearsal)?;
            before.get_or_insert(steps);
            climb.took(size, steps.as_it_was);
            next = climb.next((self.until - unix_seconds()) * for_steps / PAID);
        }
        if self.depth == Depth::Evaluation {
            config.batch_size = first;
            config.evaluation.every = Amount::Steps(1);
            let mut stopwatch = Stopwatch::of(of, first, tell);
            stopwatch.with_evaluation = true;
            stopwatch.start = Rc::clone(start);
            stopwatch.is_on_cpu = is_on_cpu;
            stopwatch.before = before;
            self.walk(&config, stopwatch, rehearsal)?;
        }
        Ok(())
    }

    /// Takes the first steps in batches of one size, and gives the seconds of one.
    fn walk(
        &self,
        config: &TrialConfig,
        mut stopwatch: Stopwatch<impl FnMut(&str)>,
        rehearsal: &mut Rehearsal,
    ) -> Result<Steps, Error> {
        let context = TrialContext {
            device: self.device.here(),
            data_root: self.data_root.clone(),
            checkpoint: PathBuf::new(),
            checkpoint_every: Duration::MAX,
            keep_weights: false,
            deterministic: false,
            graphs: false,
        };
        let end = rehearsal.run_trial(config, &context, &mut stopwatch)?;
        if let TrialEnd::Diverged { step, reason, .. } = end {
            let rate = config.optimizer.learning_rate;
            let steps = count(step as usize, "step");
            stopwatch.diverged = Some(format!(
                "{reason} after {steps} at a learning rate of {rate:e}"
            ));
        }
        stopwatch.say();
        let seconds = stopwatch.step_seconds().unwrap_or(f64::NAN);
        Ok(Steps {
            seconds,
            as_it_was: stopwatch.as_it_was().unwrap_or(seconds),
            waited: stopwatch.waited(),
            peak_bytes: stopwatch.peak_bytes(),
        })
    }
}

/// Seconds of Unix time, which all processes of a machine share.
fn unix_seconds() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64()
}

/// The first trial of `cell`, in batches of `batch_size`, for a measurement.
fn config(plan: &Plan, cell: &trials::Cell, batch_size: u64, depth: Depth) -> Option<TrialConfig> {
    let mut trials = plan.trials.iter();
    let index = trials.position(|trial| trial.cell == *cell)?;
    let (_, mut config) = plan.resolve(index, &Choices::default()).ok()?;
    config.stop_after = None;
    // A measurement sees no test data.
    config.stage = lawn_models::Stage::Tune;
    if depth == Depth::SetUp {
        return Some(config);
    }
    config.batch_size = batch_size;
    config.budget = Amount::Steps(STEPS);
    config.evaluation.every = config.budget;
    // Its free phase is over after the first step.
    if config.optimizer.free_phase().is_some() {
        (config.optimizer.free_epochs, config.optimizer.free_steps) = (None, None);
        config.optimizer.free_fraction = Some(1.0 / STEPS as f64);
    }
    config.diagnostics.distance_from = None;
    Some(config)
}
