//! What can be known of trials before any of them trains.

use lawn_models::{
    Amount, GeneratedRatings, MakeData, OptimizerSettings, RuleName, ScopeSetting, TaskConfig,
    TrialConfig, dry_run, examine, make_data,
};

fn trial(users: u32, scope: Option<&str>) -> TrialConfig {
    let table = serde_json::json!({
        "model": "gmf", "generated": { "users": users, "items": 220, "interactions": 10 },
    });
    let task = TaskConfig::from_table("ncf", table).unwrap();
    let mut optimizer = OptimizerSettings::new(RuleName::Adam, 1e-2);
    optimizer.lawn = true;
    optimizer.free_fraction = Some(0.5);
    optimizer.scope = scope.map(|name| ScopeSetting::Patterns(vec![name.to_owned()]));
    TrialConfig::new(task, optimizer, 64, Amount::Epochs(2))
}

#[test]
fn many_trials_of_a_task_are_as_each_by_itself() {
    let trials = [
        trial(60, None),
        trial(60, Some("output.weight")),
        trial(60, Some("no.such.weight")),
    ];
    let found = examine(&trials, None).unwrap();
    for (trial, found) in trials.iter().zip(&found) {
        match (found, dry_run(trial, None)) {
            (Ok(found), Ok(alone)) => assert_eq!(found.treatments, alone.treatments),
            (Err(found), Err(alone)) => assert_eq!(found.to_string(), alone.to_string()),
            (found, alone) => panic!("{found:?} and {alone:?}"),
        }
    }
    assert!(found[2].is_err());
    assert!(examine(&[], None).unwrap().is_empty());
}

#[test]
fn data_that_nothing_can_be_tested_on_are_refused_before_a_trial_trains() {
    let error = examine(&[trial(1, None)], None).unwrap_err().to_string();
    assert!(error.contains("one at least, to test on"), "{error}");
}

#[test]
fn a_folder_with_files_is_not_written_to() {
    let root = tempfile::tempdir().unwrap();
    let sizes = GeneratedRatings {
        users: 60,
        items: 220,
        interactions: 10,
        ..GeneratedRatings::default()
    };
    let what = MakeData::Ncf(sizes);
    let folder = root.path().join("real");
    make_data(&what, &folder).unwrap();
    let train = folder.join("real.train.rating");
    std::fs::write(&train, "mine").unwrap();
    let error = make_data(&what, &folder).unwrap_err().to_string();
    assert!(error.contains("a new or an empty one"), "{error}");
    assert_eq!(std::fs::read_to_string(&train).unwrap(), "mine");
}
