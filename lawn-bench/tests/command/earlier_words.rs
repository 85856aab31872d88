//! Sweep files that say `synthetic` or `procedural` are those that say `generated`.

use std::collections::BTreeMap;

use crate::common::faults::file;
use lawn_bench::plan::Plan;

const TASKS: [(&str, &str); 2] = [
    (
        "kind = \"ncf\"\ndata = \"generated\"\ngenerated = { users = 120, items = 220 }\n",
        "synthetic",
    ),
    (
        "kind = \"image\"\ndata = \"generated\"\ndepth = 8\ngenerated = { train = 500 }\n",
        "procedural",
    ),
];

fn sweep(task: &str) -> String {
    format!(
        "name = \"words\"\nbatch_sizes = [64]\n[tasks.one]\n{task}[budget]\nepochs = 2\n\
         [arms.sgd]\nrule = \"sgd\"\nlearning_rate = 0.1\n[confirmation]\nseeds = [1, 2]\n"
    )
}

#[test]
fn they_make_the_same_trials_and_are_told_of() {
    for (now, then) in TASKS {
        let [now, before] =
            [now.to_owned(), now.replace("generated", then)].map(|task| file(sweep(&task), &[]));
        let ids = |file: &lawn_bench::config::SweepFile| -> Vec<String> {
            let plan = Plan::new(file.sweep().expect("it is right"), BTreeMap::new());
            plan.trials.iter().map(|trial| trial.id.clone()).collect()
        };
        assert_eq!(ids(&now), ids(&before));
        assert_eq!(now.notes().expect("it is right"), [""; 0]);
        let notes = before.notes().expect("it is right");
        let expected = [
            format!("task `one`: `data = \"{then}\"` is called `data = \"generated\"` now"),
            format!("task `one`: `{then}` is called `generated` now"),
        ];
        assert_eq!(notes.len(), 2, "{notes:?}");
        for (note, expected) in notes.iter().zip(expected) {
            assert!(note.starts_with(&expected), "{notes:?}");
        }

        // Explained in the words of today, with the same values marked as given.
        let text = before.explain().expect("it is right");
        assert_eq!(text, now.explain().expect("it is right"));
        assert!(!text.contains(then), "{text}");
        assert!(text.contains("[tasks.one.generated]\n"), "{text}");
        assert_eq!(ids(&file(text, &[])), ids(&now));
    }
}

#[test]
fn an_error_points_at_the_word_that_is_written() {
    for word in ["generated", "synthetic"] {
        let text = sweep(&format!(
            "kind = \"ncf\"\n{word} = {{ users = 120, items = 20 }}\n"
        ));
        let error = file(text.clone(), &[]).sweep().expect_err("too few items");
        assert!(
            text.lines()
                .nth(error.line - 1)
                .unwrap_or_default()
                .contains(word)
        );
        assert!(
            error.to_string().contains("`generated.items` is 20"),
            "{error}"
        );
    }
}

#[test]
fn what_is_set_takes_the_place_of_what_the_file_calls_by_the_other_name() {
    let table = "\n[tasks.one.WORD]\nusers = 120\nitems = 220\n";
    let inline = "WORD = { users = 120, items = 220 }\n";
    for (form, words) in [
        (inline, ["synthetic", "generated"]),
        (table, ["synthetic", "generated"]),
        (inline, ["generated", "synthetic"]),
        (table, ["generated", "synthetic"]),
    ] {
        let [there, set] = words;
        let text = |users: u32| {
            let form = form
                .replace("WORD", there)
                .replace("120", &users.to_string());
            sweep(&format!("kind = \"ncf\"\n{form}"))
        };
        let set = format!("tasks.one.{set}.users=150");
        let both = file(text(120), &[&set]);
        let read = both
            .sweep()
            .unwrap_or_else(|error| panic!("{set}: {error}"));
        assert_eq!(read, file(text(150), &[]).sweep().expect("it is right"));
        // The text that a run keeps says the same.
        let written = both
            .written()
            .unwrap_or_else(|error| panic!("{set}: {error}"));
        assert_eq!(
            file(written.clone(), &[]).sweep().ok(),
            Some(read),
            "{written}"
        );
    }
}

#[test]
fn a_key_under_both_of_its_names_is_refused_by_both() {
    let text = sweep("kind = \"ncf\"\nsynthetic = { users = 120 }\ngenerated = { items = 220 }\n");
    let error = file(text.clone(), &[])
        .sweep()
        .expect_err("it is there twice");
    for said in [
        "task `one` has both `synthetic` and `generated`",
        "keep `generated`",
    ] {
        assert!(error.to_string().contains(said), "{error}");
    }
    let line = text.lines().nth(error.line - 1).unwrap_or_default();
    assert!(line.starts_with("synthetic"), "{error}");
}

#[test]
fn what_is_allowed_has_no_earlier_words() {
    for (task, then) in TASKS {
        let text = sweep(&format!("{task}colour = 3\n"));
        let error = file(text, &[]).sweep().expect_err("it has no colour");
        assert_eq!(error.message, "unknown field `colour`");
        assert_eq!(error.allowed.first().map(String::as_str), Some("data"));
        assert!(error.allowed.iter().any(|word| word == "generated"));
        assert!(!error.to_string().contains(then), "{error}");
        let shown = format!(
            "unknown field `colour`; allowed: {}",
            error.allowed.join(", ")
        );
        assert!(error.to_string().contains(&shown), "{error}");
    }
}
