//! `lawn` answers without libtorch what needs none, and becomes `lawn-torch` for the rest.

use std::path::Path;
use std::process::{Command, Output};

use crate::common::{SMALL, folder, lawn, said, sweep};

/// Two commands that belong together.
const BOTH: [&str; 2] = [env!("CARGO_BIN_EXE_lawn"), env!("CARGO_BIN_EXE_lawn-torch")];

fn run(lawn: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(lawn);
    command.args(words).env_remove("LAWN_DATA");
    command.output().expect("it starts")
}

/// The objects that the loader of glibc maps for a command, or none where there is no such loader.
#[cfg(target_os = "linux")]
fn loaded(command: &str) -> Option<String> {
    let mut command = Command::new(command);
    let output = command.env("LD_TRACE_LOADED_OBJECTS", "1").output();
    let text = said(&output.expect("it is loaded"));
    text.contains("libc.so").then_some(text)
}

/// The linker of other systems may keep libtorch: then the command is as slow as the whole one, and
/// right.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
fn what_people_call_does_not_load_libtorch() {
    let [front, whole] = BOTH.map(loaded);
    let (Some(front), Some(whole)) = (front, whole) else {
        eprintln!("skipped: the loader does not list what it loads");
        return;
    };
    assert!(whole.contains("libtorch_cpu"), "{whole}");
    for name in ["libtorch", "libc10"] {
        assert!(
            !front.contains(name),
            "a verb without tensors reaches a function of libtorch: {front}"
        );
    }
}

#[test]
fn alone_it_answers_what_needs_no_tensors_and_says_what_is_missing() {
    let (kept, dir) = folder();
    let file = kept.path().join("small.toml");
    std::fs::write(&file, SMALL).expect("there is room");
    assert!(sweep(&file, Some(&dir)).status.success());
    let alone = kept.path().join("lawn");
    std::fs::copy(BOTH[0], &alone).expect("there is room");
    let (file, dir) = (file.to_str().expect("text"), dir.to_str().expect("text"));
    for (words, part) in [
        (&["--help"][..], "Before a sweep:"),
        (&["--version"], "lawn "),
        (&["plan", "--help"], "--no-calibrate"),
        (&["status", dir], "2 of 2 trials over"),
        (&["trials", dir], "2 trials"),
        (&["config", "explain", file], "learning_rate = 0.1"),
        (&["config", "schema"], "$schema"),
        (&["report", dir], "report.html"),
        (&["completions", "bash"], "lawn"),
    ] {
        let output = run(&alone, words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        assert!(said(&output).contains(part), "{words:?}: {}", said(&output));
    }
    let usage = run(&alone, &["plan", "--no-such-option"]);
    assert_eq!(usage.status.code(), Some(2));
    let plan = run(&alone, &["plan", file]);
    assert_eq!(plan.status.code(), Some(2), "{}", said(&plan));
    let text = said(&plan);
    for part in ["lawn-torch is not there", "cargo build --release"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn what_it_becomes_is_the_same_process_and_the_same_build() {
    let (kept, _) = folder();
    let file = kept.path().join("small.toml");
    std::fs::write(&file, SMALL).expect("there is room");
    let plan = ["plan", "--no-calibrate", file.to_str().expect("text")];
    let output = lawn().args(plan).output().expect("it starts");
    assert!(output.status.success(), "{}", said(&output));
    // Neither a child's variable nor the whole command by itself is in the way.
    let child = Command::new(BOTH[1])
        .args(plan)
        .env("LAWN_FRONT", "1:other")
        .output()
        .expect("it starts");
    assert_eq!(said(&child), said(&output));
    let line = "LAWN_FRONT=$$:other exec \"$@\"";
    let other = Command::new("sh")
        .args(["-c", line, "sh", BOTH[1]])
        .args(plan)
        .output()
        .expect("there is a shell");
    assert_eq!(other.status.code(), Some(2));
    assert!(
        said(&other).contains("allowed: other, as `lawn` beside it"),
        "{}",
        said(&other)
    );
}
