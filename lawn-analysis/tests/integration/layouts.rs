//! Tables that other tools lay out their own way: renamed columns, constants, wide tables, names of
//! files, several files, JSON, and words for outcomes.

use std::fs;
use std::path::PathBuf;

use lawn_analysis::Error;
use lawn_analysis::records::{
    Direction, Layout, Outcome, Pattern, Results, ResultsFile, ResultsOptions, TrialRow,
    WideColumns,
};

/// Files of these names and contents, in a folder that goes with them.
fn written(files: &[(&str, &str)]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().unwrap();
    let write = |(name, text): &(&str, &str)| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    };
    let paths = files.iter().map(write).collect();
    (dir, paths)
}

pub(crate) fn read(files: &[(&str, &str)], options: &ResultsOptions) -> Result<Results, Error> {
    let (_dir, paths) = written(files);
    let files: Result<Vec<ResultsFile>, Error> =
        paths.iter().map(|path| ResultsFile::open(path)).collect();
    Results::read_files(&files?, options)
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(one, other): &(&str, &str)| ((*one).to_owned(), (*other).to_owned());
    pairs.iter().map(owned).collect()
}

pub(crate) fn laid(layout: Layout) -> ResultsOptions {
    ResultsOptions {
        layout,
        ..ResultsOptions::default()
    }
}

/// The notes but that on the name of the metric, which these files lack.
fn noted(results: &Results) -> Vec<String> {
    let notes = results.notes.iter();
    let others = notes.filter(|note| !note.starts_with("Nothing names the metric"));
    others.cloned().collect()
}

/// Arm, batch size, seed and metric of each trial.
pub(crate) fn cells(trials: &[TrialRow]) -> Vec<(String, i64, i64, Option<f64>)> {
    let cell = |trial: &TrialRow| {
        (
            trial.arm.clone(),
            trial.batch_size,
            trial.seed,
            trial.test_metric,
        )
    };
    trials.iter().map(cell).collect()
}

const RENAMED: &str = "data,opt,bs,seed,test/acc,lr\ndigits,sgd,64,1,0.5,0.1\n";

#[test]
fn columns_are_read_from_others_and_constants_fill_what_lacks() {
    let layout = Layout {
        columns: pairs(&[
            ("arm", "opt"),
            ("batch_size", "bs"),
            ("test_metric", "test/acc"),
        ]),
        constants: pairs(&[("task", "mine")]),
        ..Layout::default()
    };
    let results = read(&[("a.csv", RENAMED)], &laid(layout.clone())).unwrap();
    let trial = &results.records.trials[0];
    assert_eq!((trial.task.as_str(), trial.arm.as_str()), ("mine", "sgd"));
    assert_eq!((trial.batch_size, trial.test_metric), (64, Some(0.5)));
    assert_eq!(trial.metric, "test/acc");
    assert_eq!(results.ignored, ["data", "lr"]);
    // A file that has the columns under their own names needs neither.
    let own = "task,arm,batch_size,seed,test_metric\nother,sgd,64,2,0.6\n";
    let both = [("a.csv", RENAMED), ("b.csv", own)];
    let results = read(&both, &laid(layout.clone())).unwrap();
    let tasks = results.records.trials.iter().map(|trial| &trial.task);
    assert_eq!(tasks.collect::<Vec<_>>(), ["mine", "other"]);
    let ids: Vec<&str> = results
        .records
        .trials
        .iter()
        .map(|t| t.trial_id.as_str())
        .collect();
    assert!(
        ids[0].ends_with("a.csv:line-2") && ids[1].ends_with("b.csv:line-2"),
        "{ids:?}"
    );
    // What no file needs is refused, and so is what a file has under neither name.
    let error = read(&[("b.csv", own)], &laid(layout.clone()))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no column is called `opt`, to be read as `arm`"),
        "{error}"
    );
    let constant = Layout {
        constants: pairs(&[("task", "mine")]),
        ..Layout::default()
    };
    let error = read(&[("b.csv", own)], &laid(constant))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("column `task` stands in the file, so no constant"),
        "{error}"
    );
    let third = ("c.csv", "task,arm,bs,seed,acc\nt,sgd,64,1,0.5\n");
    let error = read(&[both[0], third], &laid(layout))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("c.csv: no column is called `test/acc`, to be read as `test_metric`; found: task, arm, bs"),
        "{error}"
    );
}

#[test]
fn wide_columns_are_trials_of_their_own() {
    let text = "task;arm;batch_size;acc_seed1;train_seed1;acc_seed2;train_seed2;note\n\
                t;sgd;64;0.5;0.7;0.6;0.8;x\nt;mine;64;0.7;0.9;;;x\n";
    let wide = |patterns: &[&str]| Layout {
        wide: patterns
            .iter()
            .map(|text| WideColumns::parse(text).unwrap())
            .collect(),
        ..Layout::default()
    };
    let layout = wide(&["acc_seed{seed}", "train_metric=train_seed{seed}"]);
    let error = read(&[("a.csv", text)], &laid(layout.clone()))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(
            "1 of 4 trials whose outcome is ok have no number (line 3, column acc_seed2)"
        ),
        "{error}"
    );
    let options = ResultsOptions {
        missing_metric: Some(Outcome::Diverged),
        ..laid(layout)
    };
    let results = read(&[("a.csv", text)], &options).unwrap();
    let found = cells(&results.records.trials);
    let expected = [
        ("sgd".to_owned(), 64, 1, Some(0.5)),
        ("sgd".to_owned(), 64, 2, Some(0.6)),
        ("mine".to_owned(), 64, 1, Some(0.7)),
        ("mine".to_owned(), 64, 2, None),
    ];
    assert_eq!(found, expected);
    let trains: Vec<_> = results
        .records
        .trials
        .iter()
        .map(|t| t.train_metric)
        .collect();
    assert_eq!(trains, [Some(0.7), Some(0.8), Some(0.9), None]);
    assert_eq!(results.ignored, ["note"]);
    assert_eq!(results.records.trials[1].trial_id, "line-2 acc_seed2");
    assert!(
        results
            .notes
            .iter()
            .any(|note| note == "Cells are separated by semicolons.")
    );
    for (patterns, expected) in [
        (
            &["acc{seed}"][..],
            "no column matches `acc{seed}`; found: task, arm, batch_size, acc_seed1",
        ),
        (
            &["acc_seed{seed}", "train_metric={arm}_seed{_}"],
            "must have the same placeholders",
        ),
        (
            &["test_metric={_}_seed{seed}"],
            "columns `acc_seed1` and `train_seed1` both hold test_metric of the same trials",
        ),
        (
            &["acc_seed{batch_size}"],
            "column `batch_size` of results is given by a column and by wide",
        ),
    ] {
        let error = read(&[("a.csv", text)], &laid(wide(patterns)))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{patterns:?}: {error}");
    }
}

#[test]
fn names_of_files_say_what_their_rows_do_not() {
    let curve = "Step,Value\n0,0.1\n20,0.4\n10,0.9\n";
    let files = [("sgd/b64-s1.csv", curve), ("mine/b64-s1.csv", curve)];
    let layout = |pattern: &str| Layout {
        columns: pairs(&[("test_metric", "Value")]),
        constants: pairs(&[("task", "t")]),
        file_name: Some(Pattern::parse(pattern).unwrap()),
        last: Some("Step".to_owned()),
        ..Layout::default()
    };
    let options = ResultsOptions {
        directions: vec![Direction {
            metric: None,
            higher_is_better: true,
        }],
        ..laid(layout("{arm}/b{batch_size}-s{seed}.csv"))
    };
    let results = read(&files, &options).unwrap();
    let found = cells(&results.records.trials);
    let expected = [
        ("sgd".to_owned(), 64, 1, Some(0.4)),
        ("mine".to_owned(), 64, 1, Some(0.4)),
    ];
    assert_eq!(found, expected);
    assert_eq!(
        results.notes,
        ["By Step, the last row of each trial is read: 2 rows, and 4 earlier ones are left out."]
    );
    assert!(results.ignored.is_empty(), "{:?}", results.ignored);
    let refused =
        |files: &[(&str, &str)], layout| read(files, &laid(layout)).unwrap_err().to_string();
    let error = refused(&files, layout("b{batch_size}-seed{seed}.csv"));
    assert!(
        error.contains(
            "the name of the file does not match `b{batch_size}-seed{seed}.csv`; found: b64-s1.csv"
        ),
        "{error}"
    );
    let error = refused(&[("a_b_c.csv", curve)], layout("{task}_{arm}.csv"));
    assert!(
        error.contains("column `task` of results is given twice"),
        "{error}"
    );
    let error = refused(&[("a_b_c.csv", curve)], layout("{sweep}_{arm}.csv"));
    assert!(
        error.contains("in two ways: sweep `a`, arm `b_c`; or sweep `a_b`, arm `c`"),
        "{error}"
    );
    let twice = curve.replace("10,", "20,");
    let pattern = "{arm}-b{batch_size}-s{seed}.csv";
    let error = refused(&[("sgd-b64-s1.csv", &twice)], layout(pattern));
    assert!(
        error.contains("line 3 and line 4 are of one trial and both have the greatest `Step`, 20"),
        "{error}"
    );
    let error = refused(
        &[("sgd-b64-s1.csv", &curve.replace("10,", "ten,"))],
        layout(pattern),
    );
    assert!(
        error.contains("line 4: column `Step`: `ten` is not a number, by which"),
        "{error}"
    );
}

#[test]
fn the_last_row_of_a_trial_is_read_whatever_it_holds() {
    let layout = Layout {
        last: Some("step".to_owned()),
        ..Layout::default()
    };
    let head = "task,arm,batch_size,seed,step,test_metric\n";
    let metric = |rows: &str| {
        let results = read(
            &[("a.csv", &format!("{head}{rows}"))],
            &laid(layout.clone()),
        )?;
        Ok::<_, Error>(results.records.trials[0].test_metric)
    };
    assert_eq!(metric("t,x,1,1,2,0.4\nt,x,1,1,1,0.5\n").unwrap(), Some(0.4));
    // A trial without a number at its end most often diverged there. Many tools write its NaN as an
    // empty cell.
    for last in ["", "NaN"] {
        let error = metric(&format!("t,x,1,1,1,0.5\nt,x,1,1,2,{last}\n")).unwrap_err();
        assert!(matches!(error, Error::MissingNumber { .. }), "{error}");
    }
    let head = "task,arm,batch_size,seed,step,test_metric,outcome\n";
    for last in ["", "NaN"] {
        let text = format!("{head}t,x,1,1,1,0.5,ok\nt,x,1,1,2,{last},diverged\n");
        let results = read(&[("a.csv", &text)], &laid(layout.clone())).unwrap();
        let trial = &results.records.trials[0];
        assert_eq!(
            (trial.outcome, trial.test_metric),
            (Outcome::Diverged, None)
        );
    }
}

/// A wide table of two seeds by steps.
fn by_steps() -> Layout {
    Layout {
        last: Some("step".to_owned()),
        constants: pairs(&[("task", "t"), ("arm", "x"), ("batch_size", "1")]),
        wide: vec![WideColumns::parse("acc_{seed}").unwrap()],
        ..Layout::default()
    }
}

#[test]
fn in_a_wide_table_the_last_number_of_each_column_is_read_and_said_to_be_earlier() {
    // Both took a number at every second step.
    let text = "step,acc_1,acc_2\n1,0.5,\n2,,0.3\n3,0.6,\n4,,0.7\n";
    let results = read(&[("a.csv", text)], &laid(by_steps())).unwrap();
    let metrics = results.records.trials.iter().map(|trial| trial.test_metric);
    assert_eq!(metrics.collect::<Vec<_>>(), [Some(0.6), Some(0.7)]);
    let notes = results.notes.join(" ");
    assert!(
        notes.contains("Of 1 trial the last rows have no number"),
        "{notes}"
    );
    // Another batch size takes fewer steps.
    let layout = Layout {
        constants: pairs(&[("task", "t"), ("arm", "x")]),
        wide: vec![WideColumns::parse("b{batch_size}_s{seed}").unwrap()],
        ..by_steps()
    };
    let text = "step,b1_s1,b2_s1\n1,0.5,0.4\n2,0.6,0.5\n3,0.7,\n4,0.8,\n";
    let results = read(&[("a.csv", text)], &laid(layout)).unwrap();
    let metrics = results.records.trials.iter().map(|trial| trial.test_metric);
    let mut metrics: Vec<Option<f64>> = metrics.collect();
    metrics.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(metrics, [Some(0.5), Some(0.8)]);
}

#[test]
fn a_trial_of_a_wide_table_that_has_no_number_where_others_go_on_has_none() {
    // A chart has an empty cell for NaN.
    for nothing in ["", "NaN"] {
        let text =
            format!("step,acc_1,acc_2\n1,0.5,0.4\n2,0.6,0.5\n3,{nothing},0.6\n4,{nothing},0.7\n");
        let file = [("a.csv", text.as_str())];
        let error = read(&file, &laid(by_steps())).unwrap_err();
        assert!(
            matches!(
                &error,
                Error::MissingNumber {
                    missing: 1,
                    of: 2,
                    ..
                }
            ),
            "{error}"
        );
        let options = ResultsOptions {
            missing_metric: Some(Outcome::Diverged),
            ..laid(by_steps())
        };
        let results = read(&file, &options).unwrap();
        let ended = |trial: &TrialRow| (trial.seed, trial.outcome, trial.test_metric);
        let mut trials: Vec<_> = results.records.trials.iter().map(ended).collect();
        trials.sort_by_key(|(seed, ..)| *seed);
        assert_eq!(
            trials,
            [(1, Outcome::Diverged, None), (2, Outcome::Ok, Some(0.7))]
        );
        let notes = results.notes.join(" ");
        let said = "1 trial has no number any more where others of the task and batch size go on";
        assert_eq!(notes.contains(said), nothing.is_empty(), "{notes}");
    }
}

#[test]
fn what_pandas_wandb_and_excel_write_is_read_as_it_comes() {
    let csv = "task,arm,batch_size,seed,test_metric\nt,sgd,64,1,0.5\nt,mine,64,1,0.6\n";
    let results = read(&[("a", csv)], &ResultsOptions::default()).unwrap();
    let expected = cells(&results.records.trials);
    let split = r#"{"columns":["task","arm","batch_size","seed","test_metric"],"index":[0,1],
        "data":[["t","sgd",64,1,0.5],["t","mine",64,1,0.6]]}"#;
    let columns = r#"{"task":{"0":"t","1":"t"},"arm":{"0":"sgd","1":"mine"},
        "batch_size":{"0":64,"1":64},"seed":{"0":1,"1":1},"test_metric":{"0":0.5,"1":0.6}}"#;
    for text in [
        format!("sep=;\r\n{}", csv.replace(',', ";").replace('\n', "\r\n")),
        format!("{csv}\n,,,,\n , ,,,\n"),
        split.to_owned(),
        columns.to_owned(),
    ] {
        let results = read(&[("a", &text)], &ResultsOptions::default()).unwrap();
        assert_eq!(cells(&results.records.trials), expected, "{text}");
        assert!(results.ignored.is_empty(), "{:?}", results.ignored);
    }
    // A row of empty cells within a table is a fault.
    let torn = csv.replace("t,mine", ",,,,\nt,mine");
    assert!(read(&[("a", &torn)], &ResultsOptions::default()).is_err());
    // The index of pandas has no name.
    let indexed = csv.replace("task,", ",task,").replace("\nt,", "\n7,t,");
    let results = read(&[("a", &indexed)], &ResultsOptions::default()).unwrap();
    assert_eq!(results.ignored, ["column 1 (no name)"]);
    // What wandb measured over a course is an object. A number within it is proposed.
    let nested =
        r#"{"task":"t","arm":"sgd","batch_size":64,"seed":1,"summary":{"acc":{"max":0.5}}}"#;
    let Err(Error::MissingResult { suggested, .. }) =
        read(&[("a", nested)], &ResultsOptions::default())
    else {
        panic!("a column is missing");
    };
    let proposed = ("test_metric".to_owned(), "summary.acc.max".to_owned());
    assert_eq!(*suggested, [proposed]);
    let layout = Layout {
        columns: pairs(&[("test_metric", "summary.acc.max")]),
        ..Layout::default()
    };
    let results = read(&[("a", nested)], &laid(layout)).unwrap();
    assert_eq!(results.records.trials[0].metric, "acc.max");
}

#[test]
fn json_says_the_same_as_csv() {
    let csv =
        "task,arm,batch_size,seed,test_metric,outcome\nt,sgd,64,1,0.5,ok\nt,sgd,64,2,,diverged\n";
    let lines = "{\"task\": \"t\", \"arm\": \"sgd\", \"batch_size\": 64, \"seed\": 1, \
                 \"test_metric\": 0.5}\n{\"task\": \"t\", \"arm\": \"sgd\", \"batch_size\": 64, \
                 \"seed\": 2, \"test_metric\": NaN, \"outcome\": \"diverged\", \"x\": {\"y\": 1}}\n";
    let array = format!("[{}]", lines.trim().replace('\n', ",\n")).replace("NaN", "null");
    let expected = read(&[("a.csv", csv)], &ResultsOptions::default()).unwrap();
    let lines = lines.replace("0.5}", "0.5, \"outcome\": \"ok\"}");
    let array = array.replace("0.5}", "0.5, \"outcome\": \"ok\"}");
    for (name, text) in [("a.jsonl", &lines), ("a.json", &array)] {
        let mut results = read(&[(name, text)], &ResultsOptions::default()).unwrap();
        assert_eq!(results.ignored, ["x.y"], "an object is named by its fields");
        for (trial, same) in results
            .records
            .trials
            .iter_mut()
            .zip(&expected.records.trials)
        {
            trial.trial_id.clone_from(&same.trial_id);
        }
        assert_eq!(results.records, expected.records, "{name}");
    }
    let error = read(
        &[("a.jsonl", "{\"task\": \"t\"}\n{\"task\" 3}\n")],
        &ResultsOptions::default(),
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("a.jsonl, line 2: no JSON"), "{error}");
}

#[test]
fn a_trial_that_has_not_ended_is_left_out_and_counted() {
    let text = "task,arm,batch_size,seed,test_metric,outcome\nt,a,1,1,0.5,COMPLETE\n\
                t,a,1,2,,RUNNING\nt,a,1,3,0.1,WAITING\nt,a,1,4,,Fail\nt,a,1,5,0.6,ok\n";
    let results = read(&[("a.csv", text)], &ResultsOptions::default()).unwrap();
    let seeds: Vec<i64> = results
        .records
        .trials
        .iter()
        .map(|trial| trial.seed)
        .collect();
    assert_eq!(seeds, [1, 4, 5]);
    assert_eq!(
        noted(&results),
        [
            "Column outcome: 1 trial `COMPLETE` as ok, 1 trial `Fail` as crashed.",
            "1 trial has not ended (outcome `RUNNING`, line 3): left out.",
            "1 trial has not ended (outcome `WAITING`, line 4): left out.",
        ]
    );
    let told = ResultsOptions {
        outcomes: vec![
            ("RUNNING".to_owned(), Outcome::Timeout),
            ("ok".to_owned(), Outcome::Crashed),
        ],
        ..ResultsOptions::default()
    };
    let results = read(&[("a.csv", text)], &told).unwrap();
    let outcomes: Vec<Outcome> = results
        .records
        .trials
        .iter()
        .map(|trial| trial.outcome)
        .collect();
    let expected = [
        Outcome::Ok,
        Outcome::Timeout,
        Outcome::Crashed,
        Outcome::Crashed,
    ];
    assert_eq!(outcomes, expected);
    let none = "task,arm,batch_size,seed,test_metric,outcome\nt,a,1,2,,running\n";
    let error = read(&[("a.csv", none)], &ResultsOptions::default()).unwrap_err();
    assert!(matches!(error, Error::NoneEnded { .. }), "{error}");
}

#[test]
fn floats_of_each_file_are_restored_by_themselves() {
    let file = |arm: &str, metrics: [&str; 2]| {
        let [one, other] = metrics;
        format!("task,arm,batch_size,seed,test_metric\nt,{arm},64,1,{one}\nt,{arm},64,2,{other}\n")
    };
    let single = file("a", ["0.9345999956130981", "0.9169999957084656"]);
    let double = file("b", ["0.1234567890123456", "0.9"]);
    let results = read(
        &[("a.csv", &single), ("b.csv", &double)],
        &ResultsOptions::default(),
    );
    let results = results.unwrap();
    let metrics: Vec<_> = results
        .records
        .trials
        .iter()
        .map(|t| t.test_metric.unwrap())
        .collect();
    assert_eq!(metrics, [0.9346, 0.917, 0.1234567890123456, 0.9]);
    assert!(
        results.notes[0].contains("2 values are read"),
        "{:?}",
        results.notes
    );
    // Errors and ids name the file.
    let broken = file("b", ["high", "0.9"]);
    let error = read(
        &[("a.csv", &single), ("b.csv", &broken)],
        &ResultsOptions::default(),
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("b.csv, line 2: column `test_metric`: `high`"),
        "{error}"
    );
}

#[test]
fn decimal_commas_are_read_where_no_comma_separates() {
    let head = "task;arm;batch_size;seed;test_metric;train_metric\n";
    let text = format!("{head}t;x;1;1;0,5125;1\nt;x;1;2;-1,5e-1;0,75\nt;x;1;3;+0,25;0,5\n");
    let results = read(&[("a.csv", &text)], &ResultsOptions::default()).unwrap();
    let numbers = results.records.trials.iter();
    let numbers: Vec<_> = numbers
        .map(|one| (one.test_metric, one.train_metric))
        .collect();
    assert_eq!(
        numbers,
        [
            (Some(0.5125), Some(1.0)),
            (Some(-0.15), Some(0.75)),
            (Some(0.25), Some(0.5))
        ]
    );
    let notes = results.notes.join(" ");
    assert!(
        notes.contains(
            "In columns test_metric, train_metric the comma is read as the decimal point."
        ),
        "{notes}"
    );
    let refused = |text: &str| {
        let error = read(&[("a.csv", text)], &ResultsOptions::default()).unwrap_err();
        error.to_string()
    };
    let said = "a number with a decimal point; a decimal comma is read in a file whose cells are not \
                separated by commas, where each number of the column";
    for (text, value) in [
        // The separator is a comma.
        (head.replace(';', ",") + "t,x,1,1,\"0,5\",\n", "`0,5`"),
        // A point and a comma in one column.
        (format!("{head}t;x;1;1;0,5;\nt;x;1;2;0.6;\n"), "`0,5`"),
        // What may be thousands, beside a number without any.
        (format!("{head}t;x;1;1;1,234;\nt;x;1;2;999;\n"), "`1,234`"),
    ] {
        let error = refused(&text);
        assert!(error.contains(said) && error.contains(value), "{error}");
    }
    // An integer has none.
    let error = refused(&format!("{head}t;x;1,024;1;0,5;\n"));
    assert!(
        error.contains("column `batch_size`: `1,024` is not an integer"),
        "{error}"
    );
}
