//! `lawn trial DIR --index K`: one trial in a process of its own.
//!
//! The process writes its files, prints one JSON [`Event`] a line, and stops at
//! the next step when it is signalled or when the pipe that is its standard input
//! closes, which is what a launcher that dies leaves behind. A batch system gives
//! `/dev/null` for standard input, whose end means nothing.

use std::fs::File;
use std::io::{BufRead, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lawn_models::{
    CudaProbe, Device, EpochRecord, Observer, TrialConfig, TrialContext, TrialEnd, TrialError,
    TrialInfo,
};
use serde::{Deserialize, Serialize};

use crate::config::DeviceChoice;
use crate::ending::Ending;
use crate::freeze::Frozen;
use crate::lease::{self, Asked, Lease, Terms, Watch};
use crate::plan::Plan;
use crate::run_dir::{RunDir, TrialDir};
use crate::{Error, files};
use lawn_analysis::records::Outcome;

/// Schema of `trial.json`.
pub const SCHEMA: u32 = 1;

/// Environment variable that tells a trial who looks after it: an [`lease::Owner`] as JSON.
pub const LAUNCHER: &str = "LAWN_LAUNCHER";

/// Least time between two progress events.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Least time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);

/// The content of `trial.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialFile {
    /// Id of the trial.
    pub id: String,
    /// Index of its setting among its arm's.
    pub setting: usize,
    /// All that it trains.
    pub config: TrialConfig,
}

/// What a trial's process says while it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// Training begins, or goes on after `resumed_epoch`.
    Started {
        /// Optimizer steps in one epoch.
        steps_per_epoch: u64,
        /// Last epoch of the checkpoint that training goes on from; 0 for a fresh start.
        resumed_epoch: u64,
    },
    /// So many steps of all have been taken.
    Progress {
        /// Steps taken.
        step: u64,
        /// Steps of the whole trial.
        steps: u64,
    },
    /// An epoch is over.
    Epoch {
        /// What it measured, as in the log.
        record: Box<EpochRecord>,
    },
    /// The trial is over or was stopped.
    Ended {
        /// How.
        outcome: Outcome,
    },
}

/// Trains the trial at `index` of the run, from its checkpoint where it has one.
///
/// # Errors
///
/// Whatever kept the trial from starting. What happens to it in training is an
/// outcome, not an error.
pub fn run(run: &RunDir, index: usize, data_root: Option<PathBuf>) -> Result<Outcome, Error> {
    let plan = Plan::read(run)?;
    let frozen = Frozen::read(run)?;
    let (setting, config) = plan.resolve(index, frozen.as_ref())?;
    let id = plan.trials[index].id.clone();
    let dir = run.trial(&id);
    let lease = take(&dir, &plan)?;
    if let Some(outcome) = dir.read_outcome()?.filter(|outcome| outcome.is_final()) {
        return Ok(outcome.outcome);
    }
    files::write_json(
        &dir.trial(),
        SCHEMA,
        &TrialFile {
            id,
            setting,
            config: config.clone(),
        },
    )?;

    lawn_models::set_threads(u32::try_from(plan.sweep.resources.threads).unwrap_or(u32::MAX));
    let stop = stop_flag(plan.sweep.resources.grace)?;
    let context = TrialContext {
        device: device(plan.sweep.resources.device),
        data_root,
        checkpoint: dir.checkpoint(),
        checkpoint_every: CHECKPOINT_EVERY,
    };
    let mut recorder = Recorder::new(&dir, stop, lease.watch());
    let end = lawn_models::run_trial(&config, &context, &mut recorder);
    if let Some(error) = recorder.failed.take() {
        return Err(error);
    }
    let outcome = match end {
        Ok(TrialEnd::Finished(summary)) => Ending::ok(summary),
        Ok(TrialEnd::Diverged {
            epoch,
            step,
            reason,
        }) => Ending::failed(
            Outcome::Diverged,
            format!("epoch {epoch}, step {step}: {reason}"),
        ),
        Ok(TrialEnd::Preempted { epoch, step }) => Ending::failed(
            Outcome::Preempted,
            format!("stopped in epoch {epoch}, step {step}"),
        ),
        Err(error @ TrialError::OutOfMemory { .. }) => {
            Ending::failed(Outcome::OutOfMemory, error.to_string())
        }
        Err(error) => Ending::failed(Outcome::Crashed, error.to_string()),
    };
    dir.settle(lease, &outcome)?;
    emit(&Event::Ended {
        outcome: outcome.outcome,
    });
    Ok(outcome.outcome)
}

/// The lease of the trial in `dir`, for as long as this process lives.
///
/// A launcher has looked before, and goes on with another trial where one is held. By
/// itself this waits for one expiry: a holder that died on another machine is free by
/// then, and one that still lives is no passing matter.
fn take(dir: &TrialDir, plan: &Plan) -> Result<Lease, Error> {
    let launcher = std::env::var(LAUNCHER).ok();
    let launcher = launcher.and_then(|launcher| serde_json::from_str(&launcher).ok());
    let expiry = plan.sweep.resources.lease;
    let patience = if launcher.is_some() {
        Duration::ZERO
    } else {
        expiry
    };
    match lease::wait(dir.root(), &Terms { expiry, launcher }, patience)? {
        Asked::Taken(lease) => Ok(lease),
        Asked::Refused(by) => Err(Error::Held {
            dir: dir.root().into(),
            by,
        }),
    }
}

/// Set by SIGINT, SIGTERM, SIGUSR1 (a batch system's warning), or the end of a launcher's pipe.
fn stop_flag(grace: Duration) -> Result<Arc<AtomicBool>, Error> {
    use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGUSR1] {
        signal_hook::flag::register(signal, stop.clone())
            .map_err(|source| Error::Spawn { source })?;
    }
    if !stdin_is_a_pipe() {
        return Ok(stop);
    }
    let flag = stop.clone();
    std::thread::spawn(move || {
        // Nothing is ever sent: the read ends when the launcher does.
        let mut stdin = std::io::stdin().lock();
        while stdin.read(&mut [0; 64]).is_ok_and(|bytes| bytes > 0) {}
        flag.store(true, Ordering::Relaxed);
        // Nobody is left who would kill a trial that hangs.
        std::thread::sleep(grace);
        signal_hook::low_level::abort();
    });
    Ok(stop)
}

fn stdin_is_a_pipe() -> bool {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned();
    stdin
        .and_then(|stdin| File::from(stdin).metadata())
        .is_ok_and(|metadata| metadata.file_type().is_fifo())
}

fn device(choice: DeviceChoice) -> Device {
    match choice {
        DeviceChoice::Cpu => Device::Cpu,
        DeviceChoice::Cuda => Device::Cuda(0),
        DeviceChoice::Auto => match lawn_models::probe().cuda {
            CudaProbe::Available { .. } => Device::Cuda(0),
            _ => Device::Cpu,
        },
    }
}

/// Prints `event` as a line. A launcher that is gone is no reason to fail: the
/// closed standard input stops the trial in order.
fn emit(event: &Event) {
    let mut line = serde_json::to_string(event).unwrap_or_default();
    line.push('\n');
    let mut stdout = std::io::stdout().lock();
    let _ = stdout
        .write_all(line.as_bytes())
        .and_then(|()| stdout.flush());
}

/// Writes the log and prints the events.
struct Recorder {
    path: PathBuf,
    log: Option<File>,
    stop: Arc<AtomicBool>,
    lease: Watch,
    progressed: Instant,
    /// The first failure of the log, which stops the trial.
    failed: Option<Error>,
}

impl Recorder {
    fn new(dir: &TrialDir, stop: Arc<AtomicBool>, lease: Watch) -> Self {
        Self {
            path: dir.log(),
            log: None,
            stop,
            lease,
            progressed: Instant::now(),
            failed: None,
        }
    }

    fn keep<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.stop.store(true, Ordering::Relaxed);
                self.failed.get_or_insert(error);
                None
            }
        }
    }
}

impl Observer for Recorder {
    fn started(&mut self, info: &TrialInfo) {
        let opened = reopen(&self.path, info.resumed_epoch);
        self.log = self.keep(opened);
        emit(&Event::Started {
            steps_per_epoch: info.steps_per_epoch,
            resumed_epoch: info.resumed_epoch,
        });
    }

    fn progress(&mut self, step: u64, steps: u64) {
        if self.progressed.elapsed() >= PROGRESS_EVERY {
            self.progressed = Instant::now();
            emit(&Event::Progress { step, steps });
        }
    }

    fn epoch(&mut self, record: &EpochRecord) {
        let written = self.log.as_mut().map(|log| append(log, &self.path, record));
        self.keep(written.unwrap_or(Ok(())));
        emit(&Event::Epoch {
            record: Box::new(record.clone()),
        });
    }

    fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.lease.is_lost()
    }
}

fn append(log: &mut File, path: &Path, record: &EpochRecord) -> Result<(), Error> {
    let damaged = |error: serde_json::Error| Error::Damaged {
        path: path.into(),
        detail: error.to_string(),
    };
    let mut line = serde_json::to_vec(record).map_err(damaged)?;
    line.push(b'\n');
    log.write_all(&line)
        .and_then(|()| log.sync_data())
        .map_err(Error::io("write", path))
}

/// Opens the log for the epochs after `resumed_epoch`.
///
/// A process that was killed may have logged epochs that its checkpoint does not
/// hold, the last of them in part: they are trained again, and logged again.
fn reopen(path: &Path, resumed_epoch: u64) -> Result<File, Error> {
    let mut kept = Vec::new();
    if resumed_epoch > 0 {
        for record in read_log(path)?
            .into_iter()
            .filter(|record| record.epoch <= resumed_epoch)
        {
            serde_json::to_writer(&mut kept, &record).map_err(|error| Error::Damaged {
                path: path.into(),
                detail: error.to_string(),
            })?;
            kept.push(b'\n');
        }
    }
    files::write(path, &kept)?;
    File::options()
        .append(true)
        .open(path)
        .map_err(Error::io("open", path))
}

/// The epochs of a log. A last line without its end is what a kill leaves, and is left out.
///
/// # Errors
///
/// [`Error::Damaged`] with the line's number where a whole line is not a record, [`Error::Io`].
pub fn read_log(path: &Path) -> Result<Vec<EpochRecord>, Error> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    let mut records = Vec::new();
    let whole = bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1);
    for (number, line) in bytes[..whole].lines().enumerate() {
        let damaged = |detail: String| Error::Damaged {
            path: path.into(),
            detail: format!("line {}: {detail}", number + 1),
        };
        let line = line.map_err(|error| damaged(error.to_string()))?;
        records.push(serde_json::from_str(&line).map_err(|error| damaged(error.to_string()))?);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: u64) -> EpochRecord {
        let zeros = serde_json::json!({
            "epoch": epoch, "step": 0, "samples": 0, "phase": "free", "learning_rate": 0.0,
            "train_loss": 0.1, "measurements": [], "logit_mean_abs": 0.0, "logit_max_abs": 0.0,
            "gradient_norm": 0.0, "weight_norm": 0.0, "units": [], "samples_per_second": 0.0,
            "seconds": { "train": 0.0, "data": 0.0, "evaluate": 0.0, "checkpoint": 0.0 },
        });
        serde_json::from_value(zeros).expect("this is a record")
    }

    /// A log of whole epochs and, as after a kill, the beginning of another.
    fn log(epochs: u64) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("log.jsonl");
        let mut file = File::create(&path).expect("it can be made");
        for epoch in 1..=epochs {
            append(&mut file, &path, &record(epoch)).expect("it can be written");
        }
        file.write_all(b"{\"epoch\": 9, \"st")
            .expect("it can be written");
        (folder, path)
    }

    fn epochs(path: &Path) -> Vec<u64> {
        let records = read_log(path).expect("the log is readable");
        records.iter().map(|record| record.epoch).collect()
    }

    #[test]
    fn a_line_cut_by_a_kill_is_left_out() {
        let (_kept, path) = log(3);
        assert_eq!(epochs(&path), [1, 2, 3]);
    }

    #[test]
    fn epochs_after_the_checkpoint_are_logged_again() {
        let (_kept, path) = log(3);
        let mut file = reopen(&path, 2).expect("it can be opened");
        append(&mut file, &path, &record(3)).expect("it can be written");
        assert_eq!(epochs(&path), [1, 2, 3]);
        reopen(&path, 0).expect("it can be opened");
        assert_eq!(epochs(&path), [0; 0]);
    }

    #[test]
    fn a_damaged_line_is_named() {
        let (_kept, path) = log(2);
        let text = std::fs::read_to_string(&path).expect("it is text");
        std::fs::write(&path, text.replacen("\"epoch\":2", "\"epoch\":x", 1))
            .expect("it can be written");
        let error = read_log(&path).expect_err("line 2 is damaged").to_string();
        assert!(error.contains("log.jsonl is damaged: line 2"), "{error}");
    }
}
