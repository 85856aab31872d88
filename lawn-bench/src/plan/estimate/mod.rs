//! What a trial takes, measured on its first steps.
//!
//! One process a measurement, so that its peak of memory is its own. Measurements are
//! kept in the user's cache, by everything that could change them: the content of the data set,
//! the machine and its device, the build, and the configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
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
use crate::run::{document, files};

/// Schema of the cache.
const SCHEMA: u32 = 1;

/// Samples of a measurement; steps of small batches are short, and more of them are taken.
const SAMPLES: u64 = 200_000;

/// Steps of a measurement, the first of which warms up.
fn steps(batch_size: u64) -> u64 {
    (SAMPLES / batch_size).clamp(4, 50)
}

/// What the trials of one cell take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Samples in one epoch; negatives count.
    pub epoch_samples: u64,
    /// Seconds of one optimizer step, its samples included.
    pub step_seconds: f64,
    /// Seconds of one evaluation.
    pub evaluation_seconds: f64,
    /// Seconds from the start of the process to the first step.
    pub start_seconds: f64,
    /// Greatest resident memory of the process, in bytes; 0 where the system does not say.
    pub peak_bytes: u64,
    /// What the optimizer does to each parameter, and why.
    pub treatments: Vec<Treatment>,
}

impl Measurement {
    /// Bytes of a model's parameters in f32, as they are written to a file.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        let elements = |shape: &[i64]| shape.iter().product::<i64>().unsigned_abs();
        let parameters = self.treatments.iter();
        4 * parameters.map(|one| elements(&one.shape)).sum::<u64>()
    }

    /// Seconds of a trial over `part` of `budget` in batches of `batch_size`.
    #[must_use]
    pub fn trial_seconds(&self, budget: Amount, every: Amount, batch_size: u64, part: f64) -> f64 {
        let length = budget.length(self.epoch_samples, batch_size);
        let between = every.length(self.epoch_samples, batch_size);
        let steps = part * length.steps as f64;
        let evaluations = (part * length.samples as f64 / between.samples as f64).ceil();
        self.start_seconds + steps * self.step_seconds + evaluations * self.evaluation_seconds
    }
}

/// Measures the first confirmation trial of each cell, or takes it from the cache; `said`
/// hears what is measured. A cell whose measurement fails is left out, with the reason.
///
/// # Errors
///
/// [`Error::Spawn`] where no process can be started.
pub fn measure(
    plan: &Plan,
    data_root: Option<&Path>,
    mut said: impl FnMut(&str),
) -> Result<(BTreeMap<Cell, Measurement>, Vec<String>), Error> {
    let mut cache = Cache::read();
    let (mut measured, mut failed) = (BTreeMap::new(), Vec::new());
    for cell in plan.cells() {
        let Some(request) = Request::of(plan, &cell, data_root) else {
            continue;
        };
        let key = request.key(plan.data.get(&cell.task).map(String::as_str));
        if let Some(known) = cache.known.measured.get(&key) {
            measured.insert(cell, known.clone());
            continue;
        }
        said(&format!(
            "measuring {} steps of {cell}",
            steps(cell.batch_size)
        ));
        match request.run()? {
            Answer::Measured(found) => {
                cache.known.measured.insert(key, found.clone());
                cache.write();
                measured.insert(cell, found);
            }
            Answer::Failed(reason) => {
                failed.push(format!("{cell} could not be measured: {reason}"))
            }
        }
    }
    Ok((measured, failed))
}

/// What a measuring process came to.
enum Answer {
    Measured(Measurement),
    /// In words, why there is no measurement.
    Failed(String),
}

/// One measurement: what the measuring process is told on its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    config: TrialConfig,
    device: DeviceChoice,
    threads: usize,
    data_root: Option<PathBuf>,
}

impl Request {
    fn of(plan: &Plan, cell: &Cell, data_root: Option<&Path>) -> Option<Self> {
        let mut trials = plan.trials.iter();
        let index = trials.position(|trial| trial.cell == *cell)?;
        let (_, mut config) = plan.resolve(index, &Choices::default()).ok()?;
        config.budget = Amount::Steps(steps(cell.batch_size));
        config.evaluation.every = config.budget;
        config.stop_after = None;
        // A measurement sees no test data, and its free phase ends within it.
        config.stage = lawn_models::Stage::Tune;
        if config.optimizer.free_phase().is_some() {
            config.optimizer.free_epochs = None;
            config.optimizer.free_fraction = Some(0.25);
        }
        config.diagnostics.distance_from = None;
        Some(Self {
            config,
            device: plan.sweep.resources.device,
            threads: plan.sweep.resources.threads,
            data_root: data_root.map(Path::to_owned),
        })
    }

    /// The hash of what could change the measurement. The value of a hyper-parameter that is a
    /// number cannot, but a 0 can: it may save an operation or a buffer.
    fn key(&self, data: Option<&str>) -> String {
        let mut config = serde_json::json!(self.config);
        if let Some(optimizer) = config["optimizer"].as_object_mut() {
            for value in optimizer.values_mut().filter(|value| value.is_number()) {
                *value = (value.as_f64() != Some(0.0)).into();
            }
        }
        // Other initial weights and another order take the same time.
        config["seed"].take();
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
            "config": config,
            "debug": cfg!(debug_assertions),
        });
        blake3::hash(what.to_string().as_bytes()).to_hex()[..16].to_owned()
    }

    /// Runs the measurement in a process of its own.
    fn run(&self) -> Result<Answer, Error> {
        let spawn = |source| Error::Spawn { source };
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
        let output = child.wait_with_output().map_err(spawn)?;
        let text = String::from_utf8_lossy(&output.stdout);
        if let Ok(measured) = serde_json::from_str(text.trim()) {
            return Ok(Answer::Measured(measured));
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let said = stderr.trim().lines().last().unwrap_or_default();
        Ok(Answer::Failed(format!("{}; {said}", output.status)))
    }

    /// Measures in this process.
    ///
    /// # Errors
    ///
    /// [`Error::Trial`] where the trial cannot be trained.
    pub fn measure_here(self) -> Result<Measurement, Error> {
        let started = Instant::now();
        lawn_models::set_threads(u32::try_from(self.threads).unwrap_or(u32::MAX));
        let folder = tempfile::tempdir().map_err(Error::io("make", Path::new("a folder")))?;
        let context = TrialContext {
            device: self.device.here(),
            data_root: self.data_root,
            checkpoint: folder.path().join("checkpoint.safetensors"),
            checkpoint_every: Duration::MAX,
            keep_weights: false,
            deterministic: false,
        };
        let mut stopwatch = Stopwatch {
            started,
            info: None,
            steps: Vec::new(),
            evaluated: None,
        };
        lawn_models::run_trial(&self.config, &context, &mut stopwatch)?;
        Ok(stopwatch.measured())
    }
}

/// Notes when each step is over.
struct Stopwatch {
    started: Instant,
    info: Option<(TrialInfo, Instant)>,
    steps: Vec<Instant>,
    evaluated: Option<f64>,
}

impl Stopwatch {
    fn measured(self) -> Measurement {
        let (info, ready) = self
            .info
            .map_or((None, self.started), |(info, at)| (Some(info), at));
        let between = self.steps.windows(2);
        let mut between: Vec<f64> = between
            .map(|pair| (pair[1] - pair[0]).as_secs_f64())
            .collect();
        // The median, so that a step that waited for another process counts little.
        between.sort_by(f64::total_cmp);
        let train_samples = info.as_ref().map_or(1, |info| info.train_samples);
        Measurement {
            epoch_samples: train_samples.max(1),
            step_seconds: between.get(between.len() / 2).copied().unwrap_or(0.0),
            evaluation_seconds: self.evaluated.unwrap_or(0.0),
            start_seconds: (ready - self.started).as_secs_f64(),
            peak_bytes: peak_bytes(),
            treatments: info.map(|info| info.treatments).unwrap_or_default(),
        }
    }
}

impl Observer for Stopwatch {
    fn started(&mut self, info: &TrialInfo) {
        self.info = Some((info.clone(), Instant::now()));
    }

    fn progress(&mut self, _step: u64, _steps: u64) {
        self.steps.push(Instant::now());
    }

    fn evaluated(&mut self, record: &EvaluationRecord) {
        self.evaluated = Some(record.seconds.evaluate);
    }

    fn stop_requested(&self) -> bool {
        false
    }
}

/// The high-water mark of this process's resident memory, where Linux tells it.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    kilobytes.map_or(0, |kilobytes: u64| kilobytes * 1024)
}

/// Measurements that have been made before.
struct Cache {
    known: CacheFile,
}

#[derive(Default, Serialize, Deserialize)]
struct CacheFile {
    measured: BTreeMap<String, Measurement>,
}

impl Cache {
    fn path() -> Option<PathBuf> {
        Some(files::cache()?.join("measured.json"))
    }

    fn read() -> Self {
        let known = Self::path().and_then(|path| document::read(&path, 1..=SCHEMA).ok());
        Self {
            known: known.unwrap_or_default(),
        }
    }

    fn write(&self) {
        if let Some(path) = Self::path()
            && path
                .parent()
                .is_some_and(|folder| std::fs::create_dir_all(folder).is_ok())
        {
            // A cache that cannot be written costs time, nothing else.
            let _ = document::write(&path, SCHEMA, &self.known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWEEP: &str = r#"
name = "keys"
batch_sizes = [64]
tasks.feedback = { kind = "ncf", model = "gmf", data = "ml" }
budget.epochs = 2
arms.adam = { rule = "adam", learning_rate = 0.1 }
confirmation.seeds = [1]
"#;

    /// The key of the first cell of a sweep, `from` replaced by `to`, on data with this checksum.
    fn key(from: &str, to: &str, checksum: &str) -> String {
        assert!(SWEEP.contains(from), "{from}");
        let sweep = crate::config::parse("keys.toml", &SWEEP.replace(from, to));
        let sweep = sweep.unwrap_or_else(|error| panic!("{error}"));
        let data = BTreeMap::from([("feedback".to_owned(), checksum.to_owned())]);
        let plan = Plan::new(sweep, data);
        let cell = plan.cells().remove(0);
        let request = Request::of(&plan, &cell, None).expect("it has a trial");
        request.key(plan.data.get(&cell.task).map(String::as_str))
    }

    #[test]
    fn a_measurement_is_kept_by_all_that_could_change_it() {
        let one = key("64", "64", "0f3c-91ab");
        assert_eq!(
            one,
            key("learning_rate = 0.1", "learning_rate = 0.2", "0f3c-91ab")
        );
        assert_eq!(one, key("seeds = [1]", "seeds = [2]", "0f3c-91ab"));
        // Another data set under the same name.
        assert_ne!(one, key("64", "64", "0f3c-77d0"));
        for (from, to) in [
            ("64", "128"),
            ("\"gmf\"", "\"neumf\""),
            (
                "learning_rate = 0.1",
                "learning_rate = 0.1, weight_decay = 0.1",
            ),
            (
                "learning_rate = 0.1",
                "learning_rate = 0.1, lawn = true, free_fraction = 0.5",
            ),
            ("confirmation", "resources.threads = 2\nconfirmation"),
        ] {
            assert_ne!(one, key(from, to, "0f3c-91ab"), "{to}");
        }
    }

    #[test]
    fn the_machine_is_known_though_shells_do_not_export_its_name() {
        let machine = Machine::this_one(None);
        assert!(!machine.host.is_empty() && machine.host != "unknown");
    }
}
