//! Event files as TensorBoard's own reader sees them.

use std::path::Path;
use std::process::Command;

use lawn_bench::trial::tensorboard::EventFile;

/// Reads the folder that it is given, prints each tag with its steps and values.
const READER: &str = r#"
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))
"#;

/// The interpreter that `just setup` made; absent where libtorch comes from elsewhere.
fn python() -> Option<std::path::PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    let has = Command::new(&python)
        .args(["-c", "import tensorboard"])
        .output();
    has.is_ok_and(|output| output.status.success())
        .then_some(python)
}

fn read(python: &Path, folder: &Path) -> serde_json::Value {
    let output = Command::new(python)
        .args(["-c", READER])
        .arg(folder)
        .output()
        .expect("python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

#[test]
fn tensorboard_reads_scalars_and_drops_what_was_trained_again() {
    let Some(python) = python() else {
        eprintln!("skipped: no .venv with tensorboard, `just venv` makes one");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let value = |value: f64| [("loss/train".to_owned(), value)];
    let mut first = EventFile::create(folder.path(), 0).expect("it can be made");
    for (step, loss) in [(10, 0.5), (20, 0.25), (30, 9.0)] {
        first
            .scalars(step, &value(loss))
            .expect("it can be written");
    }
    // Killed after step 30, its last record cut; the checkpoint was of step 20.
    let mut files = std::fs::read_dir(folder.path()).expect("it can be read");
    let path = files.next().expect("one file").expect("it is there").path();
    let mut bytes = std::fs::read(&path).expect("it can be read");
    bytes.extend(&bytes[..5].to_vec());
    std::fs::write(&path, bytes).expect("it can be written");

    let mut second = EventFile::create(folder.path(), 20).expect("it can be made");
    for (step, loss) in [(30, 0.125), (1 << 40, 0.0625)] {
        second
            .scalars(step, &value(loss))
            .expect("it can be written");
    }
    let expected = serde_json::json!({
        "loss/train": [[10, 0.5], [20, 0.25], [30, 0.125], [1_u64 << 40, 0.0625]],
    });
    assert_eq!(read(&python, folder.path()), expected);
}
