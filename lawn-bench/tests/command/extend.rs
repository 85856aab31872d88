//! A run that grows: what is there stays, what is new is trained, and what was chosen is chosen
//! again where more settings arrive.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use lawn_bench::plan::choices::Frozen;
use lawn_bench::plan::extension::Growth;
use lawn_bench::plan::{Plan, outcomes};
use lawn_bench::run::run_dir::RunDir;
use lawn_bench::run::trial_file::TrialFile;
use lawn_models::Stage;

use crate::common::{folder, lawn, said, sweep, timeless};

/// One arm at two batch sizes, four settings and two seeds: 12 trials.
const TWELVE: &str = r#"
name = "grows"
batch_sizes = [32, 64]

[tasks.feedback]
kind = "ncf"
model = "gmf"
generated = { users = 60, items = 220, interactions = 10 }

[budget]
epochs = 1

[defaults.grid]
learning_rate = [3.0, 1.0, 0.3, 0.1]

[arms.sgd]
rule = "sgd"

[confirmation]
seeds = [1, 2]

[resources]
workers = 2
keep_weights = false
"#;

/// What a report says of seeds that came later.
const ADDED_SEEDS: &str = "Seeds that are added after a look at the results";

/// Two arms, six settings, four seeds: 40 trials. The settings that are new train next to nothing.
fn forty() -> String {
    let more = TWELVE
        .replace("0.3, 0.1]", "0.3, 0.1, 1e-9, 1e-10]")
        .replace("seeds = [1, 2]", "seeds = [1, 2, 3, 4]");
    more.replace(
        "rule = \"sgd\"",
        "rule = \"sgd\"\n\n[arms.heavy]\nrule = \"sgd\"\nmomentum = 0.5",
    )
}

fn write(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("sweep.toml");
    std::fs::write(&path, text).expect("it can be written");
    path
}

fn extend(words: &[&str], run: &Path) -> Output {
    let mut command = lawn();
    command
        .arg("sweep")
        .args(words)
        .arg("--extend")
        .arg("--json");
    if !words.iter().any(|word| Path::new(word) == run) {
        command.arg("--out").arg(run);
    }
    command.output().expect("lawn starts")
}

/// The events of a kind that a command printed.
fn events(output: &Output, kind: &str) -> Vec<serde_json::Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let all = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event a line"));
    all.filter(|event: &serde_json::Value| event["event"] == kind)
        .collect()
}

/// By trial of the run, its outcome file and when it was written.
fn outcome_files(run: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let trials = std::fs::read_dir(run.join("trials")).expect("there are trials");
    trials
        .map(|trial| trial.expect("an entry").path().join("outcome.json"))
        .filter(|path| path.exists())
        .map(|path| {
            let about = std::fs::metadata(&path).expect("it is there");
            let bytes = std::fs::read(&path).expect("it is readable");
            (path, (bytes, about.modified().expect("a time")))
        })
        .collect()
}

#[test]
fn twelve_trials_grow_to_forty_and_none_is_trained_twice() {
    let (kept, run) = folder();
    let first = sweep(&write(kept.path(), TWELVE), Some(&run));
    assert!(first.status.success(), "{}", said(&first));
    let before = outcome_files(&run);
    assert_eq!(before.len(), 12);

    let file = write(kept.path(), &forty());
    // Without being asked for, nothing is added, and the answer says what would be.
    let refused = sweep(&file, Some(&run));
    assert_eq!(refused.status.code(), Some(2));
    let text = said(&refused);
    assert!(
        text.contains("--extend adds them to it: 32 trials more, 8 stay"),
        "{text}"
    );
    let shown = lawn()
        .arg("sweep")
        .arg(&file)
        .args(["--extend", "--dry-run", "--out"])
        .arg(&run)
        .output()
        .expect("lawn starts");
    assert!(said(&shown).contains("32 trials more, 8 stay as they are, 4 are kept apart"));
    let plan = Plan::read(&RunDir::new(&run)).expect("it can be read");
    assert_eq!(plan.trials.len(), 12, "nothing has changed");

    let grown = extend(&[file.to_str().expect("text")], &run);
    assert!(grown.status.success(), "{}", said(&grown));
    let told = &events(&grown, "extended")[0];
    assert_eq!((&told["before"], &told["over"]), (&12.into(), &12.into()));
    assert_eq!((&told["kept"], &told["added"]), (&8.into(), &32.into()));
    // 8 settings stay, and the choice among them is the same again, so that the 4 confirmations
    // of it are: 28 are left to train.
    let started = events(&grown, "trial-started");
    assert_eq!(started.len(), 28);
    let after = outcome_files(&run);
    assert_eq!(after.len(), 44, "the 40, and 4 of the plan before");
    for (path, there) in &before {
        assert_eq!(
            after.get(path),
            Some(there),
            "{} was written again",
            path.display()
        );
    }

    // What it comes to is what the larger sweep comes to by itself.
    let (_kept, whole) = folder();
    let output = sweep(&file, Some(&whole));
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(timeless(&run), timeless(&whole));

    // The plan says what was added when, and the report does.
    let dir = RunDir::new(&run);
    let plan = Plan::read(&dir).expect("it can be read");
    assert_eq!(plan.trials.len(), 40);
    assert_eq!(plan.history.len(), 1);
    let changes = plan.history[0].changes.join("\n");
    for part in [
        "confirmation.seeds: [1,2] there, [1,2,3,4] now",
        "arms.heavy.rule",
    ] {
        assert!(changes.contains(part), "{part:?} is not in: {changes}");
    }
    let report = std::fs::read_to_string(run.join("report/report.html")).expect("a report");
    assert!(report.contains("32 trials were added when 12 of 12 were over"));
    assert!(report.contains(ADDED_SEEDS));
    let adopted = plan.trials.iter().filter(|trial| {
        let file = TrialFile::read(&dir.trial(&trial.id)).expect("it can be read");
        file.is_some_and(|file| file.adopted_from.is_some())
    });
    assert_eq!(adopted.count(), 4);

    // The file is the plan's now, and there is nothing left to do.
    let again = sweep(&file, Some(&run));
    assert!(again.status.success(), "{}", said(&again));
    let again = extend(&[file.to_str().expect("text")], &run);
    assert!(events(&again, "extended").is_empty() && events(&again, "trial-started").is_empty());
    // The earlier file would take something away.
    let smaller = extend(&[write(kept.path(), TWELVE).to_str().expect("text")], &run);
    assert_eq!(smaller.status.code(), Some(2));
    let text = said(&smaller);
    for part in [
        "does not extend it",
        "arms.heavy: there, and gone now",
        "confirmation.seeds: [1,2,3,4] there, [1,2] now",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn a_better_setting_is_chosen_and_the_confirmations_of_the_old_one_are_kept_apart() {
    let (kept, run) = folder();
    let poor = TWELVE
        .replace("[3.0, 1.0, 0.3, 0.1]", "[1e-9, 1e-10]")
        .replace("batch_sizes = [32, 64]", "batch_sizes = [32]");
    let first = sweep(&write(kept.path(), &poor), Some(&run));
    assert!(first.status.success(), "{}", said(&first));
    let dir = RunDir::new(&run);
    let frozen = |dir: &RunDir| {
        let frozen = Frozen::read(dir)
            .expect("it can be read")
            .expect("it is chosen");
        frozen.cells[0].tuned["learning_rate"].clone()
    };
    let poor_rate = frozen(&dir);
    let before = outcome_files(&run);

    // Beside the run itself its own file is meant.
    let set = "defaults.grid.learning_rate=[3.0,1e-9,1e-10]";
    let place = run.to_str().expect("text");
    let grown = extend(&[place, "--set", set], &run);
    assert!(grown.status.success(), "{}", said(&grown));
    assert_eq!(events(&grown, "extended")[0]["retired"], 2);
    // One setting, and two seeds of the choice.
    assert_eq!(events(&grown, "trial-started").len(), 3);
    assert_eq!(frozen(&dir), 3.0);
    assert_eq!(
        frozen(&dir.earlier(1)),
        poor_rate,
        "the earlier choice is kept"
    );
    let after = outcome_files(&run);
    assert!(
        before
            .iter()
            .all(|(path, there)| after.get(path) == Some(there))
    );
    let plan = Plan::read(&dir).expect("it can be read");
    let retired = plan.retired(&dir).expect("it can be read");
    // One that left the plan is shown by its id, as any other.
    let id = &retired[0].trial.id;
    for name in [&id[..], &id[..8]] {
        for words in [&["--show"][..], &["--log"], &[]] {
            let output = lawn().args(["trials", place, name]).args(words).output();
            let output = output.expect("lawn starts");
            assert!(
                output.status.success(),
                "{name} {words:?}: {}",
                said(&output)
            );
            assert!(said(&output).contains(&id[..8]), "{}", said(&output));
        }
    }
    let shown = lawn().args(["trials", place, id, "--show"]).output();
    let shown = said(&shown.expect("lawn starts"));
    for part in ["of an earlier plan", "with extension 1"] {
        assert!(shown.contains(part), "{part:?} is not in: {shown}");
    }
    for name in [&id[..], &id[..8]] {
        let retry = lawn().args(["retry", place, "--trial", name]).output();
        let retry = retry.expect("lawn starts");
        assert_eq!(retry.status.code(), Some(2), "{}", said(&retry));
        let told = format!("trial {id} left the plan with extension 1");
        assert!(said(&retry).contains(&told), "{}", said(&retry));
    }
    let unknown = lawn().args(["trials", place, "ffff0000ffff0000"]).output();
    assert_eq!(unknown.expect("lawn starts").status.code(), Some(2));
    let stages: Vec<Stage> = retired.iter().map(|one| one.trial.stage).collect();
    assert_eq!(stages, [Stage::Confirm; 2]);
    assert_eq!(
        timeless(&run).trials.len(),
        5,
        "they are no part of the results"
    );
    let report = std::fs::read_to_string(run.join("report/report.html")).expect("a report");
    assert!(report.contains("The run was extended") && !report.contains(ADDED_SEEDS));
}

#[test]
fn a_kill_before_the_new_plan_is_whole_leaves_the_old_one() {
    let (kept, run) = folder();
    let file = write(kept.path(), TWELVE);
    let first = sweep(&file, Some(&run));
    assert!(first.status.success(), "{}", said(&first));
    let dir = RunDir::new(&run);
    let (old, frozen) = (std::fs::read(dir.plan()), Frozen::read(&dir));
    let expected = timeless(&run);

    // All that is done before the rename of plan.json.
    let text = forty();
    let there = Plan::read(&dir).expect("it can be read");
    let sweep_now = lawn_bench::config::parse("forty.toml", &text);
    let now = Plan::new(
        sweep_now.unwrap_or_else(|error| panic!("{error}")),
        there.data.clone(),
    );
    let larger = write(kept.path(), &text);
    now.extend(&there, &dir, &larger, &text, 12)
        .expect("it grows");
    let trials = std::fs::read(dir.earlier(1).planned_trials()).expect("it is kept");
    std::fs::write(dir.planned_trials(), trials).expect("it can be written");
    std::fs::write(dir.plan(), old.as_ref().expect("a plan")).expect("it can be written");
    assert!(Frozen::read(&dir).expect("it can be read").is_none());

    // The old plan goes on, and chooses the same again from what is there.
    let again = sweep(&run, None);
    assert!(again.status.success(), "{}", said(&again));
    assert_eq!(timeless(&run), expected);
    let chosen = Frozen::read(&dir).expect("it can be read");
    assert_eq!(chosen, frozen.expect("it could be read"));
    // And the same command extends it.
    let grown = extend(&[larger.to_str().expect("text")], &run);
    assert!(grown.status.success(), "{}", said(&grown));
    assert_eq!(events(&grown, "trial-started").len(), 28);
    let plan = Plan::read(&dir).expect("it can be read");
    assert_eq!((plan.trials.len(), plan.history.len()), (40, 1));
    let endings = outcomes::read(&dir, &plan).expect("it can be read").endings;
    assert!(endings.iter().all(Option::is_some));
}

#[test]
fn what_is_changed_or_taken_away_is_no_extension() {
    let (kept, run) = folder();
    let short = TWELVE.replace("[3.0, 1.0, 0.3, 0.1]", "[1.0]");
    let first = sweep(&write(kept.path(), &short), Some(&run));
    assert!(first.status.success(), "{}", said(&first));
    for (from, to, said_of) in [
        ("epochs = 1", "epochs = 2", "budget.epochs: 1 there, 2 now"),
        ("seeds = [1, 2]", "seeds = [2, 3]", "confirmation.seeds"),
        (
            "users = 60",
            "users = 61",
            "tasks.feedback.generated.users: 60 there, 61 now",
        ),
        ("[1.0]", "[0.5]", "arms.sgd.grid.learning_rate"),
        ("[32, 64]", "[64, 128]", "batch_sizes"),
        // The learning rates and the drop go by the reference, and a smaller size would move it.
        (
            "[32, 64]",
            "[16, 32, 64]",
            "reference_batch_size: 32 there, 16 now; where a file does not give it, it is the smallest batch size: --set reference_batch_size=32 keeps it",
        ),
    ] {
        assert!(short.contains(from), "{from}");
        let file = write(kept.path(), &short.replace(from, to));
        let refused = extend(&[file.to_str().expect("text")], &run);
        assert_eq!(refused.status.code(), Some(2), "{to}: {}", said(&refused));
        assert!(said(&refused).contains(said_of), "{to}: {}", said(&refused));
    }
    assert!(!run.join("earlier").exists());
}

#[test]
fn an_extension_needs_a_run_and_gives_it_no_other_name() {
    let (kept, run) = folder();
    let short = TWELVE.replace("[3.0, 1.0, 0.3, 0.1]", "[1.0]");
    let file = write(kept.path(), &short);
    let file = file.to_str().expect("text");
    for words in [&[][..], &["--dry-run"]] {
        let refused = extend(&[&[file][..], words].concat(), &run);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        let text = said(&refused);
        for part in [
            format!(
                "--extend: {} holds no run that could be extended",
                run.display()
            ),
            "the same command without it begins one there".to_owned(),
        ] {
            assert!(text.contains(&part), "{part:?} is not in: {text}");
        }
        assert!(!run.exists(), "nothing has begun");
    }
    let first = sweep(Path::new(file), Some(&run));
    assert!(first.status.success(), "{}", said(&first));
    let place = run.to_str().expect("text");
    let more = "confirmation.seeds=[1,2,3]";
    for words in [
        vec![place, "--set", "name=b"],
        vec![file, "--set", "name=b"],
        vec![place, "--set", "name=b", "--set", more],
    ] {
        let refused = extend(&words, &run);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        let kept = "name: \"grows\" there, \"b\" now; a run keeps the name it has";
        assert!(said(&refused).contains(kept), "{}", said(&refused));
    }
    // To go on with it under another name changes nothing, which is said.
    let other = write(kept.path(), &short.replace("\"grows\"", "\"b\""));
    let again = sweep(&other, Some(&run));
    assert!(again.status.success(), "{}", said(&again));
    let text = said(&again);
    assert!(
        text.contains("holds the run `grows`, which keeps its name: `b` is not taken"),
        "{text}"
    );
    // What changes no result is taken, though nothing is added.
    let wider = extend(&[place, "--set", "report.width=icml"], &run);
    assert!(wider.status.success(), "{}", said(&wider));
    let plan = Plan::read(&RunDir::new(&run)).expect("it can be read");
    assert_eq!(plan.sweep.width, lawn_analysis::Width::Icml);
    assert_eq!(plan.sweep.name, "grows");
}

#[test]
fn values_in_another_order_are_no_extension() {
    let plan = |text: &str| {
        let sweep = lawn_bench::config::parse("order.toml", text);
        Plan::new(
            sweep.unwrap_or_else(|error| panic!("{error}")),
            BTreeMap::new(),
        )
    };
    let there = plan(TWELVE);
    let rates = "[3.0, 1.0, 0.3, 0.1]";
    let reversed = TWELVE.replace(rates, "[0.1, 0.3, 1.0, 3.0]");
    let expected =
        "order of arms.sgd.grid.learning_rate: [3.0,1.0,0.3,0.1] there, [0.1,0.3,1.0,3.0] now";
    for text in [
        reversed.clone(),
        reversed.replace("seeds = [1, 2]", "seeds = [1, 2, 3]"),
    ] {
        let refused = Growth::new(&there, &plan(&text)).expect_err("it is no growth");
        assert_eq!(refused, [expected]);
    }
    // Nor are they where another value comes along.
    let more = TWELVE.replace(rates, "[0.1, 0.3, 1.0, 3.0, 9.0]");
    let refused = Growth::new(&there, &plan(&more)).expect_err("it is no growth");
    assert!(refused[0].contains("learning_rate"), "{refused:?}");
    for longer in [
        "[3.0, 1.0, 0.3, 0.1, 0.03]",
        "[9.0, 3.0, 1.0, 0.5, 0.3, 0.1]",
    ] {
        let growth = Growth::new(&there, &plan(&TWELVE.replace(rates, longer)));
        assert!(growth.is_ok(), "{longer}: {growth:?}");
    }
    // One value more may stand anywhere among those that are there.
    let more = TWELVE.replace(rates, "[3.0, 1.0, 0.3, 0.2, 0.1]");
    let growth = Growth::new(&there, &plan(&more)).expect("it adds a value");
    // A setting of two batch sizes, and four confirmations that follow the choice.
    assert_eq!((growth.kept, growth.added), (8, 6));
}

#[test]
fn more_settings_of_a_halving_keep_its_first_rung_and_rank_anew() {
    const HALVING: &str = include_str!("sweeps/halving.toml");
    let plan = |text: &str| {
        let sweep = lawn_bench::config::parse("halving.toml", text);
        Plan::new(
            sweep.unwrap_or_else(|error| panic!("{error}")),
            BTreeMap::new(),
        )
    };
    let there = plan(HALVING);
    let now = plan(&HALVING.replace("settings = 9", "settings = 12"));
    let growth = Growth::new(&there, &now).expect("it only adds");
    // Four cells of nine settings; what came after is ranked among more.
    assert_eq!((growth.kept, growth.added), (36, now.trials.len() - 36));
    assert_eq!(growth.retired.len(), 24);
    let retired = growth.retired.iter().map(|&index| &there.trials[index]);
    assert!(
        retired
            .clone()
            .all(|trial| trial.rung > 0 || trial.stage == Stage::Confirm)
    );
    // Fewer settings take some away.
    let taken = Growth::new(&now, &there).expect_err("three are missing");
    assert!(
        taken
            .iter()
            .any(|line| line.contains("settings: 12 there, 9 now")),
        "{taken:?}"
    );
}

/// Distances are measured from the freeze of the arms, where a file does not say it, and every trial has
/// that in its id: what arrives does not change it.
#[test]
fn the_first_arm_with_lawn_joins_a_run_of_baselines() {
    let (folder, run) = folder();
    let file = write(folder.path(), TWELVE);
    let output = sweep(&file, Some(&run));
    assert!(output.status.success(), "{}", said(&output));
    let before = outcome_files(&run);
    let lawn_of = |name: &str, part: f64| {
        format!(
            "[arms.{name}]\nrule = \"sgd\"\nlawn = true\nfree_fraction = {part}\n\n[confirmation]"
        )
    };
    let one = TWELVE.replace("[confirmation]", &lawn_of("sgd-lawn", 0.5));
    let two = one.replace("[confirmation]", &lawn_of("sgd-late", 0.75));
    for text in [one, two] {
        let file = write(folder.path(), &text);
        let file = file.to_str().expect("UTF-8");
        let output = extend(&[file], &run);
        assert!(output.status.success(), "{}", said(&output));
        // The same file goes on with it.
        let output = sweep(Path::new(file), Some(&run));
        assert!(output.status.success(), "{}", said(&output));
    }
    let after = outcome_files(&run);
    for (path, file) in before {
        assert_eq!(after[&path], file, "{} was trained again", path.display());
    }
}
