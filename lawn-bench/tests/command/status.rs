//! What `lawn status` counts, and what it calls the best.

use crate::common::{SMALL, folder, lawn, said, sweep};
use lawn_bench::report::status::Status;
use lawn_bench::run::run_dir::RunDir;

#[test]
fn failed_confirmations_are_not_counted_as_confirmed() {
    let (kept, run) = folder();
    let file = kept.path().join("small.toml");
    std::fs::write(&file, SMALL.replace("= 0.1", "= 1e30")).expect("there is room");
    assert_eq!(sweep(&file, Some(&run)).status.code(), Some(3));
    let output = lawn()
        .arg("status")
        .arg(&run)
        .output()
        .expect("lawn starts");
    let said = said(&output);
    assert!(said.contains("0/2, 2 failed"), "{said}");
    let status = Status::read(&RunDir::new(&run)).expect("it is a run");
    let confirmed = status.cells[0].confirmed;
    assert_eq!((confirmed.done, confirmed.failed, confirmed.all), (2, 2, 2));
}

#[test]
fn the_best_of_seeds_is_not_the_best_of_settings() {
    let (kept, run) = folder();
    let file = kept.path().join("small.toml");
    std::fs::write(&file, SMALL).expect("there is room");
    assert!(sweep(&file, Some(&run)).status.success());
    let status = Status::read(&RunDir::new(&run)).expect("it is a run");
    assert_eq!(status.cells[0].best_validation, None, "nothing was tuned");
    let seeds = status.cells[0].confirmed_validation.expect("two are over");
    // Floors stand on the leaderboard, too.
    let mut entries = status.leaderboards[0].entries.iter();
    let place = entries.find(|entry| entry.seeds == 2).expect("it has one");
    assert_eq!(seeds.trials, 2);
    assert!((seeds.mean - place.validation).abs() < 1e-12, "{seeds:?}");

    let tuned = SMALL.replace(
        "rule = \"sgd\"\nlearning_rate = 0.1",
        "rule = \"sgd\"\ngrid = { learning_rate = [0.0001, 0.0002] }",
    );
    std::fs::write(&file, tuned).expect("there is room");
    let run = kept.path().join("tuned");
    assert!(sweep(&file, Some(&run)).status.success());
    let run = RunDir::new(run);
    let plan = lawn_bench::plan::Plan::read(&run).expect("it is a run");
    let tuning = plan
        .trials
        .iter()
        .filter(|trial| trial.stage == lawn_models::Stage::Tune);
    let scores = tuning.filter_map(|trial| {
        let ending = run.trial(&trial.id).read_outcome().expect("it is sound")?;
        lawn_bench::plan::choices::score(plan.metric(&trial.cell.task)?, &ending.summary?)
    });
    let best = scores.reduce(f64::max).expect("two were tuned");
    let status = Status::read(&run).expect("it is a run");
    assert_eq!(status.cells[0].best_validation, Some(best));
    assert_eq!(status.cells[0].confirmed_validation, None);
}
