//! What only the data and the model can tell of a sweep, before anything of it is planned.
//!
//! Each task is set up once, as its trials will be, and each of its optimizers is laid over the
//! model: a data set that cannot be split, a scope that constrains nothing, a pattern without
//! a parameter would otherwise be the outcome of every trial.

use std::any::Any;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Lines};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};

use lawn_models::{
    Amount, DataError, Device, OptimizerSettings, RuleName, TaskConfig, TrialConfig, TrialError,
    TrialInfo,
};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::config::{ConfigError, NamedTask, SweepFile};
use crate::plan::trials::Plan;
use crate::process::spawn::this_command;
use crate::report::outline::bytes as in_bytes;

/// What the examining process is told on its standard input.
#[derive(Serialize, Deserialize)]
pub(crate) struct Request {
    /// By task, its trials.
    tasks: Vec<Vec<TrialConfig>>,
    data_root: Option<PathBuf>,
}

/// What it finds of one task, printed as a line of JSON.
#[derive(Serialize, Deserialize)]
pub(crate) enum Found {
    /// The task itself cannot be set up.
    NoTask {
        said: String,
        /// The key of its table that it is about, where it is about one.
        key: Option<String>,
    },
    /// What is known of each trial, or why it cannot be set up.
    Trials(Vec<Result<Known, Fault>>),
}

/// What setting a trial up tells of it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Known {
    /// Samples of an epoch.
    samples: u64,
    /// Bytes that its parameters and what the rule remembers of them take.
    bytes: u64,
    /// Name patterns of its settings that change nothing, and units that are no heads, in words.
    doubts: Vec<String>,
}

impl Known {
    fn of(info: &TrialInfo, settings: &OptimizerSettings) -> Self {
        let idle = settings.idle_patterns(&info.treatments);
        let idle = idle.iter().map(ToString::to_string);
        Self {
            samples: info.train_samples,
            bytes: info.least_bytes,
            doubts: idle
                .chain(settings.output_cut_by_rows(&info.treatments))
                .collect(),
        }
    }
}

/// What examining the tasks of a plan tells.
#[derive(Default)]
pub(crate) struct Examination {
    /// By task the samples of an epoch, where they are known.
    pub(crate) samples: BTreeMap<String, u64>,
    /// What is wrong with this machine alone, name patterns that change nothing, and units that are no
    /// heads.
    pub(crate) warnings: Vec<String>,
}

/// Where the trials of a plan will be trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    /// On this machine.
    Here,
    /// On others, or nobody knows.
    Elsewhere,
}

/// Why an optimizer cannot be laid over the model.
#[derive(Serialize, Deserialize)]
pub(crate) struct Fault {
    setting: String,
    said: String,
}

/// Greatest number of samples or steps of a trial: records keep them as signed numbers.
const MOST: u64 = i64::MAX as u64;

/// Sets up each task of `plan`, which was made from `file`; nothing is trained.
///
/// # Errors
///
/// [`ConfigError`] at the value that cannot be used: the data set, the scope, the budget, a net that is
/// larger than the memory of the machine that trains it.
pub(crate) fn examine(
    file: &SweepFile,
    plan: &Plan,
    data_root: Option<&Path>,
    place: Where,
) -> Result<Examination, ConfigError> {
    let mut examination = Examination::default();
    let memory = Memory::of(plan, place);
    let tasks = plan.sweep.tasks.iter();
    let mut left: Vec<Examined<'_>> = tasks
        .filter(|task| !task.config.needs_data_root() || data_root.is_some())
        .map(|task| Examined::of(plan, task))
        .collect();
    // A process may die of one task. Another one examines the tasks after it.
    while !left.is_empty() {
        let Some(mut process) = Process::start(&left, data_root) else {
            return Ok(examination);
        };
        let mut done = 0;
        while done < left.len()
            && let Some(found) = process.next()
        {
            left[done].judge(file, plan, found, memory, &mut examination)?;
            done += 1;
        }
        // What became of it may be the machine's doing, and the trials tell.
        left.drain(..(done + 1).min(left.len()));
    }
    Ok(examination)
}

/// The memory that a trial can have.
#[derive(Clone, Copy)]
struct Memory {
    /// Bytes, where those of the host of this machine are what is asked for.
    bytes: Option<u64>,
    place: Where,
}

impl Memory {
    fn of(plan: &Plan, place: Where) -> Self {
        let is_on_cpu = matches!(plan.sweep.resources.device.here(), Device::Cpu);
        Self {
            bytes: lawn_models::host_memory().filter(|_| is_on_cpu),
            place,
        }
    }
}

/// A task with the trials that stand for all of its own.
struct Examined<'p> {
    task: &'p NamedTask,
    /// By trial, the name of its arm.
    arms: Vec<&'p str>,
    trials: Vec<TrialConfig>,
}

impl<'p> Examined<'p> {
    fn of(plan: &'p Plan, task: &'p NamedTask) -> Self {
        let (arms, trials) = treated(plan, task).into_iter().unzip();
        Self { task, arms, trials }
    }

    /// Refuses what was found to be wrong, at its place in `file`, and adds the rest to what is known.
    fn judge(
        &self,
        file: &SweepFile,
        plan: &Plan,
        found: Found,
        memory: Memory,
        examination: &mut Examination,
    ) -> Result<(), ConfigError> {
        let task = self.task;
        let found = match found {
            Found::Trials(found) => found,
            Found::NoTask { said, key } => {
                let at = |key| ["tasks", task.name.as_str(), key];
                let (sizes, data) = (at("generated"), at("data"));
                let message = format!("task `{}` cannot be trained: {said}", task.name);
                return Err(match key {
                    Some(key) => file.fault(&[&of_task(&task.name, &key), &data[..2]], message),
                    None => file.fault(&[&sizes, &data, &data[..2]], message),
                });
            }
        };
        for (arm, result) in self.arms.iter().zip(found) {
            match result {
                Ok(Known {
                    samples,
                    bytes,
                    doubts,
                }) => {
                    too_long(file, plan, samples)?;
                    for one in doubts {
                        let said = format!("{} · {arm}: {one}", task.name);
                        if !examination.warnings.contains(&said) {
                            examination.warnings.push(said);
                        }
                    }
                    let Some(all) = memory.bytes.filter(|&all| bytes > all) else {
                        examination.samples.insert(task.name.clone(), samples);
                        continue;
                    };
                    let lack = format!(
                        "its parameters and what the rule remembers of them take {}, and this machine \
                         has {}",
                        in_bytes(bytes),
                        in_bytes(all)
                    );
                    if memory.place == Where::Here {
                        let message = format!(
                            "task `{}` cannot be trained here by arm `{arm}`: {lack}; make its tables \
                             smaller, or train it on a machine that has the memory",
                            task.name
                        );
                        return Err(file.fault(&[&["tasks", &task.name]], message));
                    }
                    examination.samples.insert(task.name.clone(), samples);
                    (examination.warnings).push(format!("{} · {arm}: {lack}", task.name));
                }
                Err(fault) => return Err(of_arm(file, arm, &task.name, &fault)),
            }
        }
        Ok(())
    }
}

/// The same error at its place in `file`, where it is about a key of a task.
pub(crate) fn at_its_key(file: &SweepFile, error: Error) -> Error {
    match error {
        Error::TaskSetting { task, source } => {
            let message = format!("task `{task}` cannot be trained: {source}");
            let table = ["tasks", task.as_str()];
            file.fault(&[&of_task(&task, source.setting()), &table], message)
                .into()
        }
        error => error,
    }
}

/// The place of a key of a task, which may be one of a table within its own.
fn of_task<'k>(task: &'k str, key: &'k str) -> Vec<&'k str> {
    ["tasks", task].into_iter().chain(key.split('.')).collect()
}

/// The process that examines, so that its memory is given back.
struct Process {
    child: Child,
    found: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// None where it cannot be started.
    fn start(tasks: &[Examined<'_>], data_root: Option<&Path>) -> Option<Self> {
        let mut child = this_command()
            .ok()?
            .args(["plan", "--examine", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        if let Some(stdin) = child.stdin.take() {
            let request = Request {
                tasks: tasks.iter().map(|task| task.trials.clone()).collect(),
                data_root: data_root.map(Path::to_owned),
            };
            // One that died before it read says nothing below.
            let _ = serde_json::to_writer(BufWriter::new(stdin), &request);
        }
        let found = BufReader::new(child.stdout.take()?).lines();
        Some(Self { child, found })
    }

    /// What it finds of the next task; none where it came to no answer.
    fn next(&mut self) -> Option<Found> {
        serde_json::from_str(&self.found.next()?.ok()?).ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has nothing to say any more; what it looks at it does not change.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Request {
    /// Examines in this process, task by task; `tell` hears of each.
    pub(crate) fn examine_here(&self, mut tell: impl FnMut(&Found)) {
        // Nothing else runs while a sweep is planned, and images are decoded by as many.
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        lawn_models::set_threads(u32::try_from(threads).unwrap_or(1));
        for trials in &self.tasks {
            tell(&examined(trials, self.data_root.as_deref()));
        }
    }
}

fn examined(trials: &[TrialConfig], data_root: Option<&Path>) -> Found {
    let examine = || match lawn_models::examine(trials, data_root) {
        Ok(found) => {
            let known = |(one, trial): (Result<TrialInfo, TrialError>, &TrialConfig)| {
                let settings = &trial.optimizer;
                one.map(|info| Known::of(&info, settings))
                    .map_err(|error| Fault::of(&error, settings))
            };
            Found::Trials(found.into_iter().zip(trials).map(known).collect())
        }
        // Another machine may have the memory.
        Err(TrialError::OutOfMemory { .. }) => Found::Trials(Vec::new()),
        Err(error) => Found::NoTask {
            said: error.to_string(),
            key: key_of(&error).map(str::to_owned),
        },
    };
    catch_unwind(AssertUnwindSafe(examine)).unwrap_or_else(|panic| Found::NoTask {
        said: said(&*panic),
        key: None,
    })
}

/// Why no trial of a task could be set up, as planning finds it; none where one can.
pub(crate) fn refusal(task: &TaskConfig, data_root: &Path) -> Option<String> {
    let optimizer = OptimizerSettings::new(RuleName::Sgd, 1.0);
    let trial = TrialConfig::new(task.clone(), optimizer, 1, Amount::Steps(1));
    match examined(&[trial], Some(data_root)) {
        Found::NoTask { said, .. } => Some(said),
        Found::Trials(_) => None,
    }
}

/// The key of a task's table that an error is about.
fn key_of(error: &TrialError) -> Option<&str> {
    match error {
        TrialError::Settings(error) | TrialError::Data(DataError::Setting(error)) => {
            Some(error.setting())
        }
        TrialError::Weights(_) | TrialError::UnusableValues { path: Some(_), .. } => {
            Some("init_from")
        }
        _ => None,
    }
}

impl Fault {
    fn of(error: &TrialError, settings: &OptimizerSettings) -> Self {
        let of_pattern = error.pattern();
        let of_pattern = of_pattern.and_then(|pattern| settings.setting_of_pattern(pattern));
        let (setting, more) = match (error, of_pattern) {
            (TrialError::Settings(error), _) => (error.setting(), ""),
            (_, Some(setting)) => (setting, ""),
            (error, None) if error.is_of_units() => (
                "granularity",
                "; granularity_on lists the parameters that are cut into heads",
            ),
            // All else that is found here is about what is constrained.
            _ => ("scope", ""),
        };
        Self {
            setting: setting.to_owned(),
            said: format!("{error}{more}"),
        }
    }
}

/// One trial for each arm, and one more for each further scope, or other choice of parameters, that the
/// arm is tuned over. What an optimizer does to a parameter, and whether it can, depends on nothing else.
fn treated<'p>(plan: &'p Plan, task: &NamedTask) -> Vec<(&'p str, TrialConfig)> {
    let sweep = &plan.sweep;
    let mut found: Vec<(&str, TrialConfig)> = Vec::new();
    for arm in &sweep.arms {
        let settings = arm.settings.iter().flat_map(|setting| setting.everywhere());
        for optimizer in settings {
            let is_known = found.iter().any(|(name, config)| {
                let known = &config.optimizer;
                *name == arm.name
                    && known.scope == optimizer.scope
                    && known.granularity == optimizer.granularity
                    && known.granularity_on == optimizer.granularity_on
                    && known.adam_on == optimizer.adam_on
                    && falls_by_depth(known) == falls_by_depth(optimizer)
                    && known.untouched_rows == optimizer.untouched_rows
                    && of_tables(known) == of_tables(optimizer)
            });
            if !is_known {
                let mut config = TrialConfig::new(
                    task.config.clone(),
                    optimizer.clone(),
                    sweep.reference_batch_size,
                    sweep.budget,
                );
                config.evaluation = sweep.evaluation;
                found.push((&arm.name, config));
            }
        }
    }
    found
}

/// Whether rates are to fall from layer to layer, which a net of one layer cannot.
fn falls_by_depth(optimizer: &OptimizerSettings) -> bool {
    optimizer.layer_decay.is_some_and(|decay| decay < 1.0)
}

/// Which settings are given that only embedding tables have.
fn of_tables(optimizer: &OptimizerSettings) -> [bool; 3] {
    [
        optimizer.cow_clip.is_some(),
        optimizer.embedding_learning_rate.is_some(),
        optimizer.embedding_weight_decay.is_some(),
    ]
}

fn of_arm(file: &SweepFile, arm: &str, task: &str, fault: &Fault) -> ConfigError {
    let message = format!("arm `{arm}` cannot train task `{task}`: {}", fault.said);
    let setting = fault.setting.as_str();
    let own: &[&str] = &["arms", arm, setting];
    let tuned: &[&str] = &["arms", arm, "tune", setting];
    let listed: &[&str] = &["arms", arm, "grid", setting];
    let shared: &[&str] = &["defaults", setting];
    file.fault(&[own, tuned, listed, shared, &own[..2]], message)
}

/// The length of a trial is known once the samples of an epoch are.
fn too_long(file: &SweepFile, plan: &Plan, epoch_samples: u64) -> Result<(), ConfigError> {
    let budget = plan.sweep.budget;
    let smallest = plan.sweep.batch_sizes[0];
    let (epoch, smallest) = (u128::from(epoch_samples.max(1)), u128::from(smallest));
    let steps_per_epoch = epoch.div_ceil(smallest);
    let count = u128::from(budget.count());
    let most = match budget {
        Amount::Epochs(_) => count * epoch,
        Amount::Steps(_) => count.div_ceil(steps_per_epoch) * epoch,
        Amount::Samples(_) => count,
    };
    if most <= u128::from(MOST) {
        return Ok(());
    }
    let message = format!(
        "the budget of {budget} comes to {most} samples; allowed: up to {MOST} with {epoch} samples an epoch"
    );
    let unit: &[&str] = &["budget", budget.unit()];
    Err(file.fault(&[unit, &unit[..1]], message))
}

/// What a panic of libtorch says, without where in it that was.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("it cannot be set up");
    text.lines().next().unwrap_or_default().to_owned()
}
