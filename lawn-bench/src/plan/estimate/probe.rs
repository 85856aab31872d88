//! One measurement: the first steps of the trials of one arm or several, each in one batch size
//! after the other, the smallest first, in a process of its own. It says what it knows line by line,
//! so that one that takes too long is not in vain.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use lawn_models::{
    Amount, EvaluationRecord, Observer, Treatment, TrialConfig, TrialContext, TrialInfo,
};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::config::DeviceChoice;
use crate::plan::choices::Choices;
use crate::plan::trials::{Cell, Plan};
use crate::run::provenance::{self, Machine};

/// Most steps of a measurement.
const STEPS: u64 = 256;

/// Steps after which the model is measured, where that is asked for.
const BEFORE_EVALUATION: u64 = 4;

/// Steps, after one that warms up, that are enough where they take long.
const ENOUGH: usize = 3;

/// Seconds of steps of one batch size after which no more are taken, where there are enough.
const WALK: f64 = 0.25;

/// Seconds of steps of one batch size after which one is enough.
const LONG_WALK: f64 = 1.0;

/// Seconds of a step, in proportion to the one before, from which on a batch is too large to be
/// measured.
const DEAR: f64 = 0.5;

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
    /// Seconds of one evaluation, where there was one.
    pub(super) evaluation_seconds: Option<f64>,
    /// Greatest resident memory of the process, in bytes; 0 where the system does not say.
    pub(super) peak_bytes: u64,
    /// What the optimizer does to each parameter, and why.
    pub(super) treatments: Vec<Treatment>,
    /// The parameters whose steps libtorch's operations take on CUDA, one by one.
    #[serde(default)]
    pub(super) without_cuda_kernels: Vec<String>,
}

/// What a measuring process came to.
pub(super) enum Answer {
    /// What it knew at its end, or when its time was up, by batch size.
    Probed(Vec<Probed>),
    /// In words, why there is nothing.
    Failed(String),
}

/// How far a measurement goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Depth {
    /// The trial is set up on the CPU, and nothing is trained.
    SetUp,
    /// Steps are taken.
    Steps,
    /// The model is measured as well, in the first batch size.
    Evaluation,
}

/// What the measuring process is told on its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub struct Probe {
    /// Trials of one task.
    configs: Vec<TrialConfig>,
    /// Batch sizes, ascending.
    batch_sizes: Vec<u64>,
    /// How many of them are none of the sweep's, but smaller. All but the first are for where the
    /// sweep's cannot be afforded.
    small: usize,
    depth: Depth,
    device: DeviceChoice,
    threads: usize,
    data_root: Option<PathBuf>,
}

impl Probe {
    /// The first steps of a trial of each of `cells`, which are of one task, in batches of
    /// `batch_sizes`, which ascend, the first `small` of them smaller than the sweep's. None where
    /// one has no trial.
    pub(super) fn of(
        plan: &Plan,
        cells: &[&Cell],
        (batch_sizes, small): (&[u64], usize),
        depth: Depth,
        data_root: Option<&Path>,
    ) -> Option<Self> {
        let first = *batch_sizes.first()?;
        let config = |cell: &&Cell| config(plan, cell, first, depth);
        let configs: Option<Vec<TrialConfig>> = cells.iter().map(config).collect();
        Some(Self {
            configs: configs?,
            batch_sizes: batch_sizes.to_vec(),
            small,
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
            // A process that died before it read says why below.
            let _ = serde_json::to_writer(stdin, self);
        }
        let heard = child.stdout.take().map(listen);
        let (mut all, mut start): (Vec<Probed>, Option<f64>) = (Vec::new(), None);
        while let Some(heard) = &heard {
            match heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(probed) => {
                    start.get_or_insert_with(|| since.elapsed().as_secs_f64());
                    // What is known of a batch size is said again once more is.
                    let is_same = |known: &Probed| {
                        (known.of, known.batch_size) == (probed.of, probed.batch_size)
                    };
                    all.retain(|known| !is_same(known));
                    all.push(probed);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = child.kill();
                    break;
                }
            }
        }
        let output = child.wait_with_output().map_err(spawn)?;
        for probed in &mut all {
            probed.start_seconds = start.unwrap_or_default();
        }
        Ok(match start {
            Some(_) => Answer::Probed(all),
            None if Instant::now() >= deadline => {
                Answer::Failed("it was not set up in the time that a plan may take".into())
            }
            None => {
                let stderr = String::from_utf8_lossy(&output.stderr);
                let said = stderr.trim().lines().last().unwrap_or_default();
                Answer::Failed(format!("{}; {said}", output.status))
            }
        })
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
        for (of, config) in self.configs.iter().enumerate() {
            match self.measure_one(of, config.clone(), &mut tell) {
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
        tell: &mut impl FnMut(&str),
    ) -> Result<(), Error> {
        if self.depth == Depth::SetUp {
            let info = lawn_models::dry_run(&config, self.data_root.as_deref())?;
            let mut stopwatch = Stopwatch::of(of, &config, tell);
            stopwatch.info = Some(info);
            stopwatch.say();
            return Ok(());
        }
        forget_peak();
        let mut rate: Option<f64> = None;
        for (place, &batch_size) in self.batch_sizes.iter().enumerate() {
            // In proportion is the most that a larger batch takes.
            let is_dear = |size: u64| rate.is_some_and(|rate| rate * size as f64 > DEAR);
            if is_dear(batch_size) {
                break;
            }
            let is_spare = (1..self.small).contains(&place);
            let own = self.batch_sizes.get(self.small);
            if is_spare && own.is_some_and(|&own| !is_dear(own)) {
                continue;
            }
            config.batch_size = batch_size;
            let step = self.walk(of, &config, tell)?;
            rate = Some(step / batch_size as f64);
            config.evaluation.every = config.budget;
        }
        Ok(())
    }

    /// Takes the first steps in batches of one size, and gives the seconds of one.
    fn walk(
        &self,
        of: usize,
        config: &TrialConfig,
        tell: &mut impl FnMut(&str),
    ) -> Result<f64, Error> {
        let folder = tempfile::tempdir().map_err(Error::io("make", Path::new("a folder")))?;
        let context = TrialContext {
            device: self.device.here(),
            data_root: self.data_root.clone(),
            checkpoint: folder.path().join("checkpoint.safetensors"),
            checkpoint_every: Duration::MAX,
            keep_weights: false,
            deterministic: false,
            graphs: false,
        };
        let mut stopwatch = Stopwatch::of(of, config, tell);
        lawn_models::run_trial(config, &context, &mut stopwatch)?;
        stopwatch.say();
        Ok(stopwatch.step_seconds().unwrap_or(f64::NAN))
    }
}

/// The first trial of `cell`, in batches of `batch_size`, for a measurement.
fn config(plan: &Plan, cell: &Cell, batch_size: u64, depth: Depth) -> Option<TrialConfig> {
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
    config.evaluation.every = match depth {
        Depth::Evaluation => Amount::Steps(BEFORE_EVALUATION),
        _ => config.budget,
    };
    // Its free phase is over after the first step.
    if config.optimizer.free_phase().is_some() {
        config.optimizer.free_epochs = None;
        config.optimizer.free_fraction = Some(1.0 / STEPS as f64);
    }
    config.diagnostics.distance_from = None;
    Some(config)
}

/// What a process says, line by line.
fn listen(out: ChildStdout) -> Receiver<Probed> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            let Ok(probed) = serde_json::from_str(&line) else {
                continue;
            };
            if sender.send(probed).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Notes how long each step takes.
struct Stopwatch<T> {
    of: usize,
    batch_size: u64,
    with_evaluation: bool,
    info: Option<TrialInfo>,
    /// The end of the step before, or of the evaluation after it.
    last: Option<Instant>,
    /// Seconds of each step, the first aside, which warms up.
    between: Vec<f64>,
    evaluated: Option<f64>,
    tell: T,
}

impl<T> Stopwatch<T> {
    fn of(of: usize, config: &TrialConfig, tell: T) -> Self {
        Self {
            of,
            batch_size: config.batch_size,
            with_evaluation: config.evaluation.every != config.budget,
            info: None,
            last: None,
            between: Vec::new(),
            evaluated: None,
            tell,
        }
    }

    fn step_seconds(&self) -> Option<f64> {
        let mut steps = self.between.clone();
        // The median, so that a step that waited for another process counts little.
        steps.sort_by(f64::total_cmp);
        steps.get(steps.len() / 2).copied()
    }
}

impl<T: FnMut(&str)> Stopwatch<T> {
    fn say(&mut self) {
        let step_seconds = self.step_seconds();
        let Some(info) = &self.info else { return };
        let probed = Probed {
            of: self.of,
            batch_size: self.batch_size,
            epoch_samples: info.train_samples.max(1),
            // The launcher knows when the process began.
            start_seconds: 0.0,
            step_seconds,
            evaluation_seconds: self.evaluated,
            peak_bytes: peak_bytes(),
            treatments: info.treatments.clone(),
            without_cuda_kernels: info.without_cuda_kernels.clone(),
        };
        (self.tell)(&(serde_json::to_string(&probed).unwrap_or_default() + "\n"));
    }
}

impl<T: FnMut(&str)> Observer for Stopwatch<T> {
    fn started(&mut self, info: &TrialInfo) {
        self.info = Some(info.clone());
        self.say();
    }

    fn progress(&mut self, _step: u64, _steps: u64) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.between.push((now - last).as_secs_f64());
        }
        if self.between.len() == ENOUGH {
            self.say();
        }
    }

    fn evaluated(&mut self, record: &EvaluationRecord) {
        self.evaluated = Some(record.seconds.evaluate);
        self.last = Some(Instant::now());
        self.say();
    }

    fn stop_requested(&self) -> bool {
        let is_measured = self.evaluated.is_some() || !self.with_evaluation;
        let (steps, seconds) = (self.between.len(), self.between.iter().sum::<f64>());
        let is_last = steps as u64 + 2 >= STEPS;
        let is_enough = steps >= ENOUGH && (seconds >= WALK || is_last);
        is_measured && (is_enough || seconds >= LONG_WALK)
    }

    fn may_save(&self) -> bool {
        false
    }
}

/// Has the high-water mark of memory begin anew, where Linux can: what was measured before in this
/// process is none of what follows.
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The high-water mark of this process's resident memory, where Linux tells it.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    kilobytes.map_or(0, |kilobytes: u64| kilobytes * 1024)
}
