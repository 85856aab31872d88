//! Clicks through the `lawn` command: made, looked at, swept, reported.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::common::{folder, lawn, said, timeless};
use lawn_analysis::records::Outcome;

/// One arm, tuned over two rates, of which one is too small to learn by.
const SWEEP: &str = r#"
name = "ads"
batch_sizes = [64]

[tasks.ads]
kind = "ctr"
data = "ads"
split = "random"
encoding = { hash_size = 300 }
model = { name = "dcn_v2", width = 4, cross_layers = 1, layers = [8] }

[budget]
epochs = 1

[arms.adam]
rule = "adam"

[arms.adam.grid]
learning_rate = [1e-2, 1e-7]

[confirmation]
seeds = [1, 2]
"#;

fn command(arguments: &[&str], root: &Path) -> Output {
    let output = lawn().args(arguments).arg("--data-root").arg(root).output();
    output.expect("lawn starts")
}

#[test]
fn made_clicks_are_listed_checked_and_swept_where_less_is_better() {
    let (kept, run) = folder();
    let (root, file) = (kept.path().join("data"), kept.path().join("ads.toml"));
    fs::write(&file, SWEEP).expect("there is room");
    let out = root.join("ads");
    let made = lawn()
        .args(["data", "make", "ctr", "--set", "rows=2000", "--out"])
        .arg(&out)
        .output()
        .expect("lawn starts");
    assert!(made.status.success(), "{}", said(&made));
    let listed = command(&["data", "list"], &root);
    assert!(
        said(&listed).contains("ads (1 click files"),
        "{}",
        said(&listed)
    );
    let checked = command(&["data", "check", "ads"], &root);
    assert!(checked.status.success(), "{}", said(&checked));
    assert!(said(&checked).contains("2000 rows"), "{}", said(&checked));

    let swept = lawn()
        .arg("sweep")
        .arg(&file)
        .arg("--out")
        .arg(&run)
        .arg("--data-root")
        .arg(&root)
        .output()
        .expect("lawn starts");
    assert!(swept.status.success(), "{}", said(&swept));
    let records = timeless(&run);
    assert_eq!(records.trials.len(), 4);
    assert!(
        records
            .trials
            .iter()
            .all(|trial| trial.outcome == Outcome::Ok)
    );
    // The rate that learns has the lower log-loss, and is the one that is confirmed.
    let frozen = fs::read_to_string(run.join("frozen.json")).expect("it is there");
    assert!(
        frozen.contains("\"learning_rate\": 0.01") && !frozen.contains("\"learning_rate\": 1e-7"),
        "{frozen}"
    );
    assert!(said(&swept).contains("less is better"), "{}", said(&swept));
    let listed = command(&["data", "list"], &root);
    assert!(said(&listed).contains("2000 rows"), "{}", said(&listed));
}

/// As for a data folder that cannot be written.
#[test]
fn a_plan_says_what_there_is_and_converts_it_where_it_is_told_to() {
    let (kept, _) = folder();
    let (root, file) = (kept.path().join("data"), kept.path().join("ads.toml"));
    let elsewhere = kept.path().join("elsewhere");
    fs::write(&file, SWEEP).expect("there is room");
    let made = lawn()
        .args(["data", "make", "ctr", "--set", "rows=1000", "--out"])
        .arg(root.join("ads"))
        .output()
        .expect("lawn starts");
    assert!(made.status.success(), "{}", said(&made));
    let planned = lawn()
        .arg("plan")
        .arg(&file)
        .arg("--data-root")
        .arg(&root)
        .env("LAWN_CLICK_CACHE", &elsewhere)
        .output()
        .expect("lawn starts");
    assert!(planned.status.success(), "{}", said(&planned));
    let elsewhere = elsewhere.display().to_string();
    for words in [
        "ads: 1000 rows have",
        "a click rate of",
        "count as 0",
        "rows are train",
        "by a hash of their number",
        elsewhere.as_str(),
    ] {
        let planned = said(&planned);
        assert!(planned.contains(words), "{words:?} is not in:\n{planned}");
    }
    // What reads the set without a sweep says the same of it, with the keys of a task.
    let check = |key: &str| {
        let mut command = lawn();
        command.args(["data", "check", "ads", "--set", key, "--data-root"]);
        command.arg(&root).env("LAWN_CLICK_CACHE", &elsewhere);
        command.output().expect("lawn starts")
    };
    let checked = check("encoding.hash_size=64");
    assert!(checked.status.success(), "{}", said(&checked));
    assert!(
        said(&checked).contains("1000 rows have"),
        "{}",
        said(&checked)
    );
    for (key, expected) in [
        ("data=others", "`data` is set, and the set is that of NAME"),
        ("encoding.hash_size=0", "hash_size"),
    ] {
        let refused = check(key);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(said(&refused).contains(expected), "{}", said(&refused));
    }
    let beside = fs::read_dir(root.join("ads")).expect("it is there");
    let beside = beside.map(|entry| entry.expect("it is there").file_name());
    let beside: Vec<String> = beside
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with(".lawn-clicks-"))
        .collect();
    assert!(beside.is_empty(), "{beside:?}");
}

#[test]
fn a_bad_line_is_named_before_anything_is_trained() {
    let (kept, run) = folder();
    let (root, file) = (kept.path().join("data"), kept.path().join("ads.toml"));
    fs::write(&file, SWEEP).expect("there is room");
    let row = |label: u8| format!("{label}{}\n", "\t".repeat(39));
    let text = row(0) + "1,2,3\n" + &row(1);
    fs::create_dir_all(root.join("ads")).expect("there is room");
    fs::write(root.join("ads/train.txt"), text).expect("there is room");
    let checked = command(&["data", "check", "ads"], &root);
    assert_eq!(checked.status.code(), Some(2), "{}", said(&checked));
    assert!(said(&checked).contains("train.txt:2"), "{}", said(&checked));
    let swept = lawn()
        .arg("sweep")
        .arg(&file)
        .arg("--out")
        .arg(&run)
        .arg("--data-root")
        .arg(&root)
        .output()
        .expect("lawn starts");
    assert_eq!(swept.status.code(), Some(2), "{}", said(&swept));
    assert!(said(&swept).contains("train.txt:2"), "{}", said(&swept));
    assert!(!run.join("trials").exists(), "nothing was trained");
}

/// More of the one is better, less of the other, and of calibration neither.
#[test]
fn a_metric_chooses_by_its_own_direction() {
    let (kept, run) = folder();
    let file = kept.path().join("ads.toml");
    let sweep = |metric: &str| {
        let text = SWEEP.replace("data = \"ads\"\n", "generated = { rows = 2_000 }\n");
        let text = text.replace("encoding = { hash_size = 300 }\n", "");
        fs::write(&file, format!("{text}\n[tuning]\nmetric = \"{metric}\"\n"))
            .expect("there is room");
        let sweep = lawn()
            .arg("sweep")
            .arg(&file)
            .arg("--out")
            .arg(&run)
            .output();
        sweep.expect("lawn starts")
    };
    let refused = sweep("calibration");
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    let expected = "neither more nor less is better";
    assert!(said(&refused).contains(expected), "{}", said(&refused));
    let swept = sweep("auc");
    assert!(swept.status.success(), "{}", said(&swept));
    let frozen = fs::read_to_string(run.join("frozen.json")).expect("it is there");
    let frozen: serde_json::Value = serde_json::from_str(&frozen).expect("it is JSON");
    let cell = &frozen["cells"][0];
    let [first, second] = [0, 1].map(|setting| {
        let score = cell["tried"][setting]["score"].as_f64();
        score.expect("both came to their end")
    });
    assert_ne!(first, second, "{cell}");
    assert_eq!(cell["setting"], usize::from(second > first), "{cell}");
    // What is compared stays the metric of the kind.
    let trials = timeless(&run).trials;
    assert!(
        trials
            .iter()
            .all(|trial| trial.metric == "log_loss" && !trial.higher_is_better)
    );
}

/// What a plan says of the rows that a batch does not look up, by rule and constraint.
#[test]
fn a_plan_says_what_becomes_of_the_rows_of_tables() {
    let (kept, _) = folder();
    let file = kept.path().join("tables.toml");
    let text = r#"
name = "tables"
batch_sizes = [64]
budget.epochs = 2
[tasks.ads]
kind = "ctr"
generated = { rows = 600, columns = 4, vocabulary = 16 }
model = { name = "dcn_v2", width = 4, cross_layers = 1, layers = [8] }
[defaults]
learning_rate = 0.01
[arms.lazy]
rule = "lazy_adam"
[arms.clipped]
rule = "adam"
embedding_learning_rate = 1e-3
[arms.clipped.cow_clip]
zeta = 1e-4
[arms.lawn]
rule = "adam"
lawn = true
free_epochs = 1
untouched_rows = "left-alone"
[confirmation]
seeds = [1]
"#;
    fs::write(&file, text).expect("there is room");
    let planned = lawn().arg("plan").arg(&file).output().expect("lawn starts");
    let planned = said(&planned);
    for words in [
        "embedding tables",
        "rows not looked up are left alone, with what is remembered of them",
        "rows not looked up move on by their moments; CowClip with r 1 and ζ 0.0001; a learning rate of their own",
        "rows not looked up move on by their moments; from the freeze on they are left alone",
        "; rows without a gradient are left alone from the freeze on",
    ] {
        assert!(planned.contains(words), "{words:?} is not in:\n{planned}");
    }
    let explain = |text: &str| {
        fs::write(&file, text).expect("there is room");
        let explained = lawn().args(["config", "explain"]).arg(&file).output();
        explained.expect("lawn starts")
    };
    let explained = said(&explain(text));
    for line in [
        "# embedding tables: rows not looked up are left alone, with what is remembered of them\nrule = \"lazy_adam\"",
        "cow_clip = { ratio = 1.0, zeta = 0.0001 }",
    ] {
        assert!(explained.contains(line), "{line:?} is not in:\n{explained}");
    }
    let again = explain(&explained);
    assert!(again.status.success(), "{}", said(&again));
    let wrong = explain(&text.replace("zeta = 1e-4", "zeta = 0.0"));
    assert_eq!(wrong.status.code(), Some(2), "{}", said(&wrong));
    assert!(
        said(&wrong).contains("`cow_clip.zeta` is 0"),
        "{}",
        said(&wrong)
    );
    let tuned = text.replace(
        "[arms.clipped.cow_clip]\nzeta = 1e-4",
        "[arms.clipped.grid]\ncow_clip = [{ zeta = 1e-4 }, { zeta = 1e-3 }]\n[arms.lazy.grid]\nbeta1 = [0.5, 0.9]\n\
         [arms.lawn.grid]\ngranularity = [\"layer\", \"row\"]",
    );
    assert_ne!(tuned, text);
    let tuned = explain(&tuned);
    assert!(tuned.status.success(), "{}", said(&tuned));
    // A net without tables has no rows to clip.
    let pictures = text.replace(
        "kind = \"ctr\"\ngenerated = { rows = 600, columns = 4, vocabulary = 16 }\n\
         model = { name = \"dcn_v2\", width = 4, cross_layers = 1, layers = [8] }",
        "kind = \"image\"\ndepth = 8\nwidth = 4\ngenerated = { classes = 2, side = 8, train = 40, test = 8 }",
    );
    assert_ne!(pictures, text);
    fs::write(&file, pictures).expect("there is room");
    let refused = lawn().arg("plan").arg(&file).output().expect("lawn starts");
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(
        said(&refused).contains("does not apply to a net without embedding tables"),
        "{}",
        said(&refused)
    );
}

/// Clicks of a sweep, and what a verb says of it with these options.
fn with_large_tables(arguments: &[&str]) -> Output {
    let (kept, _) = folder();
    let (root, file) = (kept.path().join("data"), kept.path().join("ads.toml"));
    fs::write(&file, SWEEP).expect("there is room");
    let made = lawn()
        .args(["data", "make", "ctr", "--set", "rows=1000", "--out"])
        .arg(root.join("ads"))
        .output()
        .expect("lawn starts");
    assert!(made.status.success(), "{}", said(&made));
    let sizes = [
        "tasks.ads.encoding.hash_size=1073741824",
        "tasks.ads.model.width=64",
    ];
    let mut command = lawn();
    command.arg(arguments[0]).arg(&file).args(&arguments[1..]);
    for size in sizes {
        command.args(["--set", size]);
    }
    command.args(
        ["--out", "/dev/null"]
            .iter()
            .filter(|_| arguments[0] == "lr-find"),
    );
    let output = command.arg("--data-root").arg(&root).output();
    output.expect("lawn starts")
}

/// Tables of 26 columns with 2^30 rows of 64: 6.5 TiB.
#[test]
fn tables_that_no_machine_holds_are_counted_without_being_made() {
    let counted = with_large_tables(&["model"]);
    assert!(counted.status.success(), "{}", said(&counted));
    let tables = 26i64 * (1 << 30) * 64;
    let shown = format!("[{}, 64]", 26i64 << 30);
    for part in [&tables.to_string()[..6], &shown] {
        assert!(said(&counted).contains(part), "{part}: {}", said(&counted));
    }
    let layers = with_large_tables(&["model", "--layers"]);
    assert!(layers.status.success(), "{}", said(&layers));
    assert!(
        said(&layers).contains(&tables.to_string()),
        "{}",
        said(&layers)
    );
    let found = with_large_tables(&["lr-find"]);
    assert_eq!(found.status.code(), Some(1), "{}", said(&found));
    assert!(
        said(&found).contains("out of memory: 6.50 TiB were asked for, and "),
        "{}",
        said(&found)
    );
}

#[test]
fn tables_that_this_machine_does_not_hold_are_refused_where_it_is_to_train_them() {
    let planned = with_large_tables(&["plan"]);
    assert_eq!(planned.status.code(), Some(2), "{}", said(&planned));
    for part in [
        "task `ads` cannot be trained here by arm `adam`",
        // Weights and two moments.
        "take 19968.",
        "GiB, and this machine has ",
    ] {
        assert!(said(&planned).contains(part), "{part}: {}", said(&planned));
    }
    let elsewhere = with_large_tables(&["plan", "--no-calibrate", "--set", "engines.slurm.cpus=4"]);
    assert!(elsewhere.status.success(), "{}", said(&elsewhere));
    assert!(
        said(&elsewhere).contains("warning: ads · adam: its parameters"),
        "{}",
        said(&elsewhere)
    );
}

#[test]
fn what_two_tasks_read_is_told_once_and_classes_of_none_are_refused() {
    let (kept, _) = folder();
    let (root, file) = (kept.path().join("data"), kept.path().join("ads.toml"));
    let two = SWEEP.replace(
        "[budget]",
        "[tasks.again]\nkind = \"ctr\"\ndata = \"ads\"\nsplit = \"random\"\n\
         encoding = { hash_size = 300 }\nmodel = { name = \"logistic\" }\n\n[budget]",
    );
    fs::write(&file, two).expect("there is room");
    let row = |label: usize, category: usize| {
        let numbers = vec!["3"; 13].join(",");
        let categories = (2..=26).map(|column| format!("{:08x}", category * column));
        let categories: Vec<String> = categories.collect();
        format!("{label}.0,{numbers},00000007,{}\n", categories.join(","))
    };
    let names: Vec<String> = (1..=13)
        .map(|number| format!("I{number}"))
        .chain((1..=26).map(|column| format!("C{column}")))
        .collect();
    let rows: String = (0..600).map(|number| row(number % 2, number % 9)).collect();
    fs::create_dir_all(root.join("ads")).expect("there is room");
    let text = format!("label,{}\n{rows}", names.join(","));
    fs::write(root.join("ads").join("train.csv"), text).expect("there is room");
    let planned = command(
        &["plan", "--no-calibrate", file.to_str().expect("it is text")],
        &root,
    );
    assert!(planned.status.success(), "{}", said(&planned));
    let told = said(&planned);
    for line in [
        "ads: 600 rows have 300 clicks, a click rate of 0.5000",
        "ads: 1 column has a single id in all rows, of 26 columns of categories: C1",
    ] {
        assert_eq!(told.matches(line).count(), 1, "{line}: {told}");
    }
    let classes = [
        "model",
        file.to_str().expect("it is text"),
        "--layers",
        "--classes",
        "10",
    ];
    let refused = command(&classes, &root);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(
        said(&refused).contains("--classes no task here has folders of images")
            || said(&refused).contains("--classes: no task here has folders of images"),
        "{}",
        said(&refused)
    );
}
