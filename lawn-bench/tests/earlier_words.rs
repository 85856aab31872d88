//! Sweep files that say `synthetic` or `procedural` are those that say `generated`.

#[path = "common/faults.rs"]
mod faults;

use std::collections::BTreeMap;

use faults::file;
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
        let expected = format!("task `one` says `{then}`, which is called `generated` now");
        assert_eq!(notes.len(), 1);
        assert!(notes[0].starts_with(&expected), "{notes:?}");

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
