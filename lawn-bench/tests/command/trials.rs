//! `lawn trials`, `lawn diff` and `--only`: trials by what they are, runs side by side, a part of
//! a sweep now and the rest later.

use std::path::Path;
use std::process::Output;

use lawn_analysis::records::Stage;

use crate::common::{folder, lawn, said, sweep, timeless};

/// Two tasks, two arms, two settings and two seeds: 16 trials.
const SWEEP: &str = r#"
name = "parts"
batch_sizes = [64]

[tasks.one]
kind = "ncf"
model = "gmf"
generated = { users = 60, items = 220, interactions = 10 }

[tasks.two]
kind = "ncf"
model = "gmf"
generated = { users = 70, items = 220, interactions = 10 }

[budget]
epochs = 1

[defaults.grid]
learning_rate = [1.0, 0.1]

[arms.sgd]
rule = "sgd"

[arms.heavy]
rule = "sgd"
momentum = 0.5

[confirmation]
seeds = [1, 2]

[resources]
workers = 2
keep_weights = false
"#;

fn run(words: &[&str]) -> Output {
    lawn().args(words).output().expect("lawn starts")
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("it is text")
}

#[test]
fn one_arm_of_one_task_runs_now_and_the_rest_later_with_nothing_trained_twice() {
    let (kept, part) = folder();
    let file = kept.path().join("parts.toml");
    std::fs::write(&file, SWEEP).expect("it can be written");
    let only = ["--only", "heavy", "--only", "tasks.two"];
    let first = ["sweep", text(&file), "--out", text(&part), "--json"];
    let output = run(&[&first[..], &only].concat());
    assert!(output.status.success(), "{}", said(&output));
    let events: Vec<serde_json::Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event a line"))
        .collect();
    let last = events.iter().rfind(|event| event["event"] == "trial-ended");
    let last = last.expect("trials ended");
    assert_eq!((&last["all_done"], &last["all"]), (&4.into(), &4.into()));
    let report = events.last().expect("an end");
    assert_eq!(
        (&report["event"], &report["left"]),
        (&"report".into(), &12.into())
    );
    let records = timeless(&part);
    let is_asked = |trial: &lawn_analysis::records::TrialRow| {
        (trial.task.as_str(), trial.arm.as_str()) == ("two", "heavy")
    };
    assert_eq!(records.trials.len(), 4);
    assert!(records.trials.iter().all(is_asked));
    let confirmed = records
        .trials
        .iter()
        .filter(|trial| trial.stage == Stage::Confirm);
    assert_eq!(
        confirmed.count(),
        2,
        "its setting is chosen without the others"
    );
    // What was asked for is in the provenance.
    let provenance = std::fs::read_to_string(part.join("provenance.json")).expect("it is there");
    assert!(provenance.contains("\"--only\"") && provenance.contains("\"tasks.two\""));

    let rest = run(&["sweep", text(&part), "--json"]);
    assert!(rest.status.success(), "{}", said(&rest));
    let started = said(&rest).matches("\"trial-started\"").count();
    assert_eq!(started, 12);
    let (_kept, whole) = folder();
    let output = sweep(&file, Some(&whole));
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(timeless(&part), timeless(&whole));

    // Two runs of one file are the same, though one was run in parts.
    let same = run(&["diff", text(&part), text(&whole)]);
    assert!(same.status.success(), "{}", said(&same));
    assert!(
        said(&same).contains("16 came to the same"),
        "{}",
        said(&same)
    );
    let wrong = run(&["sweep", text(&part), "--only", "lamb"]);
    assert_eq!(wrong.status.code(), Some(2));
    let allowed = "allowed: arms.sgd, arms.heavy, tasks.one, tasks.two";
    assert!(said(&wrong).contains(allowed), "{}", said(&wrong));
    let plan = ["plan", text(&file), "--no-calibrate", "--only", "one"];
    let planned = said(&run(&plan));
    assert!(
        planned.contains("8 trials") && !planned.contains("two"),
        "{planned}"
    );

    trials_are_found_by_what_they_are(&whole);
    runs_that_differ_say_where(&file, &whole);
}

fn trials_are_found_by_what_they_are(run_dir: &Path) {
    let dir = text(run_dir);
    let all = json(&run(&["trials", dir, "--json"]));
    let all = all.as_array().expect("a list");
    assert_eq!(all.len(), 16);
    let listed = said(&run(&["trials", dir]));
    assert!(
        listed.lines().count() == 18 && listed.ends_with("16 trials\n"),
        "{listed}"
    );
    let narrowed = [
        "--arm",
        "sgd",
        "--task",
        "one",
        "--stage",
        "confirm",
        "--outcome",
        "ok",
    ];
    let found = json(&run(&[&["trials", dir, "--json"][..], &narrowed].concat()));
    let found = found.as_array().expect("a list");
    assert_eq!(found.len(), 2);
    for trial in found {
        assert!(
            trial["test"].is_f64() && trial["setting"].is_u64(),
            "{trial}"
        );
        assert_eq!(trial["state"], "ok");
    }
    let none = run(&["trials", dir, "--json", "--outcome", "waiting"]);
    assert_eq!(json(&none).as_array().map(Vec::len), Some(0));
    assert!(none.status.success() && said(&none).contains("no trial is all that is asked for"));
    // What no trial is of is no answer, but a mistake.
    for (option, value, told) in [
        ("--seed", "99", "no trial is of seed 99; allowed: 0, 1, 2"),
        ("--setting", "7", "no trial is of setting 7; allowed: 0, 1"),
        (
            "--arm",
            "adam",
            "no arm is called `adam`; allowed: sgd, heavy",
        ),
        (
            "--task",
            "three",
            "no task is called `three`; allowed: one, two",
        ),
        ("--batch", "7", "no batch size is 7; allowed: 64"),
    ] {
        let refused = run(&["trials", dir, option, value]);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(said(&refused).contains(told), "{}", said(&refused));
    }

    // By the beginning of its id, and by its index.
    let last = &all[15];
    let id = last["trial"].as_str().expect("an id");
    let shown = said(&run(&["trials", dir, &id[..9], "--show"]));
    for part in [
        id,
        "test hr@10          0.",
        "validation hr@10    0.",
        "learning_rate",
        "outcome.json (",
        "batch size",
    ] {
        assert!(shown.contains(part), "{part:?} is not in: {shown}");
    }
    // Three digits that are no index are the beginning of an id; the ids say which there is.
    let ids: Vec<&str> = all
        .iter()
        .filter_map(|trial| trial["trial"].as_str())
        .collect();
    let digits = |id: &str| -> String { id.chars().take_while(char::is_ascii_digit).collect() };
    let is_number = |id: &&&str| digits(id).len() > 2 && !id.starts_with('0');
    match ids.iter().find(is_number) {
        Some(id) => {
            let found = json(&run(&["trials", dir, &digits(id), "--json"]));
            assert_eq!(found[0]["trial"], *id);
        }
        None => eprintln!("skipped: no id begins with three digits"),
    }
    let letter =
        ('a'..='f').find(|&first| ids.iter().filter(|id| id.starts_with(first)).count() > 1);
    if let Some(letter) = letter {
        let several = run(&["trials", dir, &letter.to_string()]);
        assert_eq!(several.status.code(), Some(2));
        assert!(said(&several).contains("(index "), "{}", said(&several));
    }

    let narrow = said(&run(&["status", dir, "--batch", "64"]));
    assert!(
        narrow.contains("leaderboard of one at batch 64"),
        "{narrow}"
    );
    let none = run(&["status", dir, "--batch", "7"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(said(&none).contains("allowed: 64"), "{}", said(&none));

    let logged = json(&run(&["trials", dir, "15", "--log", "--json"]));
    assert_eq!(logged[0]["trial"], id);
    assert_eq!(logged[0]["records"].as_array().map(Vec::len), Some(1));
    let logged = said(&run(&["trials", dir, "15", "--log"]));
    assert!(
        logged.contains("train loss") && logged.contains("validation hr@10"),
        "{logged}"
    );
    for (words, said_of) in [
        (["99", "--show"], "no trial is `99`; an index is 0 to 15"),
        (["--arm", "lamb"], "allowed: sgd, heavy"),
        (["--batch", "7"], "allowed: 64"),
        (["--outcome", "lost"], "preempted, running, waiting"),
    ] {
        let refused = run(&[&["trials", dir][..], &words].concat());
        assert_eq!(refused.status.code(), Some(2), "{words:?}");
        assert!(said(&refused).contains(said_of), "{}", said(&refused));
    }
}

fn runs_that_differ_say_where(file: &Path, first: &Path) {
    let (_kept, second) = folder();
    let sets = [
        "--set",
        "confirmation.seeds=[2,3]",
        "--only",
        "sgd",
        "--only",
        "one",
    ];
    let words = ["sweep", text(file), "--out", text(&second), "--quiet"];
    let output = run(&[&words[..], &sets].concat());
    assert!(output.status.success(), "{}", said(&output));
    let found = run(&["diff", text(first), text(&second), "--json"]);
    assert_eq!(found.status.code(), Some(7), "{}", said(&found));
    let found = json(&found);
    assert_eq!(found["settings"][0]["key"], "confirmation.seeds");
    assert_eq!(
        (&found["in_both"], &found["alone"]),
        (&12.into(), &serde_json::json!([4, 4]))
    );
    // Two tuning trials and the seed that both have.
    assert_eq!(
        (&found["same_results"], &found["over_alone"]),
        (&3.into(), &serde_json::json!([9, 0]))
    );
    assert_eq!(
        (
            &found["cells"][0]["seeds"],
            &found["cells"][0]["difference"]
        ),
        (&1.into(), &0.0.into())
    );
    let table = said(&run(&["diff", text(first), text(&second)]));
    for part in [
        "confirmation.seeds: [1,2] | [2,3]",
        "4/4",
        "1 (2, 2)",
        "+0.0000",
        "learning_rate",
    ] {
        assert!(table.contains(part), "{part:?} is not in: {table}");
    }

    // The same trial with other numbers is what nobody wants: it is named.
    let trials = json(&run(&[
        "trials",
        text(&second),
        "--outcome",
        "ok",
        "--json",
    ]));
    let path = trials[0]["folder"].as_str().expect("a folder").to_owned() + "/outcome.json";
    let ending = std::fs::read_to_string(&path).expect("it is there");
    let mut ending: serde_json::Value = serde_json::from_str(&ending).expect("it is JSON");
    ending["summary"]["train_loss"] = 9.5.into();
    let content = ending.as_object_mut().expect("an object");
    content.remove("checksum");
    content.remove("schema");
    lawn_bench::run::document::write(Path::new(&path), 2, &ending).expect("it can be written");
    let found = run(&["diff", text(first), text(&second)]);
    let id = trials[0]["trial"].as_str().expect("an id");
    assert!(
        said(&found).contains(&format!("{id} (index 0, 0)")),
        "{}",
        said(&found)
    );
    let nothing = run(&["diff", text(first), text(file)]);
    assert_eq!(nothing.status.code(), Some(2), "{}", said(&nothing));
}

/// When the norms were fixed, and that a condition for it was never met.
#[test]
fn a_trial_says_when_its_norms_were_fixed_and_by_what() {
    let (kept, out) = folder();
    let file = kept.path().join("freezes.toml");
    let arms = |condition: &str| {
        format!(
            "rule = \"sgd\"\nlearning_rate = 0.1\nlawn = true\nfree_fraction = 0.5\n\
             freeze_when = {{ train_loss = {condition} }}\n"
        )
    };
    let text_of = format!(
        "name = \"freezes\"\nbatch_sizes = [64]\nbudget.steps = 8\nevaluation.every = {{ steps = 2 }}\n\
         confirmation.seeds = [1]\n[tasks.one]\nkind = \"ncf\"\nmodel = \"gmf\"\n\
         generated = {{ users = 60, items = 220, interactions = 10 }}\n\
         [arms.met]\n{}[arms.never]\n{}[arms.free]\nrule = \"sgd\"\nlearning_rate = 0.1\n",
        arms("1e9"),
        arms("1e-9"),
    );
    std::fs::write(&file, text_of).expect("it can be written");
    let output = run(&["sweep", text(&file), "--out", text(&out)]);
    assert!(output.status.success(), "{}", said(&output));
    let shown = |index: &str| said(&run(&["trials", text(&out), index, "--show"]));
    let has = |index: &str, parts: &[&str]| {
        let shown = shown(index);
        for part in parts {
            assert!(shown.contains(part), "{part:?} is not in: {shown}");
        }
    };
    has("0", &["freeze", "after step 2, by freeze_when"]);
    has(
        "1",
        &[
            "after step 4, at the end of the free phase",
            "freeze_when was never met: the freeze came after step 4",
        ],
    );
    assert!(!shown("2").contains("freeze  "), "{}", shown("2"));
    let listed = json(&run(&["trials", text(&out), "--json"]));
    let freezes: Vec<_> = (listed.as_array().expect("a list").iter())
        .map(|trial| trial["freeze"].clone())
        .collect();
    let freeze = |step: u64, by: &str| serde_json::json!({ "step": step, "by": by });
    let expected = [
        freeze(2, "condition"),
        freeze(4, "free-phase"),
        serde_json::Value::Null,
    ];
    assert_eq!(freezes, expected);
}

/// What was not asked for now may have failed earlier.
#[test]
fn only_ends_with_the_failures_of_what_it_asks_for() {
    let (kept, dir) = folder();
    let file = kept.path().join("parts.toml");
    let diverges = SWEEP
        .replace("[defaults.grid]\nlearning_rate = [1.0, 0.1]\n", "")
        .replace(
            "rule = \"sgd\"\n\n",
            "rule = \"sgd\"\nlearning_rate = 0.1\n\n",
        )
        .replace("momentum = 0.5", "momentum = 0.5\nlearning_rate = 1e30");
    std::fs::write(&file, diverges).expect("it can be written");
    let of = |only: &[&str]| {
        let words = ["sweep", text(&file), "--out", text(&dir)];
        run(&[&words[..], only].concat())
    };
    for (only, code) in [
        (&["--only", "heavy"][..], 3),
        (&["--only", "sgd"], 0),
        (&[], 3),
    ] {
        let output = of(only);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{only:?}: {}",
            said(&output)
        );
    }
}
