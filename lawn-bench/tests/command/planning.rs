//! What every trial would end with is refused when the plan is made: exit code 2, with its place.

use crate::common;
use std::path::Path;
use std::process::Output;

use crate::common::{SMALL, lawn, said};

/// What is replaced by what, what the error points at, and what it says.
type Case = (&'static str, String, &'static str, &'static str);

fn cases() -> Vec<Case> {
    let long = "n".repeat(256);
    let lawn_arm = |scope: &str| {
        format!(
            "[arms.x]\nrule = \"sgd\"\nlearning_rate = 0.1\nlawn = true\nfree_fraction = 0.5\nscope = {scope}\n\n[confirmation]"
        )
    };
    vec![
        // Numbers.
        (
            "[64]",
            "[64, 1_000_000_000_000]".into(),
            "1_000_000_000_000",
            "batch size must be 4294967295 or less",
        ),
        (
            "epochs = 2",
            "epochs = 5_000_000_000".into(),
            "5_000_000_000",
            "`budget` is 5000000000 epochs",
        ),
        (
            "epochs = 2",
            "epochs = 4_294_967_295\n\n[evaluation]\nevery = { epochs = 5_000_000_000 }".into(),
            "5_000_000_000 }",
            "`every` is",
        ),
        (
            "epochs = 2",
            "steps = 9_223_372_036_854_775_807".into(),
            "9_223_372_036_854_775_807",
            "comes to",
        ),
        (
            "epochs = 2",
            "steps = 9_223_372_036_854_775_808".into(),
            "9_223_372_036_854_775_808",
            "beyond the whole numbers of TOML",
        ),
        (
            "seeds = [1, 2]",
            "seeds = [1, 18446744073709551615]".into(),
            "18446744073709551615",
            "beyond the whole numbers of TOML",
        ),
        (
            "[confirmation]",
            "[resources]\nthreads = 1_000_000\n\n[confirmation]".into(),
            "1_000_000",
            "resources.threads must be 4096 or less",
        ),
        (
            "[confirmation]",
            "[resources]\ntimeout_seconds = 0.0\n\n[confirmation]".into(),
            "0.0",
            "resources.timeout_seconds must be more than 0",
        ),
        (
            "[confirmation]",
            "[resources]\nmicro_batch_size = 5_000_000_000\n\n[confirmation]".into(),
            "5_000_000_000",
            "resources.micro_batch_size must be",
        ),
        // A rate that is none at another batch size.
        (
            "[64]\n",
            "[64, 128]\ntuning = { learning_rate_scaling = \"linear\" }\n".into(),
            "sgd]",
            "arm `sgd` at batch size 128: `learning_rate` is inf",
        ),
        // Models.
        (
            "model = \"gmf\"",
            "model = \"gmf\"\nfactors = 1_000_000_000_000".into(),
            "1_000_000_000_000",
            "`factors` is 1000000000000",
        ),
        (
            "model = \"gmf\"",
            "model = \"mlp\"\nlayers = [200_000_000, 8]".into(),
            "[200_000_000, 8]",
            "`layers` is [200000000, 8]",
        ),
        // Data.
        (
            "users = 60",
            "users = 1".into(),
            "generated",
            "cannot be trained: ",
        ),
        // Behind a task that can.
        (
            "[confirmation]",
            "[tasks.second]\nkind = \"ncf\"\ngenerated = { users = 1 }\n\n[confirmation]".into(),
            "generated",
            "task `second` cannot be trained: ",
        ),
        // Names.
        (
            "name = \"small\"",
            format!("name = \"{long}\""),
            "\"nnn",
            "a name has 256 letters; allowed: up to 64",
        ),
        (
            "[arms.sgd]",
            format!("[arms.{long}]"),
            "nnn",
            "a name has 256 letters",
        ),
        (
            "[tasks.feedback]",
            format!("[tasks.{long}]"),
            "nnn",
            "a name has 256 letters",
        ),
        // Scopes.
        (
            "[confirmation]",
            lawn_arm("[\"no.such.weight\"]"),
            "[\"no.such.weight\"]",
            "no.such.weight",
        ),
        (
            "[confirmation]",
            lawn_arm("[\"*bias*\"]"),
            "[\"*bias*\"]",
            "arm `x` cannot train task `feedback`",
        ),
        // Reports.
        (
            "[confirmation]",
            "[report]\nmargins = { \"hr@1O\" = 0.01 }\n\n[confirmation]".into(),
            "\"hr@1O\"",
            "no task measures `hr@1O`; allowed: hr@10, ndcg@10",
        ),
        (
            "[tasks.feedback]",
            "contrasts = [{ baseline = \"sgd\", treatment = \"sgd\" }]\n[tasks.feedback]".into(),
            "\"sgd\" }",
            "compared with itself",
        ),
        // Words.
        (
            "[confirmation]",
            "[resources]\ndevice = \"gpu\"\n\n[confirmation]".into(),
            "\"gpu\"",
            "unknown variant `gpu`; allowed: cpu, cuda, auto",
        ),
    ]
}

/// Line and column, from 1, of `needle` behind the place where `to` begins.
fn place(text: &str, to: &str, needle: &str) -> (usize, usize) {
    let from = text.find(to).expect("it was put there");
    let at = text[from..].find(needle).map(|at| from + at);
    // What is wrong may stand elsewhere than what makes it so.
    let at = at
        .or_else(|| text.find(needle))
        .expect("the needle is in the text");
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    (text[..at].matches('\n').count() + 1, at - line_start + 1)
}

#[test]
fn a_plan_is_not_made_of_what_every_trial_would_end_with() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("wrong.toml");
    let mut faults = String::new();
    for (from, to, needle, words) in cases() {
        let text = if needle == "sgd]" {
            SMALL.replace("= 0.1", "= 1.7e308")
        } else {
            SMALL.to_owned()
        };
        assert!(text.contains(from), "{from:?}");
        let text = text.replacen(from, &to, 1);
        std::fs::write(&file, &text).expect("there is room");
        let output = lawn().args(["plan", "--no-calibrate"]).arg(&file).output();
        let output = output.expect("lawn starts");
        let said = said(&output);
        let (line, column) = place(&text, &to, needle);
        let shown = format!("wrong.toml:{line}:{column}");
        if output.status.code() != Some(2) || !said.contains(words) || !said.contains(&shown) {
            let code = output.status.code();
            let to: String = to.chars().take(60).collect();
            faults +=
                &format!("{to:?}: code {code:?}, expected {shown} and {words:?} in:\n{said}\n");
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// A pattern that names nothing is refused where it stands; one that names what its key is not for is
/// told, with names that would do.
#[test]
fn name_patterns_that_change_nothing_are_not_silent() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("muon.toml");
    let planned = |patterns: &str| {
        let text = SMALL
            .replace(
                "kind = \"ncf\"\nmodel = \"gmf\"\ngenerated = { users = 60, items = 220, interactions = 10 }",
                "kind = \"image\"\ndepth = 8\nwidth = 4\ngenerated = { classes = 3, side = 8, train = 60, test = 12 }",
            )
            .replace("rule = \"sgd\"", &format!("rule = \"muon\"\n{patterns}"));
        std::fs::write(&file, &text).expect("there is room");
        let output = lawn().args(["plan", "--no-calibrate"]).arg(&file).output();
        let output = output.expect("lawn starts");
        (output.status.code(), said(&output))
    };
    let (code, said) = planned("adam_on = [\"output.weight\"]");
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("does nothing"), "{said}");
    let (code, said) = planned("adam_on = [\"output.weight\", \"*.bias\"]");
    assert_eq!(code, Some(0), "{said}");
    let told = "feedback · sgd: `*.bias` of adam_on names no matrix, and does nothing; there are ";
    assert_eq!(said.matches(told).count(), 1, "{said}");
    let (code, said) = planned("adam_on = [\"embedding\"]");
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("pattern `embedding` matches no parameter") && said.contains("adam_on ="),
        "{said}"
    );
    // One that only some settings have is looked at, too.
    let (code, said) = planned("grid.adam_on = [[\"output.weight\"], [\"embedding\"]]");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("pattern `embedding`"), "{said}");
}

#[test]
fn a_sweep_that_is_refused_leaves_no_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, run) = (folder.path().join("one.toml"), folder.path().join("run"));
    std::fs::write(&file, SMALL.replace("users = 60", "users = 1")).expect("there is room");
    let output = common::sweep(&file, Some(&run));
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(!run.exists());
}

#[test]
fn the_same_comparison_twice_would_be_paid_for_twice() {
    let pair = "{ baseline = \"sgd\", treatment = \"adam\" }";
    let text = SMALL.replace(
        "[tasks.feedback]",
        &format!("contrasts = [{pair}, {pair}]\n[tasks.feedback]"),
    );
    let text = text.replace(
        "[confirmation]",
        "[arms.adam]\nrule = \"adam\"\nlearning_rate = 0.1\n\n[confirmation]",
    );
    let error = lawn_bench::config::parse("twice.toml", &text).expect_err("it is twice there");
    assert!(
        error
            .to_string()
            .contains("`adam` against `sgd` is listed twice"),
        "{error}"
    );
}

#[test]
fn a_folder_that_is_no_run_is_not_written_to() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("sweep.toml");
    std::fs::write(&file, SMALL).expect("there is room");
    let mut command = lawn();
    command
        .arg("sweep")
        .arg(&file)
        .arg("--out")
        .arg(folder.path());
    let output = command
        .args(["--set", "budget.epochs=1"])
        .output()
        .expect("lawn starts");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("holds `sweep.toml` and no run made by lawn"));
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), SMALL);
    let entries = |folder: &Path| std::fs::read_dir(folder).expect("it is there").count();
    assert_eq!(entries(folder.path()), 1);
}

#[test]
fn a_report_takes_the_place_of_a_report_and_of_nothing_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let results = folder.path().join("results.csv");
    let mut text = "task,arm,batch_size,seed,test_metric,train_metric\n".to_owned();
    for seed in 1..=6 {
        for arm in ["adam", "adam-lawn"] {
            text += &format!("t,{arm},64,{seed},0.{seed}5,0.9\nt,{arm},128,{seed},0.{seed}2,0.9\n");
        }
    }
    std::fs::write(&results, text).expect("there is room");
    let report = |out: &Path| {
        let mut command = lawn();
        command
            .arg("report")
            .arg("--from")
            .arg(&results)
            .arg("--out")
            .arg(out);
        command.output().expect("lawn starts")
    };
    let output = report(folder.path());
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("no report made by lawn"),
        "{}",
        said(&output)
    );
    let out = folder.path().join("report");
    assert!(report(&out).status.success());
    assert!(
        report(&out).status.success(),
        "it takes the place of the one before"
    );
}

#[test]
fn a_link_in_the_place_of_a_trials_file_is_not_written_through() {
    let (kept, run) = common::folder();
    let file = kept.path().join("small.toml");
    std::fs::write(&file, SMALL).expect("there is room");
    assert!(common::sweep(&file, Some(&run)).status.success());
    let trials = std::fs::read_dir(run.join("trials")).expect("there are trials");
    let trial = trials.flatten().next().expect("there is one").path();
    let victim = kept.path().join("victim");
    std::fs::write(&victim, "mine").expect("there is room");
    std::fs::remove_file(trial.join("outcome.json")).expect("it was there");
    std::fs::remove_file(trial.join("stderr.log")).expect("it was there");
    std::os::unix::fs::symlink(&victim, trial.join("stderr.log")).expect("a link");
    let output = common::sweep(&run, None);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("stderr.log is a link"),
        "{}",
        said(&output)
    );
    assert_eq!(
        std::fs::read_to_string(&victim).expect("it is there"),
        "mine"
    );
}

/// What `lawn plan` says of a file, with a cache beside it.
fn planned(file: &Path, words: &[&str]) -> Output {
    let mut command = lawn();
    command.arg("plan").arg(file).args(words);
    let cache = file.parent().expect("it lies in a folder");
    let output = command.env("XDG_CACHE_HOME", cache).output();
    let output = output.expect("lawn starts");
    assert!(output.status.success(), "{}", said(&output));
    output
}

#[test]
fn a_plan_beside_other_work_is_that_of_a_quiet_machine() {
    if !Path::new("/proc/self/schedstat").exists() {
        eprintln!("skipped: this system does not say what a process waits for");
        return;
    }
    let (kept, _) = common::folder();
    let file = kept.path().join("rules.toml");
    std::fs::write(&file, RULES).expect("there is room");
    let plan = |words: &[&str]| {
        let output = planned(&file, words);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let ended = std::sync::atomic::AtomicBool::new(false);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..3 * cores {
            scope.spawn(|| {
                while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                    std::hint::black_box(0);
                }
            });
        }
        let json = std::panic::catch_unwind(|| plan(&["--json"]));
        let words = std::panic::catch_unwind(|| plan(&[]));
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
        let found: serde_json::Value =
            serde_json::from_str(&json.expect("it plans")).expect("it is JSON");
        if found["measured"].as_array().is_none_or(Vec::is_empty) {
            eprintln!("skipped: nothing could be measured in time");
            return;
        }
        let waited = found["load"]["waited"].as_f64().expect("a part");
        assert!(waited > 0.1, "{}", found["load"]);
        let words = words.expect("it plans");
        let said = "The times here are those of a quiet machine; beside that load it takes";
        // What was measured beside other work is measured again, and may come to nothing then.
        assert!(
            words.contains(said) || !words.contains("at a time, if"),
            "{words}"
        );
    });
}

/// Three rules, of which two take longer than the first, and none is measured in the sweep's batch
/// size before all are in a small one.
const RULES: &str = r#"
name = "rules"
batch_sizes = [64]
tasks.feedback = { kind = "ncf", model = "gmf", generated = { users = 60, items = 220, interactions = 10 } }
budget.epochs = 2
arms.adam = { rule = "adam", learning_rate = 0.1 }
arms.adamp = { rule = "adamp", learning_rate = 0.1 }
arms.lawn = { rule = "adam", learning_rate = 0.1, lawn = true, free_fraction = 0.5 }
confirmation.seeds = [1, 2]
"#;

#[test]
fn a_plan_is_of_steps_that_each_rule_took_and_names_who_is_compared_with_nothing() {
    let (kept, _) = common::folder();
    let file = kept.path().join("rules.toml");
    std::fs::write(&file, RULES).expect("there is room");
    let plan = |words: &[&str]| planned(&file, words);
    let output = plan(&["--json"]);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let measured = found["measured"].as_array().expect("a list");
    let is_guessed = |one: &serde_json::Value| one["basis"]["other-arm"].is_string();
    match measured.len() < 3 || measured.iter().any(is_guessed) {
        true => eprintln!("skipped: others had this machine while it measured"),
        false => {
            let basis = |one: &serde_json::Value| one["basis"].as_str().map(str::to_owned);
            let known = ["measured", "other-batch-sizes"];
            for one in measured {
                let basis = basis(one);
                assert!(
                    known.contains(&basis.as_deref().unwrap_or_default()),
                    "{one}"
                );
                assert!(one["step_seconds"].as_f64() > Some(0.0), "{one}");
            }
        }
    }
    let load = &found["load"];
    assert_eq!(load.is_null(), measured.is_empty(), "{load}");
    if !measured.is_empty() {
        assert_eq!(load["seconds_are_of"], "quiet-machine");
        assert!(
            (0.0..=1.0).contains(&load["waited"].as_f64().expect("a part")),
            "{load}"
        );
    }
    let warnings = found["warnings"].to_string();
    assert!(warnings.contains("no contrast has adamp:"), "{warnings}");
    let cuda = r#"resources.device="cuda""#;
    let text = said(&plan(&["--set", cuda]));
    if !text.contains("there is no CUDA here") {
        eprintln!("skipped: this machine has a CUDA device");
        return;
    }
    for part in [
        "parameters of feedback: 1985 numbers, 8 KiB in f32",
        "feedback · lawn",
        "constrained",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}
