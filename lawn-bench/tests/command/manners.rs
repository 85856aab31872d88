//! How the command behaves among others: signals that it was told to ignore, the user's umask,
//! and its own file being replaced.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{SMALL, folder, said};

/// Starts `lawn sweep` of a sweep of some seconds by way of a shell, after `first`.
fn start(lawn: &Path, run: &Path, first: &str) -> Child {
    let file = run.with_extension("toml");
    let text = SMALL.replace("epochs = 2", "epochs = 150");
    std::fs::write(&file, text).expect("there is room");
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{first}; exec \"$@\""), "sh"])
        .arg(lawn)
        .args(["sweep", "--out"])
        .args([run, &file])
        .env_remove("LAWN_DATA")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("there is a shell")
}

fn this() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_lawn"))
}

/// Waits until a trial of `run` trains.
fn trains(run: &Path) {
    let since = Instant::now();
    while !files(run).iter().any(|path| path.ends_with("log.jsonl")) {
        assert!(since.elapsed() < Duration::from_secs(120), "nothing trains");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Everything in `folder` that is there and stays so.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() {
            all.extend(files(&path));
        }
        all.push(path);
    }
    all
}

#[test]
fn a_signal_that_was_ignored_before_stays_ignored() {
    for (first, code) in [("trap '' HUP INT USR1", 0), (":", 130)] {
        let (_folder, run) = folder();
        let launcher = start(this(), &run, first);
        trains(&run);
        let pid = launcher.id().to_string();
        for signal in ["-HUP", "-USR1"] {
            let sent = Command::new("kill").args([signal, &pid]).status();
            assert!(sent.expect("kill runs").success());
        }
        let output = launcher.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    }
}

#[test]
fn a_sweep_goes_on_when_its_file_is_replaced() {
    let (folder, run) = folder();
    let names = ["lawn", "lawn-torch"].map(|name| folder.path().join(name));
    for lawn in &names {
        let from = this().with_file_name(lawn.file_name().expect("a name"));
        std::fs::copy(from, lawn).expect("there is room");
    }
    let launcher = start(&names[0], &run, ":");
    trains(&run);
    for lawn in &names {
        std::fs::remove_file(lawn).expect("it is ours");
        std::fs::write(lawn, "#!/bin/sh\nexit 9\n").expect("there is room");
    }
    let output = launcher.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn files_are_as_open_as_the_umask_has_them() {
    for (umask, file_mode, folder_mode) in [("027", 0o640, 0o750), ("002", 0o664, 0o775)] {
        let (_folder, run) = folder();
        let launcher = start(this(), &run, &format!("umask {umask}"));
        let output = launcher.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", said(&output));
        let all = files(&run);
        let has = |name: &str| all.iter().any(|path| path.ends_with(name));
        assert!(has("plan.json") && has("outcome.json") && has("report.html"));
        assert!(has("trials.parquet"), "{all:?}");
        for path in all {
            let mode = std::fs::metadata(&path).expect("it is there");
            let expected = if mode.is_dir() {
                folder_mode
            } else {
                file_mode
            };
            let mode = mode.permissions().mode() & 0o7777;
            assert_eq!(mode, expected, "{mode:o} of {}", path.display());
        }
    }
}
