//! From a trial's configuration to how it ended.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lawn_models::{Notice, TrialConfig, TrialContext, TrialEnd, TrialError};

use super::recorder::Recorder;
use crate::ending::Ending;
use crate::run_dir::TrialDir;
use crate::{Error, files};
use lawn_analysis::records::Outcome;

/// Trains, and says how that ended.
///
/// A trial whose log is damaged cannot go on from its checkpoint, whose records the
/// log should hold. Log and checkpoints are set aside, and it begins again.
///
/// # Errors
///
/// What says nothing about the trial: a file of it that cannot be written, or that
/// another version wrote.
pub(super) fn train(
    dir: &TrialDir,
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
            lawn_models::run_trial(config, context, &mut recorder)
        }));
        match recorder.failed.take() {
            Some(Error::Damaged { detail, .. }) if begun_again.is_none() => {
                begun_again = Some(begin_again(dir, detail)?);
            }
            Some(error) => return Err(error),
            None => {
                let mut ending = match end {
                    Ok(end) => ending(end)?,
                    Err(panic) => Ending::failed(Outcome::Crashed, said(&*panic)),
                };
                ending.notices = recorder.notices();
                return Ok(ending);
            }
        }
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
            return Err(Error::Newer { path, found, known });
        }
        Err(TrialError::CheckpointOlder {
            path,
            found,
            oldest,
        }) => {
            return Err(Error::Older {
                path,
                found,
                oldest,
                instead: "remove the file to train its trial from the first step",
            });
        }
        Err(TrialError::Checkpoint { path, source }) => match storage(&source) {
            Some(source) => {
                return Err(Error::Io {
                    action: "write",
                    path,
                    source,
                });
            }
            None => {
                let error = TrialError::Checkpoint { path, source };
                Ending::failed(Outcome::Crashed, error.to_string())
            }
        },
        Err(error) => Ending::failed(Outcome::Crashed, error.to_string()),
    })
}

/// The error of the system, where it says that there is no room to write to.
fn storage(error: &(dyn std::error::Error + 'static)) -> Option<io::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let code = error.raw_os_error()?;
            return files::is_storage(error.kind()).then(|| io::Error::from_raw_os_error(code));
        }
        cause = error.source();
    }
    None
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
            (newer, ["has schema 3", "reads up to 2", "use a newer lawn"]),
            (
                older,
                ["has schema 1", "reads from 2 on", "remove the file"],
            ),
        ] {
            let error = ending(Err(error)).expect_err("the trial is not over");
            assert_eq!(error.exit(), crate::cli::Exit::Usage);
            let said = error.to_string();
            for word in words.into_iter().chain(["checkpoint.safetensors"]) {
                assert!(said.contains(word), "{word:?} is not in: {said}");
            }
        }
    }
}
