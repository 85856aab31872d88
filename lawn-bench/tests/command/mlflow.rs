//! What `lawn report --mlflow` writes, read back by the layout that MLflow's file store documents.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{SMALL, folder, lawn, said, sweep};

/// The folders in a folder, by name.
fn folders(of: &Path) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(of).expect("it is there").flatten();
    let entries = entries.filter(|entry| entry.path().is_dir());
    entries
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                entry.path(),
            )
        })
        .collect()
}

/// The keys of a `meta.yaml`, whose values are on one line each.
fn meta(of: &Path) -> BTreeMap<String, serde_json::Value> {
    let text = fs::read_to_string(of.join("meta.yaml")).expect("it is there");
    let lines = text
        .lines()
        .map(|line| line.split_once(": ").expect("a key"));
    lines
        .map(|(key, value)| {
            (
                key.to_owned(),
                serde_json::from_str(value).expect("a value"),
            )
        })
        .collect()
}

#[test]
fn mlflow_finds_an_experiment_a_sweep_and_a_run_a_trial() {
    let (kept, run) = folder();
    let file = kept.path().join("small.toml");
    fs::write(&file, SMALL).expect("there is room");
    assert!(sweep(&file, Some(&run)).status.success());
    let store = kept.path().join("mlruns");
    let export = |run: &Path| {
        let output = lawn()
            .arg("report")
            .arg(run)
            .arg("--mlflow")
            .arg(&store)
            .output()
            .expect("lawn starts");
        assert!(output.status.success(), "{}", said(&output));
        assert!(
            said(&output).contains("2 trials for MLflow: `"),
            "{}",
            said(&output)
        );
    };
    export(&run);
    let experiments = folders(&store);
    let (id, experiment) = experiments.iter().next().expect("one");
    assert_eq!(experiments.len(), 1);
    let about = meta(experiment);
    assert_eq!(about["experiment_id"], id.as_str());
    assert_eq!(about["name"], "small");
    assert_eq!(about["lifecycle_stage"], "active");

    let listed = lawn().arg("trials").arg(&run).arg("--json").output();
    let listed = listed.expect("lawn starts").stdout;
    let trials: Vec<serde_json::Value> = serde_json::from_slice(&listed).expect("it is JSON");
    let runs = folders(experiment);
    assert_eq!(runs.len(), 2);
    for (id_of_run, folder) in &runs {
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect(name);
        let trial = read("tags/lawn.trial");
        let known = trials.iter().find(|one| one["trial"] == trial.as_str());
        let known = known.expect("it is the run's");
        let about = meta(folder);
        assert_eq!(about["run_id"], id_of_run.as_str());
        assert_eq!(id_of_run.len(), 32);
        assert_eq!(Path::new(&read("tags/lawn.run")), run);
        assert_eq!(
            (&about["status"], &about["experiment_id"]),
            (&3.into(), &id.as_str().into())
        );
        assert!(about["start_time"].as_u64() <= about["end_time"].as_u64());
        assert_eq!(read("params/learning_rate"), "0.1");
        assert_eq!(read("params/arm"), "sgd");
        assert_eq!(read("tags/lawn.outcome"), "ok");
        // Milliseconds, value and step of each evaluation.
        let curve = read("metrics/hr_at_10/validation");
        let steps: Vec<u64> = curve
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                assert!(words.len() == 3 && words[0].len() == 13, "{line}");
                words[2].parse().expect("a step")
            })
            .collect();
        assert!(steps.len() == 2 && steps.is_sorted(), "{curve}");
        let test = read("metrics/final/hr_at_10/test");
        let test: f64 = test
            .split(' ')
            .nth(1)
            .expect("a value")
            .parse()
            .expect("a number");
        assert_eq!(known["test"].as_f64(), Some(test));
    }

    // Again it is the same, and what others keep there stays.
    fs::create_dir(store.join("0")).expect("there is room");
    export(&run);
    assert_eq!(folders(&store).len(), 2);
    assert_eq!(folders(experiment), runs);

    // The same trials in another folder are others.
    let moved = kept.path().join("moved");
    fs::rename(&run, &moved).expect("it can be moved");
    export(&moved);
    assert_eq!(folders(experiment).len(), 4);
}
