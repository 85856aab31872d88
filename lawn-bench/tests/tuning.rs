//! The tuning protocol: shared points, equal budgets, rungs, and a choice with reasons.

use std::path::Path;
use std::process::{Command, Output};

use lawn_analysis::{Records, analysis};
use lawn_bench::Error;
use lawn_bench::config::{Sweep, parse};
use lawn_bench::plan::choices::{Choices, Frozen, FrozenCell, Promoted, decide};
use lawn_bench::plan::{Excerpt, Plan, SCHEMA};
use lawn_bench::run::files;
use lawn_bench::run::run_dir::RunDir;
use lawn_models::Stage;

const HALVING: &str = include_str!("sweeps/halving.toml");

fn sweep(text: &str) -> Sweep {
    parse("halving.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn rates(sweep: &Sweep, arm: &str, batch_size: u64) -> Vec<f64> {
    let arm = sweep.arms.iter().find(|other| other.name == arm);
    let settings = arm.expect("the sweep has this arm").settings.iter();
    settings
        .map(|setting| setting.at(batch_size, sweep).learning_rate)
        .collect()
}

#[test]
fn arms_and_batch_sizes_share_their_points() {
    let sweep = sweep(HALVING);
    let adam = rates(&sweep, "adam", 64);
    assert_eq!(adam.len(), 9);
    // Another arm, which tunes more: the same rates.
    assert_eq!(rates(&sweep, "adam-lawn", 64), adam);
    // Another range at a batch size: the same places in it.
    let place = |rate: f64, min: f64| (rate / min).ln() / 100_f64.ln();
    for (usual, other) in adam.iter().zip(rates(&sweep, "adam", 256)) {
        assert!((1e-3..=1e-1).contains(usual) && (1e-2..=1.0).contains(&other));
        assert!((place(*usual, 1e-3) - place(other, 1e-2)).abs() < 1e-3);
    }
    let epochs: Vec<f64> = sweep.arms[1]
        .settings
        .iter()
        .filter_map(|setting| setting.optimizer.free_epochs)
        .collect();
    assert!(
        epochs
            .iter()
            .all(|free| [1.0, 2.0, 3.0, 4.0].contains(free))
    );
    // Every quarter of the first eight points is met.
    for free in [1.0, 2.0, 3.0, 4.0] {
        assert_eq!(
            epochs[..8].iter().filter(|&&other| other == free).count(),
            2
        );
    }
}

#[test]
fn an_arm_more_changes_no_point_and_a_seed_changes_them_all() {
    let before = sweep(HALVING);
    let more = HALVING.replace(
        "[arms.adam]\n",
        "[arms.sgd]\nrule = \"sgd\"\n\n[arms.sgd.tune]\n\
         momentum = { min = 0.5, max = 0.99, scale = \"linear\" }\n\n[arms.adam]\n",
    );
    let after = sweep(&more);
    assert_eq!(after.arms.len(), 3);
    assert_eq!(rates(&after, "adam", 64), rates(&before, "adam", 64));
    assert_eq!(rates(&after, "sgd", 64), rates(&before, "adam", 64));
    let seeded = sweep(&HALVING.replace("settings = 9", "settings = 9\nseed = 3"));
    let (old, new) = (rates(&before, "adam", 64), rates(&seeded, "adam", 64));
    assert!(old.iter().zip(&new).all(|(old, new)| old != new));
    // More settings begin with those there were.
    let more = sweep(&HALVING.replace("settings = 9", "settings = 20"));
    assert_eq!(rates(&more, "adam", 64)[..9], old);
}

#[test]
fn every_arm_has_the_same_number_of_trials_at_every_batch_size_and_rung() {
    let plan = Plan::new(sweep(HALVING), Default::default());
    let counts: Vec<(Stage, usize, usize)> = plan
        .rounds()
        .iter()
        .map(|round| (round.stage, round.rung, round.trials.len()))
        .collect();
    // Four cells: nine settings, then three, then one; two seeds to confirm.
    assert_eq!(
        counts,
        [
            (Stage::Tune, 0, 36),
            (Stage::Tune, 1, 12),
            (Stage::Tune, 2, 4),
            (Stage::Confirm, 0, 8)
        ]
    );
    for round in plan.rounds() {
        for cell in plan.cells() {
            let of_cell = plan.trials[round.trials.clone()].iter();
            let count = of_cell.filter(|trial| trial.cell == cell).count();
            assert_eq!(count, round.trials.len() / 4, "{cell}");
        }
    }
    let mut ids: Vec<&str> = plan.trials.iter().map(|trial| trial.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 60, "every trial has an id of its own");
}

#[test]
fn a_plan_survives_its_file_and_holds_nothing_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = RunDir::new(folder.path());
    let plan = Plan::new(sweep(HALVING), Default::default());
    plan.write(&run, Path::new("halving.toml"), HALVING)
        .expect("it can be written");
    assert_eq!(Plan::read(&run).expect("it can be read"), plan);
    let text = std::fs::read_to_string(run.plan()).expect("it is text");
    let rows = text.lines().filter(|line| line.contains("\"id\"")).count();
    assert_eq!(rows, 60, "a line a trial");
    assert_eq!(
        text.matches("\"task\": \"feedback\"").count(),
        4,
        "a cell once"
    );

    // A plan whose parts do not fit together is damaged, and says how.
    rewrite(&run, |plan| {
        let rows = plan["trials"].as_array_mut().expect("a list");
        let row = rows.iter_mut().find(|row| row["cell"] == 3);
        row.expect("a trial of cell 3")["cell"] = 9.into();
    });
    let error = Plan::read(&run)
        .expect_err("there is no cell 9")
        .to_string();
    assert!(error.contains("has an unknown cell"), "{error}");
}

/// Writes the plan of `run` again, changed, in other lines than it was and with their checksum.
fn rewrite(run: &RunDir, change: impl FnOnce(&mut serde_json::Value)) {
    let text = std::fs::read_to_string(run.plan()).expect("it is text");
    let mut plan: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    change(&mut plan);
    let content = plan.as_object_mut().expect("an object");
    content.remove("schema");
    content.remove("checksum");
    let bytes = files::to_json(&run.plan(), SCHEMA, content).expect("it has a JSON form");
    assert_ne!(bytes, text.as_bytes());
    std::fs::write(run.plan(), bytes).expect("it can be written");
}

/// How `outcome.json` says that the trial is over.
const OVER: &str = r#"{"outcome":"ok","detail":null,"summary":{"epochs":1.0,"steps":1,"samples":1,
    "measurements":[{"split":"validation","metric":"ndcg@10","value":VALUE}],"train_loss":0.5}}"#;

/// Ends the trials of a round, those with higher indices better, with a checkpoint each.
fn end(run: &RunDir, plan: &Plan, trials: std::ops::Range<usize>) {
    for index in trials {
        let dir = run.trial(&plan.trials[index].id);
        std::fs::create_dir_all(dir.root()).expect("a folder");
        let value = format!("0.{index:03}");
        let ending = serde_json::from_str(&OVER.replace("VALUE", &value)).expect("an ending");
        dir.write_outcome(&ending).expect("it can be written");
        std::fs::write(dir.checkpoint(), "as if").expect("it can be written");
    }
}

#[test]
fn checkpoints_stay_for_the_next_rung_and_no_longer() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = RunDir::new(folder.path());
    let plan = Plan::new(sweep(HALVING), Default::default());
    let rounds = plan.rounds();
    let left = |rung: usize| {
        let trials = plan.trials[rounds[rung].trials.clone()].iter();
        let left = trials.filter(|trial| run.trial(&trial.id).checkpoint().exists());
        left.count()
    };
    let decide = |rung: usize| decide(&run, &plan, &rounds[rung]).expect("all is there");
    end(&run, &plan, rounds[0].trials.clone());
    decide(0);
    // Three settings of each of four cells are promoted.
    assert_eq!(left(0), 12);
    end(&run, &plan, rounds[1].trials.clone());
    // A launcher that goes on decides all rounds again, and one may be killed before the last.
    decide(0);
    assert_eq!((left(0), left(1)), (12, 12));
    decide(1);
    assert_eq!((left(0), left(1)), (0, 4));
    end(&run, &plan, rounds[2].trials.clone());
    decide(2);
    assert_eq!((left(1), left(2)), (0, 0));
}

#[test]
fn a_trial_finds_its_line_and_the_rung_before_without_the_rest_of_the_plan() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = RunDir::new(folder.path());
    let plan = Plan::new(sweep(HALVING), Default::default());
    plan.write(&run, Path::new("halving.toml"), HALVING)
        .expect("it can be written");
    let rounds = plan.rounds();
    for round in &rounds {
        end(&run, &plan, round.trials.clone());
        decide(&run, &plan, round).expect("all is there");
    }
    let choices = Choices::read(&run, &plan.sweep).expect("they are readable");
    for (index, trial) in plan.trials.iter().enumerate() {
        let excerpt = Excerpt::read(&run, index).expect("it is in the plan");
        assert_eq!((&excerpt.trial, &excerpt.sweep), (trial, &plan.sweep));
        let resolved = excerpt.resolve(&choices).expect("it is chosen");
        assert_eq!(resolved, plan.resolve(index, &choices).expect("the same"));
        let before = excerpt.earlier_rung(resolved.0, &choices);
        let expected = (trial.rung > 0).then(|| (&trial.cell, trial.rung - 1));
        assert_eq!(before.as_ref().map(|it| (&it.cell, it.rung)), expected);
        if let Some(before) = before {
            let setting = before.setting.or_else(|| choices.setting(&before));
            assert_eq!(setting, Some(resolved.0));
        }
    }
    let refused = Excerpt::read(&run, 60).expect_err("the last is 59");
    assert!(matches!(
        refused,
        Error::NoTrial {
            index: 60,
            last: 59
        }
    ));

    let text = std::fs::read_to_string(run.plan()).expect("it is text");
    // One bit of another trial's line.
    let damaged = text.replacen("\"seed\": 2", "\"seed\": 3", 1);
    assert_ne!(damaged, text);
    std::fs::write(run.plan(), damaged).expect("it can be written");
    let refused = Excerpt::read(&run, 0).expect_err("its checksum is another");
    assert!(matches!(refused, Error::Damaged { .. }), "{refused}");
    // The same plan in other lines.
    std::fs::write(run.plan(), text).expect("it can be written");
    rewrite(&run, |_| {});
    let excerpt = Excerpt::read(&run, 41).expect("it is a plan all the same");
    assert_eq!(excerpt.trial, plan.trials[41]);
    // Without trials there is none to read.
    rewrite(&run, |plan| plan["trials"] = serde_json::json!([]));
    let refused = Excerpt::read(&run, 0).expect_err("there is none");
    assert!(matches!(refused, Error::NoTrial { index: 0, last: 0 }));
}

fn lawn(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lawn"))
        .args(arguments)
        .env_remove("LAWN_DATA")
        .output()
        .expect("lawn starts")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn rungs_promote_the_best_and_the_last_is_frozen_with_reasons() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, out) = (
        folder.path().join("halving.toml"),
        folder.path().join("run"),
    );
    // A rate at which adam at batch 256 diverges in part of its settings.
    std::fs::write(&file, HALVING).expect("the sweep file is written");
    let output = lawn(&["sweep", path(&file), "--out", path(&out)]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let run = RunDir::new(&out);
    let plan = Plan::read(&run).expect("the run has a plan");
    let promoted: Vec<Promoted> = [1, 2]
        .into_iter()
        .map(|rung| {
            Promoted::read(&run, rung)
                .expect("readable")
                .expect("there")
        })
        .collect();
    let frozen = Frozen::read(&run).expect("readable").expect("there");
    for (place, cell) in frozen.cells.iter().enumerate() {
        let [first, second] = [&promoted[0].cells[place], &promoted[1].cells[place]];
        assert_eq!((first.tried.len(), first.settings.len()), (9, 3));
        assert_eq!((second.tried.len(), second.settings.len()), (3, 1));
        assert_eq!(cell.setting, Some(second.settings[0]));
        assert_eq!(cell.metric, "ndcg@10");
        assert!(cell.reason.contains("the best of 1"), "{}", cell.reason);
        // Promoted are those with the highest scores.
        let score = |setting: usize| first.tried[setting].score.expect("it came to its end");
        let least = first.settings.iter().map(|&s| score(s)).fold(1.0, f64::min);
        let others = (0..9).filter(|setting| !first.settings.contains(setting));
        assert!(others.into_iter().all(|setting| score(setting) <= least));
    }
    // The report says the same of borders.
    let records = Records::load(&run.records()).expect("the run has records");
    let tasks = analysis::tasks(&records).expect("they are a run's");
    for row in analysis::tuning(&tasks) {
        let is_its = |frozen: &&FrozenCell| {
            (&frozen.cell.task, &frozen.cell.arm) == (&row.task, &row.arm)
                && i64::try_from(frozen.cell.batch_size) == Ok(row.batch_size)
        };
        let frozen = frozen.cells.iter().find(is_its).expect("it was frozen");
        let borders = row.borders.iter().map(|border| border.name.as_str());
        assert_eq!(borders.collect::<Vec<_>>(), frozen.at_border);
    }
    // What no trial can go on from any more is gone.
    let checkpoints = plan.trials.iter().filter(|trial| {
        let newest = run.trial(&trial.id).checkpoint();
        newest.exists() || newest.with_extension("previous.safetensors").exists()
    });
    assert_eq!(checkpoints.count(), 0);
    // A rung's trials end after their part of the budget, at an evaluation.
    for (trial, epochs) in plan
        .trials
        .iter()
        .map(|trial| match (trial.stage, trial.rung) {
            (Stage::Tune, 0) => (trial, 1.0),
            (Stage::Tune, 1) => (trial, 3.0),
            _ => (trial, 9.0),
        })
    {
        let ending = run.trial(&trial.id).read_outcome().expect("readable");
        let summary = ending.and_then(|ending| ending.summary).expect("it is ok");
        assert_eq!(summary.epochs, epochs, "{} rung {}", trial.cell, trial.rung);
    }
}
