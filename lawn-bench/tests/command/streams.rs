//! What cannot be written to standard output or standard error: an error with its exit code,
//! never a success and never a panic. A reader that went away is none.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{SMALL, folder, lawn, sweep};

/// The code of a command without room.
const NO_ROOM: Option<i32> = Some(5);

fn full() -> File {
    let file = File::options().write(true).open("/dev/full");
    file.expect("Linux has a device that is always full")
}

fn words(line: &str, file: &Path, run: &Path) -> Vec<String> {
    let words = line.split(' ').map(|word| match word {
        "FILE" => file.display().to_string(),
        "RUN" => run.display().to_string(),
        "DATA" => file.parent().unwrap_or(file).display().to_string(),
        word => word.to_owned(),
    });
    words.collect()
}

/// A sweep file and a finished run of it.
fn finished() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let (kept, run) = folder();
    let file = kept.path().join("small.toml");
    std::fs::write(&file, SMALL).expect("there is room");
    assert!(sweep(&file, Some(&run)).status.success());
    (kept, file, run)
}

const PRINTING: [&str; 17] = [
    "--help",
    "--version",
    "sweep --help",
    "report --help",
    "completions bash",
    "config schema",
    "config explain FILE",
    "plan FILE --no-calibrate",
    "plan FILE --no-calibrate --json",
    "model FILE",
    "floors FILE --json",
    "data list --data-root DATA",
    "status RUN",
    "status RUN --json",
    "status RUN --watch",
    "report RUN --json",
    "sweep RUN --json",
];

#[test]
fn a_full_disk_below_standard_output_is_an_error_of_every_command() {
    let (_kept, file, run) = finished();
    for line in PRINTING {
        let output = lawn()
            .args(words(line, &file, &run))
            .stdout(full())
            .output();
        let output = output.expect("lawn starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), NO_ROOM, "lawn {line}: {said}");
        assert!(
            said.contains("cannot write to standard output: "),
            "lawn {line}: {said}"
        );
    }
}

#[test]
fn a_full_disk_below_standard_error_is_no_panic() {
    let (kept, file, run) = finished();
    for (line, code) in [
        ("plan nothing.toml", Some(2)),
        ("no-such-verb", Some(2)),
        ("sweep RUN", NO_ROOM),
        ("status RUN", Some(0)),
    ] {
        let output = lawn()
            .args(words(line, &file, &run))
            .stderr(full())
            .output();
        let code_found = output.expect("lawn starts").status.code();
        assert_eq!(code_found, code, "lawn {line}");
    }
    // The work is done all the same.
    let other = kept.path().join("other");
    let mut command = lawn();
    command.arg("sweep").arg(&file).arg("--out").arg(&other);
    let status = command.stdout(Stdio::null()).stderr(full()).status();
    assert_eq!(status.expect("lawn starts").code(), NO_ROOM);
    assert!(other.join("report/report.html").exists());
}

#[test]
fn a_reader_that_went_away_ends_a_command_quietly() {
    let (_kept, file, run) = finished();
    for line in [
        "config schema",
        "completions bash",
        "status RUN --watch",
        "--help",
    ] {
        let mut command: Command = lawn();
        command.args(words(line, &file, &run));
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("lawn starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "lawn {line}: {said}"
        );
    }
}
