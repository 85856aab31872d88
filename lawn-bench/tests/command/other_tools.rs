//! The recipes of lawn-analysis' README for what other tools write: each command line is taken from
//! there and run in a copy of its folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The page that has the recipes, and their folder.
fn readme() -> (String, PathBuf) {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lawn-analysis");
    let text = fs::read_to_string(crate_dir.join("README.md")).unwrap();
    (text, crate_dir.join("recipes"))
}

/// The command lines of the section.
fn recipes() -> Vec<String> {
    let (text, _) = readme();
    let (_, section) = text.split_once("### What other tools write\n").unwrap();
    let (section, _) = section.split_once("\n### ").unwrap();
    let blocks = section.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

/// A copy of the folder, in which a report may be written.
fn folder() -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let to = to.join(path.file_name().unwrap());
            match path.is_dir() {
                true => copy(&path, &to),
                false => drop(fs::copy(&path, to).unwrap()),
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    copy(&readme().1, dir.path());
    dir
}

/// Runs a line as a shell does, with `lawn` among the commands.
fn shell(line: &str, dir: &Path) -> Output {
    let lawn = Path::new(env!("CARGO_BIN_EXE_lawn")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("sh")
        .args(["-c", line])
        .current_dir(dir)
        .env("PATH", format!("{}:{path}", lawn.display()))
        .output()
        .unwrap()
}

/// Standard output without the line breaks and marks of a quotation, and standard error.
fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let out = text(&output.stdout).replace("\n> ", " ");
    (out, text(&output.stderr))
}

/// By file, what the summary of its recipe says.
const EXPECTED: [(&str, &[&str]); 9] = [
    (
        "optuna.csv",
        &[
            "30 trials `COMPLETE` as ok, 1 trial `FAIL` as crashed, 1 trial `PRUNED` as preempted",
            "A pruned trial was stopped since it did badly",
            "0.7004 (n 7)  0.6708 (n 7)",
            "value (more is better)",
        ],
    ),
    (
        "optuna.parquet",
        &[
            "1 trial `PRUNED` as diverged",
            "1 trial of adam and 0 of adam-lawn diverged",
        ],
    ),
    (
        "wandb.csv",
        &[
            "1 trial `crashed` as diverged",
            "1 trial has not ended (outcome `running`, line 34): left out",
            "test/acc (more is better)",
            "70.01  67.22 (n 7)",
        ],
    ),
    (
        "ray.csv",
        &[
            "1 trial has no number any more where others of the task and batch size go on",
            "1 of 32 confirmation trials with outcome ok have no test_metric",
            "test_acc (more is better)",
        ],
    ),
    (
        "wandb-chart.csv",
        &[
            "By Step, the last row of each trial is read: 24 rows, and 72 earlier ones are left out",
            "test/acc (more is better)",
            "digits (n 6)",
        ],
    ),
    (
        "runs.jsonl",
        &[
            "1 trial `failed` as diverged",
            "test/acc (more is better)",
            "0.7001  0.6728 (n 7)",
        ],
    ),
    (
        "tensorboard/*.csv",
        &[
            "12 rows, and 24 earlier ones are left out",
            "Column test_metric looks like 32-bit floats written as decimals: 12 values",
            "test_accuracy (more is better)",
            "digits (n 3)",
        ],
    ),
    (
        "adam.tsv adam-lawn.tsv",
        &["separated by tabs", "acc (more is better)", "digits (n 8)"],
    ),
    (
        "-",
        &[
            "separated by semicolons",
            "acc (more is better)",
            "digits (n 8)",
        ],
    ),
];

#[test]
fn every_recipe_gives_a_report() {
    let recipes = recipes();
    assert_eq!(recipes.len(), 10, "{recipes:?}");
    for line in &recipes {
        let dir = folder();
        let output = shell(line, dir.path());
        let (out, err) = said(&output);
        assert_eq!(output.status.code(), Some(0), "{line}\n{err}");
        assert!(
            out.contains("Borne out on") || out.contains("Not decided"),
            "{line}\n{out}"
        );
        assert!(dir.path().join("report/report.html").is_file(), "{line}");
        for (file, expected) in EXPECTED {
            if !line.contains(&format!("--from {file} ")) {
                continue;
            }
            for words in expected {
                assert!(out.contains(words), "{line}\n{words:?} is not in\n{out}");
            }
        }
    }
    for (file, _) in EXPECTED {
        let of = |line: &&String| line.contains(&format!("--from {file} "));
        assert!(recipes.iter().any(|line| of(&line)), "{file} has no recipe");
    }
}

#[test]
fn every_file_has_a_recipe_and_wide_says_the_same_as_long() {
    let (text, folder_path) = readme();
    for entry in fs::read_dir(folder_path).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "make.py" || text.contains(&name), "{name}");
    }
    let verdicts = |line: &str| {
        let dir = folder();
        let output = shell(&format!("{line} --title same --json"), dir.path());
        let (out, err) = said(&output);
        assert_eq!(output.status.code(), Some(0), "{line}\n{err}");
        let verdicts: serde_json::Value = serde_json::from_str(&out).unwrap();
        verdicts["answers"].clone()
    };
    let recipes = recipes();
    let of = |file: &str| {
        let mut lines = recipes.iter();
        lines.find(|line| line.contains(file)).unwrap().as_str()
    };
    assert_eq!(verdicts(of("adam.tsv")), verdicts(of("wide.csv")));
}

#[test]
fn what_is_refused_says_which_option_would_help() {
    let dir = folder();
    let optuna = "lawn report --from optuna.csv";
    let all = "--constant task=t --column arm=params_optimizer --column batch_size=params_batch_size \
               --column seed=user_attrs_seed --column test_metric=value";
    let cases = [
        (
            optuna.to_owned(),
            "columns `task`, `arm`, `batch_size`, `seed`, `test_metric` are missing; required: \
             task, arm, batch_size, seed, test_metric; found: number, value, datetime_start, \
             datetime_complete, duration, params_batch_size, params_optimizer, user_attrs_seed, \
             system_attrs_fixed_params, state; would --column arm=params_optimizer --column \
             batch_size=params_batch_size --column seed=user_attrs_seed --column \
             test_metric=value --constant task=NAME do?",
        ),
        (
            format!("{optuna} {all}"),
            "column `state` says how trials ended (COMPLETE, FAIL, PRUNED), and is not read: --column \
             outcome=state reads it, --constant outcome=ok takes all as ended well",
        ),
        (
            format!("{optuna} {all} --column outcome=staet"),
            "no column is called `staet`, to be read as `outcome`; found: number, value",
        ),
        (
            format!("{optuna} {all} --column outcome=state --outcome RUNNIN=crashed"),
            "no trial has the outcome `RUNNIN`; found: COMPLETE, FAIL, PRUNED",
        ),
        (
            format!("{optuna} {all} --column outcome=params_optimizer"),
            "line 2: column `outcome=params_optimizer`: `adam` is not one of `ok`, `diverged`, \
             `out-of-memory`, `timeout`, `crashed`, `preempted`; --outcome adam=crashed, or \
             another, says what it denotes",
        ),
        (
            format!(
                "{optuna} {} --column outcome=state",
                all.replace("=params_batch_size", "=params_optimizer")
            ),
            "line 2: column `batch_size=params_optimizer`: `adam` is not an integer; --column \
             batch_size=NAME reads another column; the file has number, value",
        ),
        (
            format!("{optuna} {all} --column batch=number"),
            "results have no column `batch`; allowed: sweep, task, arm, batch_size, ",
        ),
        (
            format!("{optuna} {all} --constant arm=x"),
            "column `arm` of results is given twice",
        ),
        (
            format!("{optuna} optuna.csv {all}"),
            "optuna.csv is given twice",
        ),
        (
            "lawn report --from wide.csv --wide 'acc_sed{seed}'".to_owned(),
            "no column matches `acc_sed{seed}`; found: optimizer, bs, acc_seed0",
        ),
        (
            "lawn report --from wide.csv --wide 'acc_seed{sed}'".to_owned(),
            "`{sed}` is no column of results; allowed: {task}, {arm}, {batch_size}, {seed}",
        ),
        (
            "lawn report --from tensorboard/*.csv --constant task=t --column test_metric=Value \
             --file-name '{arm}_b{batch_size}.csv' --last Step"
                .to_owned(),
            "the name of the file does not match `{arm}_b{batch_size}.csv`; found: \
             run-adam-lawn_b256_s0-tag-test_accuracy.csv",
        ),
    ];
    let rows = "task,arm,batch_size,seed,epoch,test_metric\n";
    let written = |name: &str, text: &str| {
        fs::write(dir.path().join(name), format!("{rows}{text}")).unwrap();
    };
    let pair = |rows: &str| format!("{rows}{}", rows.replace(",a,", ",a-lawn,"));
    let retried = "task,arm,batch_size,seed,test_metric,outcome\nt,a,64,1,,FAIL\nt,a,64,1,0.5,COMPLETE\n\
                   t,a-lawn,64,1,0.6,COMPLETE\n";
    fs::write(dir.path().join("retried.csv"), retried).unwrap();
    written("curve.csv", &pair("t,a,64,1,1,0.5\nt,a,64,1,2,0.6\n"));
    written("twice.csv", &pair("t,a,64,1,2,0.5\nt,a,64,1,2,0.6\n"));
    written("empty.csv", &pair("t,a,64,1,1,0.5\nt,a,64,1,,0.6\n"));
    let cases = cases.into_iter().chain([
        (
            "lawn report --from curve.csv".to_owned(),
            "trials `line-2` and `line-3` are duplicates; where they are rows of one trial, --last epoch \
             reads the last of each",
        ),
        (
            "lawn report --from retried.csv".to_owned(),
            "task `t`, arm `a`, batch size 64, seed 1: trials `line-2` and `line-3` are duplicates; \
             `line-2` ended as `FAIL`: where failed trials were run again, --outcome FAIL=skip leaves out all \
             that ended so",
        ),
        (
            "lawn report --from twice.csv --last epoch".to_owned(),
            "both have the greatest `epoch`, 2; leave out the one that is not to be read, or give --last a \
             column that goes on from row to row",
        ),
        (
            "lawn report --from empty.csv --last epoch".to_owned(),
            "line 3: column `epoch`: no value is not a number, by which the last row of a trial is found; none \
             only in the one row of a trial without a metric; --last NAME reads another column",
        ),
    ]);
    for (line, expected) in cases {
        let output = shell(&line, dir.path());
        let (_, err) = said(&output);
        assert_eq!(output.status.code(), Some(2), "{line}\n{err}");
        assert!(
            err.contains(expected),
            "{line}\n{expected}\nis not in\n{err}"
        );
        assert!(!dir.path().join("report").exists(), "{line}");
    }
    // Optuna minimizes by default, and its table does not say what it did.
    let (_, err) = said(&shell(
        &format!("{optuna} {all} --column outcome=state"),
        dir.path(),
    ));
    assert!(
        err.contains("metric `value`: nothing says whether more or less"),
        "{err}"
    );
    // A loss is known by the name of its column.
    let line = format!("{optuna} {all} --column outcome=state").replace("=value", "=loss");
    let text = fs::read_to_string(dir.path().join("optuna.csv")).unwrap();
    fs::write(dir.path().join("optuna.csv"), text.replace("value", "loss")).unwrap();
    let (_, err) = said(&shell(&line, dir.path()));
    assert!(
        err.contains("metric `loss`: nothing says whether more or less"),
        "{err}"
    );
    assert!(
        err.contains("or give --better loss=higher, or --better loss=lower"),
        "{err}"
    );
}

/// Six seeds of each arm at each of two batch sizes, without the name of a metric.
fn unnamed(arms: &[&str]) -> String {
    let mut text = "task,arm,batch_size,seed,test_metric\n".to_owned();
    for seed in 1..=6 {
        for arm in arms {
            text += &format!("t,{arm},64,{seed},0.{seed}51\nt,{arm},128,{seed},0.{seed}2\n");
        }
    }
    text
}

#[test]
fn one_arm_alone_has_a_report_without_a_contrast() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("one.csv"), unnamed(&["adam"])).unwrap();
    let output = shell("lawn report --from one.csv", dir.path());
    let (out, err) = said(&output);
    assert_eq!(output.status.code(), Some(0), "{err}");
    let page = fs::read_to_string(dir.path().join("report/report.html")).unwrap();
    for text in [&out, &page] {
        for words in [
            "No contrast was registered, so nothing is compared.",
            "adam",
        ] {
            assert!(text.contains(words), "{words:?} is not in\n{text}");
        }
    }
    // Asked for with an arm that is not there, it is refused as ever.
    let output = shell(
        "lawn report --from one.csv --contrast adam:other",
        dir.path(),
    );
    assert_eq!(output.status.code(), Some(2), "{}", said(&output).1);
}

#[test]
fn what_ends_early_or_is_in_percent_is_refused_with_the_option_that_allows_it() {
    let dir = folder();
    let ray = "lawn report --from ray.csv --constant task=digits --column arm=config/optimizer \
               --column batch_size=config/batch_size --column seed=config/seed --column \
               test_metric=test_acc";
    let (_, err) = said(&shell(
        &format!("{ray} --last training_iteration"),
        dir.path(),
    ));
    for part in [
        "line 24 ends at training_iteration 4, others at 20",
        "--missing-metric diverged, or crashed, takes them as such",
        "where an early end is a good one, --constant outcome=ok says so",
    ] {
        assert!(err.contains(part), "{part:?} is not in: {err}");
    }
    let well = format!("{ray} --last training_iteration --constant outcome=ok");
    let (out, err) = said(&shell(&well, dir.path()));
    assert!(
        out.contains("1 trial ends before others of the task and batch size"),
        "{out}{err}"
    );
    // Without the option that is a question, and said.
    let (out, err) = said(&shell(ray, dir.path()));
    let words = "By column training_iteration, 1 trial had done less than others";
    assert!(out.contains(words), "{out}{err}");

    let text = unnamed(&["adam", "adam-lawn"]);
    let head = "task,arm,batch_size,seed,test_metric\n";
    let (one, other): (Vec<&str>, Vec<&str>) = text
        .lines()
        .skip(1)
        .partition(|line| line.contains(",adam,"));
    let percent = other.iter().map(|line| {
        let (cells, metric) = line.rsplit_once(',').unwrap();
        format!("{cells},{:.1}\n", 100.0 * metric.parse::<f64>().unwrap())
    });
    fs::write(
        dir.path().join("one.csv"),
        head.to_owned() + &one.join("\n"),
    )
    .unwrap();
    fs::write(
        dir.path().join("other.csv"),
        head.to_owned() + &percent.collect::<String>(),
    )
    .unwrap();
    let both = "lawn report --from one.csv other.csv";
    let (_, err) = said(&shell(both, dir.path()));
    for part in [
        "other.csv: metric `metric`: test_metric in one.csv is 0.12 to 0.651, and test_metric in \
         other.csv is 12 to 65.1",
        "--same-unit says that they are of one",
    ] {
        assert!(err.contains(part), "{part:?} is not in: {err}");
    }
    let allowed = shell(&format!("{both} --same-unit --out allowed"), dir.path());
    assert_eq!(allowed.status.code(), Some(0), "{}", said(&allowed).1);
    let empty = shell("lawn report --from - < /dev/null", dir.path());
    assert!(
        said(&empty)
            .1
            .contains("standard input: nothing is in it, not even a header")
    );
}

#[test]
fn a_metric_without_a_name_is_said_to_be_taken_for_more_is_better() {
    const SAID: &str = "Nothing names the metric, nor says whether more or less of it is better";
    let dir = tempfile::tempdir().unwrap();
    let text = unnamed(&["adam", "adam-lawn"]);
    fs::write(dir.path().join("results.csv"), &text).unwrap();
    fs::write(dir.path().join("val_loss.csv"), &text).unwrap();
    let report = |words: &str| {
        let output = shell(&format!("lawn report --from {words}"), dir.path());
        let (out, err) = said(&output);
        (output.status.code(), out, err)
    };
    let (code, out, err) = report("results.csv");
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains(SAID), "{out}");
    let (code, out, err) = report("results.csv --better higher");
    assert_eq!(code, Some(0), "{err}");
    assert!(!out.contains(SAID), "{out}");
    for loss in ["val_loss.csv", "results.csv --title 'Validation loss'"] {
        let (code, _, err) = report(loss);
        assert_eq!(code, Some(2), "{loss}");
        assert!(
            err.contains("nothing says whether more or less of it is better"),
            "{err}"
        );
    }
    let (code, _, err) = report("val_loss.csv --better lower");
    assert_eq!(code, Some(0), "{err}");
}
