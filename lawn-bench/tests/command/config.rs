//! Every way in which a sweep file is refused says where, what, and what is allowed.

use lawn_bench::config::{Scaling, parse};

const TINY: &str = include_str!("sweeps/tiny.toml");

/// The error of `TINY` with `from` replaced by `to`.
fn refused(from: &str, to: &str) -> lawn_bench::config::ConfigError {
    assert!(TINY.contains(from), "the tiny sweep has no {from:?}");
    parse("tiny.toml", &TINY.replacen(from, to, 1)).expect_err("this sweep is wrong")
}

/// Line and column, from 1, of the first `needle` in `TINY` with `from` replaced by `to`.
fn place(from: &str, to: &str, needle: &str) -> (usize, usize) {
    let text = TINY.replacen(from, to, 1);
    let at = text.find(needle).expect("the needle is in the text");
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    (text[..at].matches('\n').count() + 1, at - line_start + 1)
}

/// Replaces `from` by `to` and checks that the error points at `needle` and says `said`.
fn check(from: &str, to: &str, needle: &str, said: &[&str]) {
    let error = refused(from, to);
    let shown = error.to_string();
    assert_eq!(
        (error.line, error.column),
        place(from, to, needle),
        "{shown}"
    );
    assert!(
        shown.contains(&format!("tiny.toml:{}:{}", error.line, error.column)),
        "{shown}"
    );
    for said in said {
        assert!(shown.contains(said), "{said:?} is not in:\n{shown}");
    }
}

#[test]
fn a_correct_sweep_is_read_with_its_defaults() {
    let sweep = parse("tiny.toml", TINY).expect("the tiny sweep is correct");
    assert_eq!(sweep.reference_batch_size, 64);
    assert_eq!(sweep.learning_rate_scaling, Scaling::Sqrt);
    assert_eq!(
        sweep
            .arms
            .iter()
            .map(|arm| arm.name.as_str())
            .collect::<Vec<_>>(),
        ["adam", "adam-lawn"]
    );
    assert_eq!(sweep.contrasts.len(), 1);
    assert_eq!(sweep.contrasts[0].treatment, "adam-lawn");
    let setting = &sweep.arms[1].settings[1];
    assert_eq!(setting.optimizer.learning_rate, 1e-2);
    // Square root of 256 / 64.
    assert_eq!(setting.at(256, &sweep.arms[1], &sweep).learning_rate, 2e-2);
    assert_eq!(setting.optimizer.warmup, 0.1);
}

#[test]
fn figures_have_the_width_of_a_named_venue() {
    use lawn_analysis::Width;

    let with = |width: &str| format!("{TINY}\n[report]\nwidth = \"{width}\"\n");
    let read = |text: &str| parse("tiny.toml", text).map(|sweep| sweep.width);
    assert_eq!(read(TINY).unwrap(), Width::NeurIps);
    assert_eq!(read(&with("icml-wide")).unwrap(), Width::IcmlWide);
    let error = read(&with("neurip")).unwrap_err().to_string();
    for said in [
        "did you mean `neurips`?",
        "allowed: neurips, iclr, icml, icml-wide, jmlr",
        "\"neurip\"",
    ] {
        assert!(error.contains(said), "{said:?} is not in:\n{error}");
    }
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    check(
        "batch_sizes =",
        "batch_size =",
        "batch_size",
        &["unknown field `batch_size`", "did you mean `batch_sizes`?"],
    );
    check(
        "epochs = 3",
        "epoch = 3",
        "epoch = 3",
        &["did you mean `epochs`?"],
    );
    check(
        "factors = 4",
        "factor = 4",
        "factor = 4",
        &["did you mean `factors`?"],
    );
    check(
        "free_epochs",
        "free_epoch",
        "free_epoch",
        &["did you mean `free_epochs`?"],
    );
    check(
        "[arms.adam.grid]\nlearning_rate",
        "[arms.adam.grid]\nlearnin_rate",
        "learnin_rate",
        &["did you mean `learning_rate`?"],
    );
}

#[test]
fn unknown_words_are_refused_with_what_is_allowed() {
    check(
        "kind = \"ncf\"",
        "kind = \"ncg\"",
        "\"ncg\"",
        &["`ncg`", "allowed: ncf, image, ctr", "did you mean `ncf`?"],
    );
    check(
        "model = \"neumf\"",
        "model = \"neumff\"",
        "\"neumff\"",
        &["did you mean `neumf`?"],
    );
    check(
        "rule = \"adam\"",
        "rule = \"adan\"",
        "\"adan\"",
        &["did you mean `adam`?"],
    );
    check(
        "= \"sqrt\"",
        "= \"squared\"",
        "\"squared\"",
        &["`squared`", "sqrt"],
    );
}

#[test]
fn wrong_values_are_pointed_at() {
    check(
        "workers = 2",
        "workers = 0",
        "0\n",
        &["resources.workers must be 1 or more, not 0"],
    );
    check(
        "[64, 256]",
        "[64, 64]",
        "64]",
        &["batch size 64 is listed twice"],
    );
    check("[64, 256]", "[]", "[]", &["one batch size at least"]);
    check(
        "seeds = [1, 2]",
        "seeds = [0, 2]",
        "0, 2]",
        &["confirmation seed 0 is the tuning seed"],
    );
    check(
        "warmup = 0.1",
        "warmup = \"long\"",
        "\"long\"",
        &["invalid type: string"],
    );
    check(
        "warmup = 0.1",
        "warmup = 1.5",
        "1.5",
        &["`warmup` is 1.5", "allowed"],
    );
    check(
        "name = \"tiny\"",
        "name = \"a/b\"",
        "\"a/b\"",
        &["`a/b` cannot be a name"],
    );
    check(
        "epochs = 3",
        "epochs = 0",
        "0\n",
        &["budget.epochs must be 1 or more"],
    );
    for two_or_none in ["epochs = 3\nsteps = 10", "# epochs = 3"] {
        check(
            "epochs = 3",
            two_or_none,
            "[budget]",
            &["`budget` must have one of epochs, steps, samples"],
        );
    }
    check(
        "epochs = 3",
        "samples = 1_000",
        "1\n\n[arms.adam-lawn.grid]",
        &[
            "does not apply to a budget of 1000 samples",
            "a fraction of it",
        ],
    );
    check(
        "free_epochs = 1",
        "free_epochs = 3",
        "3\n\n[arms.adam-lawn.grid]",
        &["`free_epochs` is 3", "below the budget of 3 epochs"],
    );
}

#[test]
fn arms_are_tuned_with_equal_budgets() {
    check(
        "free_epochs = 1\n\n[arms.adam-lawn.grid]\nlearning_rate = [3e-3, 1e-2]",
        "free_epochs = 1\n\n[arms.adam-lawn.grid]\nlearning_rate = [3e-3, 1e-2, 3e-2]",
        "adam-lawn",
        &[
            "`adam-lawn` has 3 settings",
            "`adam` has 2",
            "same number of settings",
        ],
    );
    check(
        "learning_rate = [3e-3, 1e-2]",
        "learning_rate = [3e-3, 3e-3]",
        "3e-3]",
        &["twice"],
    );
    check(
        "learning_rate = [3e-3, 1e-2]",
        "learning_rate = []",
        "[]",
        &["one value or more"],
    );
    check(
        "rule = \"adam\"\n\n",
        "rule = \"adam\"\nlearning_rate = 0.1\n\n",
        "learning_rate = [3e-3",
        &["both fixed and tuned", "keep one of the two"],
    );
}

#[test]
fn contrasts_name_arms() {
    let text = format!("contrasts = [{{ baseline = \"adam\", treatment = \"adm-lawn\" }}]\n{TINY}");
    let error = parse("tiny.toml", &text)
        .expect_err("there is no such arm")
        .to_string();
    assert!(
        error.contains("no arm is called `adm-lawn`; allowed: adam, adam-lawn"),
        "{error}"
    );
    assert!(error.contains("did you mean `adam-lawn`?"), "{error}");
}

#[test]
fn a_contrast_is_asked_for_once() {
    let pair = |baseline: &str, treatment: &str| {
        format!("{{ baseline = \"{baseline}\", treatment = \"{treatment}\" }}")
    };
    let once = pair("adam", "adam-lawn");
    for (more, expected) in [
        (once.clone(), "`adam-lawn` against `adam` is listed twice"),
        (
            pair("adam-lawn", "adam"),
            "`adam` against `adam-lawn` is listed twice",
        ),
        (pair("adam", "adam"), "arm `adam` is compared with itself"),
    ] {
        let text = format!("contrasts = [{once}, {more}]\n{TINY}");
        let error = parse("tiny.toml", &text).expect_err("it is there twice");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn what_is_not_toml_is_placed_too() {
    check(
        "batch_sizes = [64, 256]",
        "batch_sizes = [64, 256",
        "[tasks.feedback]",
        &[],
    );
}
