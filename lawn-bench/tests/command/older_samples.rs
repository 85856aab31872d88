//! Runs that were planned for other samples than a seed gives now: they are reported, and not
//! trained on.

use std::path::Path;

use lawn_bench::run::document;

use crate::common::{SMALL, folder, lawn, said, sweep};

/// Makes the plan of a run one that was written before plans said of which samples they are.
fn make_older(plan: &Path) {
    let text = std::fs::read_to_string(plan).expect("it is there");
    let mut head: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let fields = head.as_object_mut().expect("an object");
    assert_eq!(fields["samples"], lawn_models::SAMPLES);
    fields.retain(|name, _| !["schema", "checksum", "samples"].contains(&name.as_str()));
    document::write(plan, 3, &head).expect("there is room");
}

#[test]
fn they_are_reported_and_not_trained_on() {
    let (kept, run) = folder();
    let file = kept.path().join("small.toml");
    std::fs::write(&file, SMALL).expect("there is room");
    let output = sweep(&file, Some(&run));
    assert!(output.status.success(), "{}", said(&output));
    let outcomes = || {
        let trials = std::fs::read_dir(run.join("trials")).expect("there are trials");
        trials
            .flatten()
            .filter(|one| one.path().join("outcome.json").exists())
            .count()
    };
    assert_eq!(outcomes(), 2);
    let trials = std::fs::read_dir(run.join("trials")).expect("there are trials");
    let one = trials.flatten().next().expect("there is one").path();
    std::fs::remove_file(one.join("outcome.json")).expect("it was there");
    let plan = run.join("plan.json");
    make_older(&plan);
    let before = std::fs::read(&plan).expect("it is there");

    let verb = |words: &[&str]| {
        let mut command = lawn();
        command.arg(words[0]).arg(&run).args(&words[1..]);
        command.output().expect("lawn starts")
    };
    for words in [&["status"][..], &["report"]] {
        let output = verb(words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
    }
    for output in [
        verb(&["trial", "--index", "0"]),
        verb(&["retry", "--outcome", "crashed"]),
        sweep(&run, None),
        sweep(&file, Some(&run)),
    ] {
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        let said = said(&output);
        let report = format!("`lawn report {}`", run.display());
        for words in [
            "plan.json was made for samples of version 1; allowed: version 2",
            &report,
            "the lawn that planned it",
            "--out",
        ] {
            assert!(said.contains(words), "{words:?} is not in: {said}");
        }
    }
    assert_eq!(outcomes(), 1, "nothing was trained");
    assert_eq!(std::fs::read(&plan).expect("it is there"), before);
}
