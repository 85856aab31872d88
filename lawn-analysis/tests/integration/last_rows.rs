//! Tables with a row for every evaluation, percent signs, and two lines of names.

use lawn_analysis::Error;
use lawn_analysis::records::{Direction, Layout, Outcome, Pattern, ResultsOptions, WideColumns};

use crate::layouts::{cells, laid, pairs, read};

#[test]
fn a_row_without_a_step_is_that_of_a_trial_that_never_began() {
    let layout = Layout {
        last: Some("step".to_owned()),
        ..Layout::default()
    };
    let head = "task,arm,batch_size,seed,step,test_metric,outcome\n";
    let of = |rows: &str| {
        read(
            &[("a.csv", &format!("{head}{rows}"))],
            &laid(layout.clone()),
        )
    };
    for empty in ["", "nan", "NA"] {
        let rows = format!("t,x,1,1,5,0.5,ok\nt,x,1,2,{empty},,crashed\n");
        let trials = of(&rows).unwrap().records.trials;
        let found: Vec<_> = trials
            .iter()
            .map(|trial| (trial.seed, trial.outcome, trial.test_metric))
            .collect();
        assert_eq!(
            found,
            [(1, Outcome::Ok, Some(0.5)), (2, Outcome::Crashed, None)]
        );
        // It is the first of several, and no earlier number.
        let rows = format!("t,x,1,1,{empty},,ok\nt,x,1,1,5,0.5,ok\nt,x,1,2,5,0.6,ok\n");
        assert_eq!(of(&rows).unwrap().records.trials.len(), 2);
        // Where it has a metric its place matters.
        for rows in [
            format!("t,x,1,1,5,0.5,ok\nt,x,1,1,{empty},0.6,ok\n"),
            format!("t,x,1,1,5,0.5,ok\nt,x,1,2,{empty},0.6,ok\n"),
            format!("t,x,1,1,5,0.5,ok\nt,x,1,2,{empty},,ok\nt,x,1,2,{empty},,ok\n"),
        ] {
            let error = of(&rows).unwrap_err().to_string();
            let expected = "line 3: column `step`: ";
            assert!(error.contains(expected), "{error}");
        }
    }
}

#[test]
fn train_and_test_in_rows_of_their_own_are_one_place() {
    let layout = Layout {
        last: Some("epoch".to_owned()),
        ..Layout::default()
    };
    let head = "task,arm,batch_size,seed,epoch,test_metric,train_metric\n";
    let of = |rows: &str| {
        read(
            &[("a.csv", &format!("{head}{rows}"))],
            &laid(layout.clone()),
        )
    };
    let rows = "t,x,1,1,1,,0.4\nt,x,1,1,1,0.3,\nt,x,1,1,2,,0.6\nt,x,1,1,2,0.5,\n\
                t,x,1,2,2,0.7,\nt,x,1,2,2,,0.8\n";
    let results = of(rows).unwrap();
    let metrics = results.records.trials.iter().map(|trial| trial.test_metric);
    assert_eq!(metrics.collect::<Vec<_>>(), [Some(0.5), Some(0.7)]);
    let notes = results.notes.join(" ");
    assert!(
        notes.contains("Each trial has 2 rows with its greatest epoch"),
        "{notes}"
    );
    // One of two trials that look like one may have diverged, and two numbers are one too many.
    for rows in [
        "t,x,1,1,2,,\nt,x,1,1,2,0.5,\nt,x,1,2,2,0.7,\n",
        "t,x,1,1,2,0.5,\nt,x,1,1,2,,\n",
        "t,x,1,1,2,0.4,\nt,x,1,1,2,0.5,\nt,x,1,2,2,0.7,\nt,x,1,2,2,0.7,\n",
    ] {
        let error = of(rows).unwrap_err();
        assert!(matches!(error, Error::TwoLast { .. }), "{error}");
    }
}

#[test]
fn a_percent_sign_is_a_unit() {
    let head = "task,arm,batch_size,seed,test_metric,metric\n";
    let of = |rows: &str| {
        read(
            &[("a.csv", &format!("{head}{rows}"))],
            &laid(Layout::default()),
        )
    };
    // However small, a number with the sign is in percent.
    let results = of("t,x,1,1,70.27%,acc\nt,x,1,2,0.5 %,acc\n").unwrap();
    let metrics = results.records.trials.iter().map(|trial| trial.test_metric);
    assert_eq!(metrics.collect::<Vec<_>>(), [Some(70.27), Some(0.5)]);
    let notes = results.notes.join(" ");
    assert!(
        notes.contains("In column test_metric numbers have a percent sign"),
        "{notes}"
    );
    let error = of("t,x,1,1,70.27%,acc\nt,x,1,2,0.71,acc\n")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("line 3: column `test_metric`: `0.71` is not a number with a percent sign, as line 2 has one"),
        "{error}"
    );
    // Beside another file it is one of two units, though the numbers are alike.
    let files = [
        ("a.csv", format!("{head}t,x,1,1,0.7%,acc\n")),
        ("b.csv", format!("{head}t,y,1,1,0.6,acc\n")),
    ];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let error = read(&files, &laid(Layout::default())).unwrap_err();
    assert!(
        matches!(&error, Error::MixedUnits { found, .. } if found.contains("0.7 to 0.7 %")),
        "{error}"
    );
    // With decimal commas, in a column of each seed, and in JSON.
    let wide = Layout {
        wide: vec![WideColumns::parse("acc_{seed}").unwrap()],
        ..Layout::default()
    };
    let text = "task;arm;batch_size;acc_1;acc_2\nt;x;1;70,5%;71,25 %\n";
    let results = read(&[("a.csv", text)], &laid(wide)).unwrap();
    let metrics = results.records.trials.iter().map(|trial| trial.test_metric);
    assert_eq!(metrics.collect::<Vec<_>>(), [Some(70.5), Some(71.25)]);
    let text = r#"{"task":"t","arm":"x","batch_size":1,"seed":1,"test_metric":"70.5%"}"#;
    let results = read(&[("a.json", text)], &laid(Layout::default())).unwrap();
    assert_eq!(results.records.trials[0].test_metric, Some(70.5));
}

#[test]
fn a_table_of_optuna_with_two_lines_of_names_is_that_with_one() {
    let layout = Layout {
        columns: pairs(&[
            ("arm", "params_optimizer"),
            ("batch_size", "params_batch_size"),
            ("seed", "user_attrs_seed"),
            ("test_metric", "value"),
        ]),
        constants: pairs(&[("task", "t")]),
        ..Layout::default()
    };
    let text = ",number,value,params,params,user_attrs\n,,,batch_size,optimizer,seed\n\
                0,0,0.7,64,adam,1\n1,1,0.6,64,adam,2\n";
    let options = ResultsOptions {
        directions: vec![Direction {
            metric: None,
            higher_is_better: true,
        }],
        ..laid(layout)
    };
    let results = read(&[("optuna.csv", text)], &options).unwrap();
    let trials = &results.records.trials;
    assert_eq!(
        cells(trials),
        [
            ("adam".to_owned(), 64, 1, Some(0.7)),
            ("adam".to_owned(), 64, 2, Some(0.6))
        ]
    );
    assert_eq!(trials[0].trial_id, "line-3");
    let notes = results.notes.join(" ");
    assert!(
        notes.contains("first two lines name the columns"),
        "{notes}"
    );
}

/// Lightning's `metrics.csv` of a trial: validation at each epoch, and the test in a row of its own.
const LIGHTNING: &str =
    "epoch,step,train_loss,val_acc,test_acc\n0,9,2.0,,\n0,9,,0.5,\n1,19,,0.6,\n2,20,,,0.7\n";

fn of_lightning(columns: &[(&str, &str)], order: &str) -> Layout {
    Layout {
        columns: pairs(columns),
        constants: pairs(&[("task", "t"), ("batch_size", "64")]),
        file_name: Some(Pattern::parse("{arm}_s{seed}.csv").unwrap()),
        last: Some(order.to_owned()),
        ..Layout::default()
    }
}

#[test]
fn a_column_that_no_last_row_has_is_told_and_makes_no_divergences() {
    let files = [("a_s1.csv", LIGHTNING), ("b_s1.csv", LIGHTNING)];
    for missing_metric in [None, Some(Outcome::Diverged)] {
        let options = ResultsOptions {
            missing_metric,
            ..laid(of_lightning(&[("test_metric", "val_acc")], "epoch"))
        };
        let error = read(&files, &options).unwrap_err();
        assert!(matches!(error, Error::NoNumber { .. }), "{error}");
        let said = error.to_string();
        let expected = "column `test_metric=val_acc`: it has numbers up to epoch 1; the last row by epoch, of \
                        each of 2 trials whose outcome is ok, has none";
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_column_without_a_number_in_the_last_rows_is_told() {
    let columns = [
        ("test_metric", "test_acc"),
        ("validation_metric", "val_acc"),
    ];
    let files = [("a_s1.csv", LIGHTNING), ("b_s1.csv", LIGHTNING)];
    let notes = read(&files, &laid(of_lightning(&columns, "step")))
        .unwrap()
        .notes
        .join(" ");
    for column in ["validation_metric=val_acc", "train_loss"] {
        let said = format!("Column {column} has no number in any row that is read: of each trial");
        assert!(notes.contains(&said), "{notes}");
    }
    let plain = "task,arm,batch_size,seed,test_metric,train_metric\nt,a,1,1,0.5,\n";
    let notes = read(&[("a.csv", plain)], &laid(Layout::default()))
        .unwrap()
        .notes
        .join(" ");
    assert!(
        notes.contains("Column train_metric has no number in any row that is read."),
        "{notes}"
    );
}
