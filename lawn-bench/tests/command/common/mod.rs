//! What the tests of whole sweeps share.

pub(crate) mod download;
pub(crate) mod faults;
pub(crate) mod place;
pub(crate) mod server;
pub(crate) mod site;
pub(crate) mod validator;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lawn_analysis::records::Records;

/// Two trials: one arm, one batch size, nothing to tune, two seeds.
pub(crate) const SMALL: &str = r#"
name = "small"
batch_sizes = [64]

[tasks.feedback]
kind = "ncf"
model = "gmf"
generated = { users = 60, items = 220, interactions = 10 }

[budget]
epochs = 2

[arms.sgd]
rule = "sgd"
learning_rate = 0.1

[confirmation]
seeds = [1, 2]
"#;

/// The command, with none of the user's surroundings.
pub(crate) fn lawn() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lawn"));
    command.env_remove("LAWN_DATA");
    command
}

/// Sweeps a file into `out`, or goes on with a run.
pub(crate) fn sweep(target: &Path, out: Option<&Path>) -> Output {
    let mut command = lawn();
    command.arg("sweep").arg(target);
    if let Some(out) = out {
        command.arg("--out").arg(out);
    }
    command.output().expect("lawn starts")
}

/// All that a command printed.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Whether the process runs; a dead one that nobody has waited for does not.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// A place for a run that is removed with the test.
pub(crate) fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run");
    (folder, run)
}

/// The records of a run without what the clock decides.
pub(crate) fn timeless(run: &Path) -> Records {
    let mut records = Records::load(&run.join("records")).expect("the run has records");
    for trial in &mut records.trials {
        trial.seconds_train = 0.0;
        trial.seconds_data = 0.0;
        trial.seconds_evaluate = 0.0;
        trial.seconds_total = 0.0;
        trial.samples_per_second = None;
    }
    for epoch in &mut records.epochs {
        epoch.samples_per_second = 0.0;
        epoch.seconds_train = 0.0;
        epoch.seconds_data = 0.0;
        epoch.seconds_evaluate = 0.0;
        epoch.seconds_checkpoint = 0.0;
    }
    records
}
