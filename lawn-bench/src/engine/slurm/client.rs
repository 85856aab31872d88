//! The commands of Slurm, and what they answer.

use std::path::Path;
use std::process::{Command, Output};

use super::queue::Queue;
use crate::engine::failure;
use crate::error::EngineError;
use crate::process::beside;

/// Submits `script` and returns the number of its job.
///
/// # Errors
///
/// [`EngineError::Missing`], [`EngineError::Unconfigured`], [`EngineError::Command`],
/// [`EngineError::Answer`].
pub(super) fn sbatch(script: &Path) -> Result<u64, EngineError> {
    let mut command = slurm("sbatch");
    command.arg("--parsable").arg(script);
    let (said, answer) = run(command)?;
    // "JOB" or "JOB;CLUSTER".
    let job = answer.trim().split(';').next().unwrap_or_default();
    job.parse().map_err(|_| EngineError::Answer {
        command: said,
        detail: format!("a job's number was expected, not {:?}", answer.trim()),
    })
}

/// The jobs of this user.
///
/// # Errors
///
/// [`EngineError::Missing`], [`EngineError::Unconfigured`], [`EngineError::Command`],
/// [`EngineError::Answer`].
pub(super) fn squeue() -> Result<Queue, EngineError> {
    let mut command = slurm("squeue");
    // Without this the list of an array's pending tasks is cut after 64 bytes.
    command
        .env("SLURM_BITSTR_LEN", "0")
        .args(["--json", "--me"]);
    let (said, answer) = run(command)?;
    Queue::parse(&answer).map_err(|error| EngineError::Answer {
        command: said,
        detail: error.to_string(),
    })
}

/// The largest array of this site, as its controller says. Its highest index is one less.
///
/// # Errors
///
/// [`EngineError::Missing`], [`EngineError::Unconfigured`], [`EngineError::Command`],
/// [`EngineError::Answer`].
pub fn max_array_size() -> Result<usize, EngineError> {
    let mut command = slurm("scontrol");
    command.args(["show", "config"]);
    let (said, answer) = run(command)?;
    answer
        .lines()
        .find_map(|line| {
            line.strip_prefix("MaxArraySize")?
                .split_once('=')?
                .1
                .trim()
                .parse()
                .ok()
        })
        .ok_or_else(|| EngineError::Answer {
            command: said,
            detail: "there is no MaxArraySize".into(),
        })
}

/// The version of Slurm, as `sbatch --version` says it.
///
/// # Errors
///
/// [`EngineError::Missing`], [`EngineError::Unconfigured`], [`EngineError::Command`].
pub fn version() -> Result<String, EngineError> {
    let mut command = slurm("sbatch");
    command.arg("--version");
    Ok(run(command)?.1.trim().to_owned())
}

/// `program` without the variables of the job that this process may itself be: what that
/// job was given is not asked for again.
fn slurm(program: &str) -> Command {
    const KEPT: [&str; 3] = ["SLURM_CONF", "SLURM_CLUSTERS", "SLURM_CONF_SERVER"];
    let mut command = Command::new(program);
    beside::keep_to_ourselves(&mut command);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("SLURM_") && !KEPT.contains(&name.as_ref()) {
            command.env_remove(name.as_ref());
        }
    }
    command
}

/// How Slurm's commands say that they found no slurm.conf.
const NO_CONFIGURATION: [&str; 2] = [
    "Could not establish a configuration source",
    "Unable to process configuration file",
];

/// Runs `command`; gives it as text, and its standard output.
fn run(mut command: Command) -> Result<(String, String), EngineError> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let said: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    let said = said.join(" ");
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().map_err(|source| EngineError::Missing {
        command: said.clone(),
        system: "Slurm",
        source,
    })?;
    if !status.success() {
        let stderr = String::from_utf8_lossy(&stderr);
        if NO_CONFIGURATION.iter().any(|words| stderr.contains(words)) {
            let named = std::env::var_os("SLURM_CONF");
            return Err(EngineError::Unconfigured {
                command: said,
                named: named.map(|named| named.to_string_lossy().into_owned()),
            });
        }
        return Err(EngineError::Command {
            command: said,
            ending: failure::ending(status),
            stderr: failure::tail(stderr.trim()).to_owned(),
        });
    }
    Ok((said, String::from_utf8_lossy(&stdout).into_owned()))
}
