//! The tuning protocol: shared points, equal budgets, rungs, and a choice with reasons.

use std::path::Path;
use std::process::{Command, Output};

use lawn_analysis::{Records, analysis};
use lawn_bench::Error;
use lawn_bench::config::{Sweep, parse};
use lawn_bench::plan::choices::{Choices, Frozen, FrozenCell, Promoted, decide};
use lawn_bench::plan::{Excerpt, Only, Plan, SCHEMA};
use lawn_bench::run::document;
use lawn_bench::run::run_dir::RunDir;
use lawn_models::Stage;

const HALVING: &str = include_str!("sweeps/halving.toml");

fn sweep(text: &str) -> Sweep {
    parse("halving.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn rates(sweep: &Sweep, arm: &str, batch_size: u64) -> Vec<f64> {
    let arm = sweep.arms.iter().find(|other| other.name == arm);
    let arm = arm.expect("the sweep has this arm");
    let settings = arm.settings.iter();
    settings
        .map(|setting| setting.at(batch_size, arm, sweep).learning_rate)
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
    let read = |path| std::fs::read_to_string(path).expect("it is text");
    let (head, lines) = (read(run.plan()), read(run.planned_trials()));
    let ids = lines.lines().filter(|line| line.contains("\"id\""));
    assert_eq!(ids.count(), 60, "a line a trial");
    let cells = head.matches("\"task\": \"feedback\"").count();
    assert_eq!(cells, 4, "a cell once");

    // A plan whose parts do not fit together is damaged, and says how and where.
    let at = lines.lines().position(|line| line.contains("\"cell\":3"));
    rewrite(&run, &lines.replacen("\"cell\":3", "\"cell\":9", 1));
    let error = Plan::read(&run).expect_err("there is no cell 9");
    let error = error.to_string();
    let place = format!("line {}: ", at.expect("a trial of cell 3") + 1);
    for part in ["trials.jsonl", &place, "has an unknown cell"] {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
    rewrite(&run, &lines.replacen("\"cell\"", "\"cel\"", 1));
    let error = Plan::read(&run).expect_err("a row has a cell").to_string();
    assert!(error.contains("line 1: column "), "{error}");
}

/// What is said of a trial that the plan of `run` does not have.
fn no_trial(run: &RunDir, index: usize) -> String {
    let refused = Excerpt::read(run, index).expect_err("there is none");
    assert!(matches!(refused, Error::NoTrial(_)), "{refused}");
    refused.to_string()
}

/// Writes other trials into the plan of `run`, and their number and checksum.
fn rewrite(run: &RunDir, lines: &str) {
    let text = std::fs::read_to_string(run.plan()).expect("it is text");
    let mut head: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let digest = blake3::hash(lines.as_bytes()).to_hex();
    head["trials"] = serde_json::json!({
        "count": lines.lines().count(), "checksum": &digest[..16],
    });
    let content = head.as_object_mut().expect("an object");
    content.remove("schema");
    content.remove("checksum");
    std::fs::write(run.planned_trials(), lines).expect("it can be written");
    document::write(&run.plan(), SCHEMA, content).expect("it can be written");
}

#[test]
fn a_plan_of_schema_2_is_read_and_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = RunDir::new(folder.path());
    // Written by a version that had the trials in `plan.json`; without its checksum.
    let old = include_str!("../../fuzz/seeds/plan/small.json");
    let text = old.strip_suffix("\n}\n").expect("it is an object");
    let digest = blake3::hash(text.as_bytes()).to_hex();
    let old = format!("{text},\n  \"checksum\": \"{}\"\n}}\n", &digest[..16]);
    std::fs::write(run.plan(), &old).expect("it can be written");
    let plan = Plan::read(&run).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(plan.trials.len(), 10);
    assert_eq!(plan.trials[9].id, "b502766dcd4da5dd");
    for (index, trial) in plan.trials.iter().enumerate() {
        let excerpt = Excerpt::read(&run, index).expect("it is in the plan");
        assert_eq!((&excerpt.trial, excerpt.sweep()), (trial, &plan.sweep));
    }
    assert_eq!(
        no_trial(&run, 10),
        "the plan has no trial 10; allowed: 0 to 9"
    );
    // The same sweep planned today is of other samples, and its trials are others.
    let again = Plan::new(plan.sweep.clone(), plan.data.clone());
    assert_eq!((plan.samples, again.samples), (1, lawn_models::SAMPLES));
    let mut others = again.trials.iter().zip(&plan.trials);
    assert!(others.all(|(now, then)| now.id != then.id));
    let refused = again.write(&run, Path::new("one.toml"), "");
    let refused = refused.expect_err("its samples are others");
    assert!(matches!(refused, Error::OtherSamples(_)), "{refused}");
    let kept = std::fs::read_to_string(run.plan()).expect("it is text");
    assert_eq!(kept, old, "and it stays as it is");
    let damaged = old.replacen("\"seed\": 4", "\"seed\": 5", 1);
    assert_ne!(damaged, old);
    std::fs::write(run.plan(), damaged).expect("it can be written");
    let refused = Excerpt::read(&run, 0).expect_err("its checksum is another");
    assert!(matches!(refused, Error::RunDamaged { .. }), "{refused}");
}

#[test]
fn what_a_launcher_left_before_the_plan_was_whole_is_in_no_ones_way() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = RunDir::new(folder.path());
    let plan = Plan::new(sweep(HALVING), Default::default());
    let toml = Path::new("halving.toml");
    // Beside another sweep it is not ours.
    std::fs::write(run.planned_trials(), "mine").expect("it can be written");
    let refused = plan.write(&run, toml, HALVING);
    let refused = refused.expect_err("it is not ours");
    assert!(refused.to_string().contains("trials.jsonl"), "{refused}");
    std::fs::write(run.sweep_toml(), HALVING).expect("it can be written");
    plan.write(&run, toml, HALVING)
        .expect("it was begun before");
    assert_eq!(Plan::read(&run).expect("it can be read"), plan);
    // A plan without its trials says so.
    std::fs::remove_file(run.planned_trials()).expect("it is there");
    let refused = Plan::read(&run).expect_err("they are gone").to_string();
    assert!(
        refused.contains("trials.jsonl is damaged: it is gone"),
        "{refused}"
    );
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
    let decide =
        |rung: usize| decide(&run, &plan, &rounds[rung], &Only::default()).expect("all is there");
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
        decide(&run, &plan, round, &Only::default()).expect("all is there");
    }
    let choices = Choices::read(&run, &plan.sweep).expect("they are readable");
    for (index, trial) in plan.trials.iter().enumerate() {
        let excerpt = Excerpt::read(&run, index).expect("it is in the plan");
        assert_eq!((&excerpt.trial, excerpt.sweep()), (trial, &plan.sweep));
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
    assert_eq!(
        no_trial(&run, 60),
        "the plan has no trial 60; allowed: 0 to 59"
    );

    let lines = std::fs::read_to_string(run.planned_trials()).expect("it is text");
    // One bit of another trial's line.
    let damaged = lines.replacen("\"seed\":2", "\"seed\":3", 1);
    assert_ne!(damaged, lines);
    std::fs::write(run.planned_trials(), damaged).expect("it can be written");
    let refused = Excerpt::read(&run, 0).expect_err("its checksum is another");
    assert!(matches!(refused, Error::RunDamaged { .. }), "{refused}");
    // A line more, and a last line without its end.
    for other in [lines.clone() + "{}\n", lines.trim_end().to_owned()] {
        std::fs::write(run.planned_trials(), other).expect("it can be written");
        let refused = Excerpt::read(&run, 0).expect_err("that is not what was written");
        assert!(
            refused.to_string().contains("whole lines, not 60"),
            "{refused}"
        );
    }
    // What is wrong with another trial alone does not matter to this one.
    rewrite(&run, &lines.replacen("\"cell\":3", "\"cell\":9", 1));
    let excerpt = Excerpt::read(&run, 0).expect("it is sound");
    assert_eq!(excerpt.trial, plan.trials[0]);
    // Without trials there is none to read.
    rewrite(&run, "");
    assert_eq!(no_trial(&run, 0), "the plan has no trial 0; allowed: none");
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
