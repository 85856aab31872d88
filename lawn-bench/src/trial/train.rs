//! From a trial's configuration to how it ended.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lawn_models::models::WeightsError;
use lawn_models::{
    EvaluationRecord, Notice, Observer, Ranks, RanksError, TrialConfig, TrialContext, TrialEnd,
    TrialError, TrialInfo,
};

use super::recorder::Recorder;
use crate::Error;
use crate::process::streams;
use crate::run::ending::{Ending, Execution};
use crate::run::files;
use crate::run::trial_dir::TrialDir;
use lawn_analysis::records::Outcome;

/// Trains, and says how that ended.
///
/// A trial whose log is damaged cannot go on from its checkpoint, whose records the
/// log should hold. Log and checkpoints are set aside, and it begins again.
///
/// # Errors
///
/// What says nothing about the trial: a file of it that cannot be written, or that
/// another version wrote, and what its machine lacks.
pub(super) fn train(
    dir: &TrialDir,
    ranks: &Ranks,
    config: &TrialConfig,
    context: &TrialContext,
    recorder: impl Fn() -> Recorder,
) -> Result<Ending, Error> {
    let mut begun_again = None;
    loop {
        let mut recorder = recorder();
        if let Some(notice) = &begun_again {
            lawn_models::Observer::notice(&mut recorder, notice);
        }
        let end = catch_unwind(AssertUnwindSafe(|| {
            lawn_models::run_trial_on(ranks, config, context, &mut recorder)
        }));
        if let (Err(panic), Some(group)) = (&end, ranks.group()) {
            group.fail(&said(&**panic));
        }
        match recorder.failed.take() {
            Some(Error::Damaged(fault)) if ranks.count() > 1 => {
                // The ranks have ended; those of the next process begin again.
                let notice = begin_again(dir, fault.said_of_the_file())?;
                return Ok(Ending::failed(Outcome::Preempted, notice.to_string()));
            }
            Some(Error::Damaged(fault)) if begun_again.is_none() => {
                begun_again = Some(begin_again(dir, fault.said_of_the_file())?);
            }
            Some(error) => return Err(error),
            None => {
                let attempt = &recorder.graph_attempt;
                let mut ending = match end {
                    Ok(end) => {
                        attempt.end()?;
                        ending(end)?
                    }
                    Err(panic) => of_panic(crashed(said(&*panic))?, attempt.is_under_way()),
                };
                recorder.ended(&ending);
                ending.notices = recorder.notices();
                say_why(ranks, &ending);
                if ranks.count() > 1 && goes_on_with_less(&ending) {
                    // Its ranks have ended; those of the next process take fewer samples at once.
                    ending.outcome = Outcome::Preempted;
                }
                ending.execution = context.device.is_cuda().then_some(Execution {
                    deterministic: context.deterministic,
                    graphs: recorder.graphs,
                    device: recorder.device.take(),
                });
                return Ok(ending);
            }
        }
    }
}

/// How a trial that panicked ended. Where graphs of CUDA were tried, its next process goes on without.
fn of_panic(ending: Ending, tries_graphs: bool) -> Ending {
    match tries_graphs {
        true => Ending {
            outcome: Outcome::Preempted,
            ..ending
        },
        false => ending,
    }
}

/// Whether memory was short, and fewer samples at once may fit.
fn goes_on_with_less(ending: &Ending) -> bool {
    let is_reduced = |notice: &Notice| matches!(notice, Notice::MicroBatchReduced { .. });
    ending.outcome == Outcome::OutOfMemory && ending.notices.iter().any(is_reduced)
}

/// Says in a line why one of several ranks ends, where that is neither an end in order nor one that its
/// numbers have come to.
pub(super) fn say_why(ranks: &Ranks, ending: &Ending) {
    let is_told = matches!(ending.outcome, Outcome::Crashed | Outcome::OutOfMemory);
    if ranks.count() > 1 && is_told {
        let why = ending.detail.as_deref().unwrap_or_default();
        let why = why.lines().next().unwrap_or_default();
        streams::say(&format!("rank {} ends: {why}", ranks.rank()));
    }
}

/// Trains as a rank that writes nothing, and says how that ended, and which rank it lost where it did.
///
/// # Errors
///
/// As [`train`].
pub(super) fn follow(
    ranks: &Ranks,
    config: &TrialConfig,
    context: &TrialContext,
    stop: Arc<AtomicBool>,
) -> Result<(Ending, Option<RanksError>), Error> {
    let mut follower = Follower { stop };
    let end = catch_unwind(AssertUnwindSafe(|| {
        lawn_models::run_trial_on(ranks, config, context, &mut follower)
    }));
    let lost = match &end {
        Ok(Err(TrialError::Ranks(lost))) => Some(lost.clone()),
        _ => None,
    };
    let ending = match end {
        Ok(end) => ending(end)?,
        Err(panic) => {
            let said = said(&*panic);
            if let Some(group) = ranks.group() {
                group.fail(&said);
            }
            crashed(said)?
        }
    };
    say_why(ranks, &ending);
    Ok((ending, lost))
}

/// Listens to a trial for its signals alone: rank 0 keeps the log.
struct Follower {
    stop: Arc<AtomicBool>,
}

impl Observer for Follower {
    fn started(&mut self, _info: &TrialInfo) {}

    fn progress(&mut self, _step: u64, _steps: u64) {}

    fn evaluated(&mut self, _record: &EvaluationRecord) {}

    fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn may_save(&self) -> bool {
        false
    }
}

fn begin_again(dir: &TrialDir, reason: String) -> Result<Notice, Error> {
    let kept = files::set_aside(&dir.log())?;
    lawn_models::set_checkpoints_aside(&dir.checkpoint())
        .map_err(Error::io("rename", &dir.checkpoint()))?;
    Ok(Notice::LogDamaged {
        kept_as: files::name(&kept),
        reason,
    })
}

fn ending(end: Result<TrialEnd, TrialError>) -> Result<Ending, Error> {
    Ok(match end {
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
        Err(TrialError::CheckpointNewer { path, found, known }) => {
            return Err(Error::newer(path, found, known));
        }
        Err(TrialError::CheckpointOlder {
            path,
            found,
            oldest,
        }) => {
            let instead = "remove the file to train its trial from the first step";
            return Err(Error::older(path, found, oldest, instead));
        }
        Err(TrialError::Checkpoint { path, source }) => match storage(&source) {
            Some(source) => return Err(Error::io("read or write", &path)(source)),
            None => crashed(with_causes(&TrialError::Checkpoint { path, source }))?,
        },
        Err(TrialError::Weights(WeightsError::File { path, source })) => match storage(&source) {
            Some(source) => return Err(Error::io("read or write", &path)(source)),
            None => crashed(with_causes(&WeightsError::File { path, source }))?,
        },
        // The data are the task's, and the device the machine's: other trials meet the same. What
        // ranks were told is whose who started them.
        Err(
            error @ (TrialError::Device { .. }
            | TrialError::Data(_)
            | TrialError::Ranks(RanksError::OtherTrial { .. })
            | TrialError::UnusableValues { .. }),
        ) => return Err(error.into()),
        Err(error) => crashed(with_causes(&error))?,
    })
}

/// How CUDA says that something is wrong with the machine, not with what it was asked for.
const OF_THE_MACHINE: [&str; 10] = [
    "CUDA driver version is insufficient",
    "CUDA-capable device(s) is/are busy or unavailable",
    "all CUDA-capable devices are busy or unavailable",
    "device kernel image is invalid",
    "forward compatibility was attempted",
    "no CUDA-capable device is detected",
    "no kernel image is available for execution",
    "system not yet initialized",
    "uncorrectable ECC error",
    "uncorrectable NVLink error",
];

/// The outcome of a trial that ended with the words `said`.
///
/// # Errors
///
/// [`Error::Machine`] where these speak of the machine.
fn crashed(said: String) -> Result<Ending, Error> {
    match OF_THE_MACHINE.iter().any(|words| said.contains(words)) {
        true => Err(Error::Machine { said }),
        false => Ok(Ending::failed(Outcome::Crashed, said)),
    }
}

/// The error of the system, where it says that the machine lacks something.
fn storage(error: &(dyn std::error::Error + 'static)) -> Option<io::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let code = error.raw_os_error()?;
            let is_lack = crate::error::is_storage(error.kind()) || files::is_of_the_machine(code);
            return is_lack.then(|| io::Error::from_raw_os_error(code));
        }
        cause = error.source();
    }
    None
}

/// What an error says, and then its causes, as far as it does not quote them.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let why = error.to_string();
        if !said.ends_with(&why) {
            said = format!("{said}: {why}");
        }
        cause = error.source();
    }
    said
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_that_fails_while_it_tries_graphs_goes_on() {
        let failed = || crashed("panicked: an illegal address".into()).expect("an outcome");
        assert_eq!(of_panic(failed(), false).outcome, Outcome::Crashed);
        let goes_on = of_panic(failed(), true);
        assert_eq!(goes_on.outcome, Outcome::Preempted);
        assert!(!goes_on.is_final());
        assert_eq!(goes_on.detail, failed().detail);
    }

    #[test]
    fn a_checkpoint_of_another_version_is_no_outcome() {
        let path = std::path::PathBuf::from("checkpoint.safetensors");
        let newer = TrialError::CheckpointNewer {
            path: path.clone(),
            found: 3,
            known: 2,
        };
        let older = TrialError::CheckpointOlder {
            path,
            found: 1,
            oldest: 2,
        };
        for (error, words) in [
            (
                newer,
                ["has schema 3", "allowed: up to 2", "use a newer lawn"],
            ),
            (
                older,
                ["has schema 1", "allowed: from 2 on", "remove the file"],
            ),
        ] {
            let error = ending(Err(error)).expect_err("the trial is not over");
            assert_eq!(error.exit(), crate::Exit::Usage);
            let said = error.to_string();
            for word in words.into_iter().chain(["checkpoint.safetensors"]) {
                assert!(said.contains(word), "{word:?} is not in: {said}");
            }
        }
    }

    #[test]
    fn weights_that_find_no_room_are_no_outcome() {
        let weights = |code| {
            let path = std::path::PathBuf::from("model.safetensors");
            let source = lawn_core::Error::Io {
                path: path.clone(),
                source: io::Error::from_raw_os_error(code),
            };
            let source = Box::new(source);
            ending(Err(WeightsError::File { path, source }.into()))
        };
        let full = weights(rustix::io::Errno::NOSPC.raw_os_error());
        let full = full.expect_err("there will be room");
        assert_eq!(full.exit(), crate::Exit::NoRoom);
        assert!(full.to_string().contains("model.safetensors"), "{full}");
        let absent = weights(rustix::io::Errno::NOENT.raw_os_error()).expect("an outcome");
        assert_eq!(absent.outcome, Outcome::Crashed);
        let said = absent.detail.unwrap_or_default();
        assert!(said.contains("No such file"), "{said}");
    }

    #[test]
    fn what_the_machine_lacks_is_no_outcome() {
        let device = TrialError::Device {
            device: "cuda(0)".into(),
            reason: "no driver or no device".into(),
        };
        let data = lawn_models::DataError::NoRoot {
            name: "ml-1m".into(),
        };
        for error in [device, data.into()] {
            let error = ending(Err(error)).expect_err("the trial is not over");
            assert_ne!(error.exit(), crate::Exit::TrialsFailed, "{error}");
        }
        let ecc = "panicked: CUDA error: uncorrectable ECC error encountered\nsearch for it";
        let error = crashed(ecc.into()).expect_err("another machine may do better");
        assert_eq!(error.exit(), crate::Exit::Usage);
        let bug = crashed("panicked: index 7 is out of bounds".into()).expect("an outcome");
        assert_eq!(bug.outcome, Outcome::Crashed);
    }

    #[test]
    fn a_checkpoint_that_this_machine_cannot_open_is_no_outcome() {
        let failed = |code| {
            let path = std::path::PathBuf::from("checkpoint.safetensors");
            let source = lawn_core::Error::Io {
                path: path.clone(),
                source: io::Error::from_raw_os_error(code),
            };
            ending(Err(TrialError::Checkpoint { path, source }))
        };
        // EACCES, EIO and ESTALE; EISDIR is a file of the trial that is not what it should be.
        for code in [13, 5, 116] {
            failed(code).expect_err("the trial is not over");
        }
        assert_eq!(failed(21).expect("an outcome").outcome, Outcome::Crashed);
    }
}
