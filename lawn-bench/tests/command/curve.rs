//! `just peers curve`, at a size for tests; skipped where there is no PyTorch.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::place::Place;
use crate::common::said;

/// The interpreter that `just setup` made, where it has what the peer needs.
fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    let has = Command::new(&python)
        .args(["-c", "import torch, torchvision"])
        .output();
    let has = has.is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("skipped: no Python with torch and torchvision");
    }
    has.then_some(python)
}

#[test]
fn a_curve_is_gone_on_with_and_has_a_verdict() {
    let Some(python) = python() else { return };
    let place = Place::new();
    let out = place.folder.path().join("curve");
    let curve = |depth: &str| -> Output {
        let mut command = Command::new(&python);
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../lawn-models/peers/curve.py"))
            .args(["--data", "pictures", "--depth", depth, "--epochs", "2"])
            .args([
                "--train-images",
                "24",
                "--test-images",
                "8",
                "--batch-size",
                "8",
            ])
            .args(["--program", env!("CARGO_BIN_EXE_lawn"), "--data-root"])
            .arg(place.data())
            .arg("--out")
            .arg(&out)
            .env("XDG_CACHE_HOME", place.folder.path().join("cache"));
        command.output().expect("python starts")
    };
    let output = curve("8");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for words in [
        "lawn seed 1: epoch 1 of 2, train loss ",
        "PyTorch seed 2: epoch 2 of 2, train loss ",
        "| train loss, last epoch | ",
        "within seed noise** (n = 2 a side, 2 degrees of freedom)",
    ] {
        assert!(
            said(&output).contains(words),
            "{words:?} is not in: {}",
            said(&output)
        );
    }
    let result = || -> serde_json::Value {
        let text = fs::read(out.join("curve.json")).expect("it is there");
        serde_json::from_slice(&text).expect("it is JSON")
    };
    let first = result();
    assert_eq!(first["curves"].as_array().map(Vec::len), Some(4), "{first}");
    for one in first["comparisons"].as_array().expect("a list") {
        let [low, high] = ["low", "high"].map(|key| one[key].as_f64().expect("a number"));
        assert_eq!(one["within"], low <= 0.0 && 0.0 <= high, "{one}");
    }
    // A curve that is missing is trained again, and no other; the same seed gives the same.
    fs::remove_file(out.join("pytorch-seed-2.json")).expect("it is there");
    let output = curve("8");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        said(&output).contains("lawn seed 2: is there"),
        "{}",
        said(&output)
    );
    assert!(
        said(&output).contains("PyTorch seed 2: epoch 2"),
        "{}",
        said(&output)
    );
    assert_eq!(result()["comparisons"], first["comparisons"]);
    let output = curve("14");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("has curves of depth = 8, and 14 is asked for"),
        "{}",
        said(&output)
    );
}
