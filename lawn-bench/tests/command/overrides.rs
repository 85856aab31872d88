//! `--set KEY=VALUE` and `--unset KEY`: what changes a sweep file, and errors in it.

use crate::common::faults::{RIGHT, faulty, file};
use crate::common::{SMALL, lawn, said};

#[test]
fn errors_in_what_is_set_point_at_it() {
    let sets: &[(&str, usize, &str)] = &[
        (
            "budget.epochs=0",
            15,
            "budget.epochs must be 1 or more, not 0",
        ),
        ("budgt.epochs=3", 1, "did you mean `budget`?"),
        ("budget.epochs=many", 15, "expected a whole number"),
        (
            "resources.device=gpu",
            18,
            "unknown variant `gpu`; allowed: cpu, cuda, auto",
        ),
        ("name.first=3", 1, "`name` is text, it has no keys"),
        (
            "defaults.tune.learning_rate.max=1e-5",
            33,
            "must have its max above",
        ),
        ("=3", 1, "key"),
        ("budget", 7, "expected `=`"),
        ("", 1, "a value is set as KEY.KEY=VALUE"),
        ("budget={}", 8, "changes nothing"),
        ("arms={}", 6, "changes nothing"),
        // What is wrong stands in the file, and is right there without what is set.
        ("budget={epochs=8, steps=3}", 1, "must have one of epochs"),
        (
            "budget.steps=0",
            14,
            "budget.steps must be 1 or more, not 0",
        ),
        ("budget.epochs=2", 1, "below the budget of 2 epochs"),
    ];
    let mut faults = String::new();
    for (set, column, said) in sets {
        let error = file(RIGHT.into(), &["confirmation.seeds=[3, 4]", set])
            .sweep()
            .expect_err(set);
        assert_eq!(error.origin, "--set", "{error}");
        faults += &faulty(&error, (1, *column), &[said]).unwrap_or_default();
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn only_what_brought_an_error_into_the_file_is_blamed_for_it() {
    let error = |text: String, sets: &[&str]| file(text, sets).sweep().expect_err("it is wrong");
    let sets = ["name=\"x\"", "budget.epochs=2", "tuning.seed=5"];
    let blamed = error(RIGHT.into(), &sets);
    assert_eq!(blamed.origin, "--set");
    let shown = blamed.to_string();
    for part in [
        "| budget.epochs=2",
        "free_epochs = { min = 1, max = 4",
        "this does not go with it",
    ] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    assert!(!shown.contains("tuning.seed=5"), "{shown}");
    // Wrong in the file itself, whatever is set.
    let text = RIGHT.replace("max = 4", "max = 9");
    let own = error(text, &["tuning.seed=5"]);
    assert_ne!(own.origin, "--set", "{own}");
    // What is set mends one fault, and another was there before.
    let text = RIGHT.replace("epochs = 6", "epochs = 0");
    let text = text.replace(
        "contrasts = [{ baseline = \"adam\"",
        "contrasts = [{ baseline = \"x\"",
    );
    let own = error(text, &["budget.epochs=6"]);
    assert_ne!(own.origin, "--set", "{own}");
}

/// A net of another name, or an arm without LAWN: what the file says beside it is of the one that it had.
#[test]
fn keys_that_do_not_go_with_what_is_set_are_named_as_they_are_unset() {
    let more = RIGHT.replace("layers = [8, 4]", "layers = [8, 4]\ndropout = 0.5");
    for (text, set, keys) in [
        (
            RIGHT,
            "tasks.feedback.model=mf",
            &["tasks.feedback.layers"][..],
        ),
        (
            RIGHT,
            "tasks.feedback.model=mlp",
            &["tasks.feedback.factors"],
        ),
        (
            more.as_str(),
            "tasks.feedback.model=gmf",
            &["tasks.feedback.layers", "tasks.feedback.dropout"],
        ),
        (
            RIGHT,
            "arms.adam-lawn.lawn=false",
            &["arms.adam-lawn.tune.free_epochs"],
        ),
    ] {
        let error = file(text.into(), &[set]).sweep().expect_err(set);
        assert_eq!(error.origin, "--set", "{error}");
        let given: Vec<String> = keys.iter().map(|key| format!("--unset {key}")).collect();
        let take = match keys.len() {
            1 => "takes it",
            _ => "take them",
        };
        let help = format!("{} {take} out of the file", given.join(" "));
        assert_eq!(error.help.as_deref(), Some(help.as_str()), "{error}");
        assert!(error.to_string().contains(&help), "{error}");
        let unsets: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
        let rest = file(text.into(), &[set]).without(&unsets).sweep();
        rest.unwrap_or_else(|error| panic!("{set}: {error}"));
    }
    // No arm is taken out, and nothing of what another key says.
    for set in ["budget.epochs=2", "arms.adam-lawn.rule=adamm"] {
        let error = file(RIGHT.into(), &[set]).sweep().expect_err(set);
        let help = error.help.clone().unwrap_or_default();
        assert!(!help.contains("--unset"), "{set}: {help}");
    }
}

#[test]
fn of_keys_that_stand_for_one_another_the_one_that_is_set_stays() {
    use lawn_models::{Amount, FreePhase};
    let read = |text: &str, sets: &[&str]| {
        let file = file(text.into(), sets);
        let sweep = file
            .sweep()
            .unwrap_or_else(|error| panic!("{sets:?}: {error}"));
        let written = file.written().expect("it is a sweep");
        let again = lawn_bench::config::parse("sweep.toml", &written);
        let again = again.unwrap_or_else(|error| panic!("{sets:?}: {error}\n{written}"));
        assert_eq!(again, sweep, "{written}");
        sweep
    };
    let budget = |text: &str, sets: &[&str]| read(text, sets).budget;
    assert!(RIGHT.contains("[budget]\nepochs = 6\n"));
    let epochs = "free_epochs = { min = 1, max = 4, scale = \"integer\" }";
    assert!(RIGHT.contains(epochs));
    let text = RIGHT.replace(
        epochs,
        "free_fraction = { min = 0.1, max = 0.9, scale = \"linear\" }",
    );
    let inline = text.replace("[budget]\nepochs = 6\n", "");
    let inline = format!("budget = {{ epochs = 6 }}\n{inline}");
    for text in [&text, &inline] {
        assert_eq!(budget(text, &["budget.steps=300"]), Amount::Steps(300));
        assert_eq!(
            budget(text, &["budget.samples=90_000"]),
            Amount::Samples(90_000)
        );
        let both = ["budget.steps=300", "budget.epochs=8"];
        assert_eq!(budget(text, &both), Amount::Epochs(8), "the last one wins");
    }
    let every = ["evaluation.every.epochs=2", "evaluation.every.steps=30"];
    assert_eq!(read(&text, &every).evaluation.every, Amount::Steps(30));
    let from = [
        "diagnostics.distance_from.epochs=2",
        "diagnostics.distance_from.fraction=0.25",
    ];
    let from = read(&text, &from).diagnostics.distance_from;
    assert_eq!(from, Some(FreePhase::Fraction(0.25)));
    // An arm may have any name.
    let named = format!("{text}\n[arms.epochs]\nrule = \"sgd\"\n");
    let arms = file(named, &["arms.steps.rule=sgd"]).sweep();
    let arms = arms.unwrap_or_else(|error| panic!("{error}")).arms;
    let arms: Vec<_> = arms.iter().map(|arm| arm.name.as_str()).collect();
    assert!(
        arms.contains(&"epochs") && arms.contains(&"steps"),
        "{arms:?}"
    );
}

#[test]
fn a_table_of_another_name_takes_the_place_of_the_whole() {
    use lawn_models::TaskConfig;
    let text = "name = \"ads\"\nbatch_sizes = [64]\nbudget.epochs = 1\nconfirmation.seeds = [1]\n\
                arms.sgd = { rule = \"sgd\", learning_rate = 0.1 }\n\
                tasks.ads = { kind = \"ctr\", model = { name = \"dcn_v2\", width = 8, layers = [16] } }\n";
    for (set, expected) in [
        (
            "tasks.ads.model={name=\"deepfm\",width=4}",
            "{\"name\":\"deepfm\",\"width\":4",
        ),
        // Of the same name key by key.
        (
            "tasks.ads.model={name=\"dcn_v2\",width=4}",
            "\"layers\":[16]",
        ),
        ("tasks.ads.model.width=4", "\"layers\":[16]"),
    ] {
        let file = file(text.into(), &[set]);
        let sweep = file
            .sweep()
            .unwrap_or_else(|error| panic!("{set}: {error}"));
        let TaskConfig::Ctr(task) = &sweep.tasks[0].config else {
            panic!("it is one of clicks");
        };
        let model = serde_json::to_string(&task.model).expect("it is JSON");
        assert!(model.contains(expected), "{set}: {model}");
        let written = file.written().expect("it is a sweep");
        let again = lawn_bench::config::parse("sweep.toml", &written);
        assert_eq!(
            again.unwrap_or_else(|error| panic!("{error}")),
            sweep,
            "{written}"
        );
    }
}

#[test]
fn what_is_set_is_written_into_the_text_of_the_run() {
    let sets = [
        "budget.epochs=8",
        "arms.adam-lawn.tune.free_epochs.max=3",
        "report.margins.\"ndcg@10\"=0.01",
        "resources.device=auto",
    ];
    let file = file(RIGHT.replace("[budget]", "# so long\n[budget]"), &sets);
    let sweep = file.sweep().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(sweep.budget, lawn_models::Amount::Epochs(8));
    assert_eq!(sweep.margins.len(), 2);
    let text = file.written().expect("it is a sweep");
    assert!(text.contains("# so long"), "comments are kept:\n{text}");
    assert!(text.starts_with("# --set budget.epochs=8\n"), "{text}");
    let again = lawn_bench::config::parse("sweep.toml", &text);
    assert_eq!(again.unwrap_or_else(|error| panic!("{error}")), sweep);
}

/// The sweep of [`RIGHT`] without `unsets`, and with `sets` over it.
fn without(unsets: &[&str], sets: &[&str]) -> lawn_bench::config::SweepFile {
    let unsets: Vec<String> = unsets.iter().map(|&key| key.to_owned()).collect();
    file(RIGHT.into(), sets).without(&unsets)
}

#[test]
fn errors_of_what_is_unset_point_at_it() {
    let unsets: &[(&str, usize, &str)] = &[
        ("budgt", 1, "did you mean `budget`?"),
        (
            "budget.epoch",
            8,
            "`epoch` is not set, so there is nothing to unset; allowed: epochs",
        ),
        ("name.first", 1, "`name` is text, it has no keys"),
        ("budget.epochs=3", 1, "a key is unset as KEY.KEY"),
        ("budget.epochs=3 #", 1, "a key is unset as KEY.KEY"),
        ("", 1, "a key is unset as KEY.KEY"),
        // What is wrong stands in the file, and is right there without what is unset.
        ("name", 1, "missing field `name`"),
        ("budget.epochs", 1, "must have one of epochs"),
    ];
    let mut faults = String::new();
    for (key, column, said) in unsets {
        let error = without(&["tuning.seed", key], &[]).sweep().expect_err(key);
        assert_eq!(error.origin, "--unset", "{error}");
        faults += &faulty(&error, (1, *column), &[said]).unwrap_or_default();
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn what_is_unset_has_its_default_and_is_recorded_with_the_run() {
    let whole = file(RIGHT.into(), &[]).sweep();
    let whole = whole.unwrap_or_else(|error| panic!("{error}"));
    assert!(!whole.margins.is_empty());
    assert!(whole.resources.timeout.is_some());
    let file = without(
        &["report.margins", "resources.timeout_seconds"],
        &["budget.epochs=8"],
    );
    let sweep = file.sweep().unwrap_or_else(|error| panic!("{error}"));
    assert!(sweep.margins.is_empty());
    assert!(sweep.resources.timeout.is_none());
    assert_eq!(sweep.budget, lawn_models::Amount::Epochs(8));
    let text = file.written().expect("it is a sweep");
    let heading =
        "# --unset report.margins\n# --unset resources.timeout_seconds\n# --set budget.epochs=8\n";
    assert!(text.starts_with(heading), "{text}");
    let again = lawn_bench::config::parse("sweep.toml", &text);
    assert_eq!(again.unwrap_or_else(|error| panic!("{error}")), sweep);
    // A key is gone before values are set.
    let both = without(&["report.margins"], &["report.margins.\"ndcg@10\"=0.01"]).sweep();
    let both = both.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(both.margins.keys().collect::<Vec<_>>(), ["ndcg@10"]);
}

/// What is typed by those who know Hydra is told how it is written.
#[test]
fn overrides_of_hydra_are_told_how_they_are_written_here() {
    let kept = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(kept.path().join("small.toml"), SMALL).expect("there is room");
    let explained = |words: &[&str]| {
        let mut command = lawn();
        command.current_dir(kept.path());
        command
            .args(["config", "explain", "small.toml"])
            .args(words);
        let output = command.output().expect("lawn starts");
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        said(&output)
    };
    for (words, told) in [
        (
            &["--set", "+budget.epochs=5"][..],
            "--set budget.epochs=5, whether the file has the key",
        ),
        (
            &["--set", "++budget.epochs=5"],
            "--set budget.epochs=5, whether the file has the key",
        ),
        (
            &["--set", "~defaults.decay"],
            "--unset defaults.decay takes it out of the file",
        ),
        (
            &["--set", "budget.epochs=null"],
            "--unset budget.epochs takes it out of the file",
        ),
        (
            &["--set", "budget.epochs=None"],
            "a key has no value `None` here",
        ),
        (
            &["budget.epochs=5"],
            "tip: `--set budget.epochs=5` sets a key of the sweep file",
        ),
    ] {
        let text = explained(words);
        assert!(text.contains(told), "{told:?} is not in: {text}");
    }
    // Of a verb that sets nothing, nothing is advised.
    let output = lawn()
        .args(["status", "runs/x", "budget.epochs=5"])
        .output();
    let text = said(&output.expect("lawn starts"));
    assert!(
        text.contains("unexpected argument") && !text.contains("--set"),
        "{text}"
    );
}
