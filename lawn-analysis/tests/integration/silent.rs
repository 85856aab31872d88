//! What a file of results says wrong without a fault in its form: trials that ended early, a direction
//! that no name tells, percent beside fractions, infinities, constants beside columns.

use std::fs;

use lawn_analysis::Error;
use lawn_analysis::records::{
    Direction, Layout, Outcome, Pattern, Results, ResultsFile, ResultsOptions,
};

fn read(files: &[(&str, &str)], options: &ResultsOptions) -> Result<Results, Error> {
    let dir = tempfile::tempdir().unwrap();
    let open = |(name, text): &(&str, &str)| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        ResultsFile::open(&path)
    };
    let files: Result<Vec<ResultsFile>, Error> = files.iter().map(open).collect();
    Results::read_files(&files?, options)
}

fn refused(files: &[(&str, &str)], options: &ResultsOptions) -> String {
    read(files, options).unwrap_err().to_string()
}

fn pair(one: &str, other: &str) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

fn by_steps() -> ResultsOptions {
    ResultsOptions {
        layout: Layout {
            last: Some("step".to_owned()),
            ..Layout::default()
        },
        ..ResultsOptions::default()
    }
}

/// Three trials with a row at each of their steps.
fn long(steps: [&[u32]; 3]) -> String {
    let mut text = "task,arm,batch_size,seed,step,test_metric\n".to_owned();
    for (arm, steps) in ["a", "b", "c"].iter().zip(steps) {
        for step in steps {
            text += &format!("t,{arm},64,1,{step},0.{step}\n");
        }
    }
    text
}

const EARLY: &str = "1 trial has no number any more where others of the task and batch size go on";

#[test]
fn a_trial_of_a_long_table_that_ends_before_others_has_no_number() {
    let text = long([&[1, 2, 3, 4], &[1, 2], &[1, 2, 3, 4]]);
    let error = read(&[("a.csv", &text)], &by_steps()).unwrap_err();
    let Error::MissingNumber {
        missing: 1,
        of: 3,
        ended_early: true,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    let said = error.to_string();
    let place = "(line 7; ".to_owned() + EARLY + ": line 7 ends at step 2, others at 4)";
    assert!(said.contains(&place), "{said}");
    // It is told how such trials ended.
    let told = ResultsOptions {
        missing_metric: Some(Outcome::Diverged),
        ..by_steps()
    };
    let results = read(&[("a.csv", &text)], &told).unwrap();
    let ended: Vec<_> = results
        .records
        .trials
        .iter()
        .map(|trial| (trial.outcome, trial.test_metric))
        .collect();
    let well = (Outcome::Ok, Some(0.4));
    assert_eq!(ended, [well, (Outcome::Diverged, None), well]);
    let notes = results.notes.join(" ");
    assert!(
        notes.contains(&format!("{EARLY}: taken as without a metric.")),
        "{notes}"
    );
    // The last row of all may be nearer than the others are.
    let uneven = long([&[1, 4, 7, 8], &[1, 4, 7], &[1, 4, 7, 8]]);
    assert!(refused(&[("a.csv", &uneven)], &by_steps()).contains(EARLY));
    // Steps that lie between those of others, and other batch sizes, are no early end.
    for text in [
        long([&[1, 3, 5], &[2, 4, 6], &[1, 3, 5]]),
        long([&[1, 2], &[1, 2, 3], &[1, 2]]).replace("t,b,64", "t,b,128"),
    ] {
        let results = read(&[("a.csv", &text)], &by_steps()).unwrap();
        assert!(
            results
                .records
                .trials
                .iter()
                .all(|trial| trial.test_metric.is_some()),
            "{text}"
        );
    }
}

#[test]
fn each_file_of_a_trial_is_compared_with_the_others() {
    let curve = |steps: u32| {
        let rows = (1..=steps).map(|step| format!("{step},0.{step}\n"));
        "step,test_metric\n".to_owned() + &rows.collect::<String>()
    };
    let options = |missing_metric| ResultsOptions {
        layout: Layout {
            constants: vec![pair("task", "t"), pair("batch_size", "64")],
            file_name: Some(Pattern::parse("{arm}_s{seed}.csv").unwrap()),
            ..by_steps().layout
        },
        missing_metric,
        ..ResultsOptions::default()
    };
    let (short, whole) = (curve(3), curve(5));
    let files = [
        ("a_s1.csv", whole.as_str()),
        ("b_s1.csv", &short),
        ("a_s2.csv", &whole),
    ];
    let said = refused(&files, &options(None));
    assert!(
        said.contains("b_s1.csv: column `test_metric`: 1 of 1 trials"),
        "{said}"
    );
    assert!(
        said.contains("line 4 ends at step 3, others at 5"),
        "{said}"
    );
    let results = read(&files, &options(Some(Outcome::Crashed))).unwrap();
    assert_eq!(results.records.trials[1].outcome, Outcome::Crashed);
}

#[test]
fn rows_of_other_measurements_are_not_taken_for_divergences() {
    // As wandb's history and Lightning's CSV have them: train loss at each step, the rest at times.
    let head = "task,arm,batch_size,seed,step,loss,test_metric\n";
    let rows = |arm: &str, last: &str| {
        format!("t,{arm},64,1,1,2.0,\nt,{arm},64,1,2,,0.5\nt,{arm},64,1,3,1.0,{last}\n")
    };
    let said = |text: String| refused(&[("a.csv", &text)], &by_steps());
    let told = "it has numbers up to step 2; the last row by step, of each of 2 trials whose outcome is ok, has none";
    let both = said(format!("{head}{}{}", rows("a", ""), rows("b", "")));
    assert!(both.contains(told), "{both}");
    // Where one trial lacks it alone, or has NaN there, it most likely diverged.
    for last in ["", "NaN"] {
        let one = said(format!("{head}{}{}", rows("a", last), rows("b", "0.6")));
        assert!(
            one.contains("1 of 2 trials") && !one.contains(told),
            "{one}"
        );
    }
    // That all of several diverged is nothing to compare, whatever is told.
    let both = format!("{head}{}{}", rows("a", "NaN"), rows("b", "NaN"));
    assert!(said(both.clone()).contains(told));
    let diverged = ResultsOptions {
        missing_metric: Some(Outcome::Diverged),
        ..by_steps()
    };
    assert!(refused(&[("a.csv", &both)], &diverged).contains(told));
}

#[test]
fn an_early_end_is_a_good_one_where_the_command_says_so_and_no_file_does() {
    let text = long([&[1, 2, 3, 4], &[1, 2], &[1, 2, 3, 4]]);
    let mut well = by_steps();
    well.layout.constants = vec![pair("outcome", "ok")];
    let results = read(&[("a.csv", &text)], &well).unwrap();
    assert_eq!(results.records.trials[1].test_metric, Some(0.2));
    let notes = results.notes.join(" ");
    assert!(notes.contains("1 trial ends before others of the task and batch size by step"));
    // Ray's word for a trial that its scheduler stopped is that for one that ended well.
    let with = |word: &str| {
        let rows = text.lines().skip(1).map(|row| {
            let word = if row.contains(",b,") {
                word
            } else {
                "TERMINATED"
            };
            format!("{row},{word}\n")
        });
        let head = "task,arm,batch_size,seed,step,test_metric,outcome\n".to_owned();
        head + &rows.collect::<String>()
    };
    let said = refused(&[("a.csv", &with("TERMINATED"))], &by_steps());
    assert!(said.contains(EARLY), "{said}");
    let told = ResultsOptions {
        outcomes: vec![("TERMINATED".to_owned(), Outcome::Ok)],
        ..by_steps()
    };
    let results = read(&[("a.csv", &with("TERMINATED"))], &told).unwrap();
    assert_eq!(results.records.trials[1].test_metric, Some(0.2));
    // What crashed or still runs ended early for a reason that is known.
    for (word, trials) in [("ERROR", 3), ("RUNNING", 2)] {
        let results = read(&[("a.csv", &with(word))], &by_steps()).unwrap();
        assert_eq!(results.records.trials.len(), trials, "{word}");
        assert!(!results.notes.join(" ").contains(EARLY), "{word}");
    }
}

/// Two arms with these metrics, under a name.
fn named(metric: &str, a: &str, b: &str) -> String {
    let mut text = "task,arm,batch_size,seed,metric,test_metric\n".to_owned();
    for seed in 1..=3 {
        text += &format!("t,a,64,{seed},{metric},{a}{seed}\nt,b,64,{seed},{metric},{b}{seed}\n");
    }
    text
}

#[test]
fn a_metric_whose_name_tells_no_direction_is_said_to_be_taken_for_more_is_better() {
    let known = |direction| ResultsOptions {
        directions: vec![Direction {
            metric: Some("quux".to_owned()),
            higher_is_better: direction,
        }],
        ..ResultsOptions::default()
    };
    let text = named("quux", "0.5", "0.6");
    let results = read(&[("a.csv", &text)], &ResultsOptions::default()).unwrap();
    let notes = results.notes.join(" ");
    assert!(notes.contains("The name of metric `quux` does not say whether more or less"));
    assert!(
        notes.contains("`--better quux=lower` says otherwise"),
        "{notes}"
    );
    for direction in [true, false] {
        let results = read(&[("a.csv", &text)], &known(direction)).unwrap();
        assert_eq!(results.records.trials[0].higher_is_better, direction);
        assert!(results.notes.is_empty(), "{:?}", results.notes);
    }
    let results = read(
        &[("a.csv", &named("accuracy", "0.5", "0.6"))],
        &ResultsOptions::default(),
    );
    assert!(results.unwrap().notes.is_empty());
    for loss in ["bce", "val_huber", "CRPS", "l2", "generalization gap"] {
        let error = read(
            &[("a.csv", &named(loss, "0.5", "0.6"))],
            &ResultsOptions::default(),
        );
        assert!(matches!(error, Err(Error::NoDirection { .. })), "{loss}");
    }
}

#[test]
fn percent_beside_fractions_is_refused_with_both_ranges() {
    let share = named("accuracy", "0.6", "0.7");
    let percent = named("accuracy", "60.", "70.")
        .replace(",a,", ",c,")
        .replace(",b,", ",d,");
    let said = refused(
        &[("one.csv", &share), ("other.csv", &percent)],
        &ResultsOptions::default(),
    );
    for words in [
        "other.csv: metric `accuracy`: test_metric in ",
        "one.csv is 0.61 to 0.63, and test_metric in ",
        "other.csv is 60.1 to 60.3: one looks like percent of the other",
    ] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
    // Between arms of a file, between tasks, and between columns.
    let said = refused(
        &[("a.csv", &named("hr@10", "0.6", "59."))],
        &ResultsOptions::default(),
    );
    assert!(
        said.contains(
            "test_metric of arm a is 0.61 to 0.63, and test_metric of arm b is 59.1 to 59.3"
        ),
        "{said}"
    );
    let tasks = named("hr@10", "0.6", "59.").replace("t,b,", "u,a,");
    let said = refused(&[("a.csv", &tasks)], &ResultsOptions::default());
    assert!(
        said.contains("test_metric of task u is 59.1 to 59.3"),
        "{said}"
    );
    let columns = "task,arm,batch_size,seed,metric,test_metric,train_metric\n\
                   t,a,64,1,acc,61.5,0.75\nt,b,64,1,acc,62.5,0.71\n";
    let said = refused(&[("a.csv", columns)], &ResultsOptions::default());
    assert!(
        said.contains("train_metric is 0.75 to 0.75, and test_metric is 61.5 to 61.5"),
        "{said}"
    );
    // It may be so.
    let same_unit = ResultsOptions {
        same_unit: true,
        ..ResultsOptions::default()
    };
    let results = read(&[("a.csv", &named("hr@10", "0.6", "59."))], &same_unit).unwrap();
    assert!(
        results
            .notes
            .join(" ")
            .contains("taken as of one unit, as it is said")
    );
}

#[test]
fn numbers_of_one_unit_are_not_called_percent() {
    for (metric, a, b) in [
        // Errors in percent, of which some are below one.
        ("error", "0.4", "3.1"),
        // A loss may be a hundred times another.
        ("loss", "0.02", "2.1"),
        ("reward", "0.5", "45."),
        ("accuracy", "0.1", "0.9"),
        ("accuracy", "10.", "90."),
    ] {
        let options = ResultsOptions {
            directions: vec![Direction {
                metric: None,
                higher_is_better: true,
            }],
            ..ResultsOptions::default()
        };
        let results = read(&[("a.csv", &named(metric, a, b))], &options);
        assert!(results.is_ok(), "{metric}: {}", results.unwrap_err());
    }
    // What nothing names may be another thing in another task.
    let text = named("accuracy", "0.6", "31.")
        .replace("t,b,", "u,b,")
        .replace("accuracy", "metric");
    read(&[("a.csv", &text)], &ResultsOptions::default()).unwrap();
}

#[test]
fn an_infinity_is_named_and_is_no_missing_column() {
    let head = "task,arm,batch_size,seed,test_metric,train_metric\n";
    let rows = |train: [&str; 2]| {
        format!(
            "{head}t,a,64,1,0.5,{}\nt,a,64,2,0.6,{}\n",
            train[0], train[1]
        )
    };
    let said = |text: &str| refused(&[("a.csv", text)], &ResultsOptions::default());
    let error = said(&rows(["-inf", "0.7"]));
    assert!(
        error.contains("column `train_metric`: 1 of 2 trials"),
        "{error}"
    );
    assert!(error.contains("have no number (line 2: `-inf`)"), "{error}");
    // An arm in which every one is infinite was measured all the same.
    let error = said(&rows(["-inf", "inf"]));
    assert!(
        error.contains("2 of 2 trials") && error.contains("(lines 2, 3: `-inf`)"),
        "{error}"
    );
    let results = read(&[("a.csv", &rows(["", ""]))], &ResultsOptions::default()).unwrap();
    assert!(
        results
            .records
            .trials
            .iter()
            .all(|trial| trial.train_metric.is_none())
    );
    let infinite = rows(["0.5", "0.6"]).replace("0.6,0.6", "inf,0.6");
    assert!(said(&infinite).contains("(line 3: `inf`)"));
}

#[test]
fn a_constant_beside_a_column_is_refused_or_said_to_be_of_other_files() {
    let own = "task,arm,batch_size,seed,test_metric\nt,a,64,1,0.5\n";
    let without = "arm,batch_size,seed,test_metric\nb,64,1,0.6\n";
    let options = ResultsOptions {
        layout: Layout {
            constants: vec![pair("task", "digits")],
            ..Layout::default()
        },
        ..ResultsOptions::default()
    };
    let said = refused(&[("own.csv", own)], &options);
    assert!(
        said.contains("own.csv: column `task` stands in the file, so no constant takes its place")
            && said.contains("leave `digits` out"),
        "{said}"
    );
    let results = read(&[("own.csv", own), ("without.csv", without)], &options).unwrap();
    let tasks: Vec<&str> = results
        .records
        .trials
        .iter()
        .map(|one| one.task.as_str())
        .collect();
    assert_eq!(tasks, ["t", "digits"]);
    let notes = results.notes.join(" ");
    assert!(
        notes.contains("own.csv; the constant digits is of the other files."),
        "{notes}"
    );
}

#[test]
fn an_infinity_in_json_is_named_and_a_nan_is_missing() {
    let lines = |metric: &str| {
        format!(
            "{{\"task\": \"t\", \"arm\": \"a\", \"batch_size\": 64, \"seed\": 1, \"test_metric\": 0.5}}\n\
             {{\"task\": \"t\", \"arm\": \"a\", \"batch_size\": 64, \"seed\": 2, \"test_metric\": {metric}}}\n"
        )
    };
    let said = |metric| refused(&[("a.jsonl", &lines(metric))], &ResultsOptions::default());
    assert!(
        said("-Infinity").contains("(line 2: `-inf`)"),
        "{}",
        said("-Infinity")
    );
    assert!(said("Infinity").contains("(line 2: `inf`)"));
    assert!(said("NaN").contains("(line 2)"), "{}", said("NaN"));
}

#[test]
fn a_folder_is_said_to_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let said = ResultsFile::open(dir.path()).unwrap_err().to_string();
    assert!(said.contains("a folder; give the files in it"), "{said}");
}

#[test]
fn a_file_without_anything_is_said_to_be_empty() {
    for text in ["", "\n \n", "\u{feff}"] {
        let said = refused(&[("a.csv", text)], &ResultsOptions::default());
        assert!(
            said.contains("a.csv: nothing is in it, not even a header"),
            "{text:?}: {said}"
        );
    }
}

/// Four trials with what a column of another name says of each.
fn with_states(states: [&str; 4]) -> String {
    let mut text = "task,arm,batch_size,seed,metric,test_metric,State\n".to_owned();
    for (seed, state) in states.iter().enumerate() {
        text += &format!("t,a,64,{seed},accuracy,0.7,{state}\n");
    }
    text
}

#[test]
fn a_column_of_states_that_is_not_read_is_refused() {
    let read_it = ResultsOptions {
        layout: Layout {
            columns: vec![pair("outcome", "State")],
            ..Layout::default()
        },
        ..ResultsOptions::default()
    };
    let all_well = ResultsOptions {
        layout: Layout {
            constants: vec![pair("outcome", "ok")],
            ..Layout::default()
        },
        ..ResultsOptions::default()
    };
    for states in [
        ["COMPLETE", "PRUNED", "COMPLETE", "COMPLETE"],
        ["finished", "failed", "running", "finished"],
    ] {
        let text = with_states(states);
        let said = refused(&[("a.csv", &text)], &ResultsOptions::default());
        for words in [
            "column `State` says how trials ended",
            "--column outcome=State",
        ] {
            assert!(said.contains(words), "{words:?} is not in: {said}");
        }
        read(&[("a.csv", &text)], &read_it).unwrap();
        read(&[("a.csv", &text)], &all_well).unwrap();
    }
    // All ended well, or the column says something else.
    for states in [["finished"; 4], ["nan"; 4], ["failed", "x", "y", "z"]] {
        let read = read(
            &[("a.csv", &with_states(states))],
            &ResultsOptions::default(),
        );
        assert_eq!(read.unwrap().ignored, ["State"], "{states:?}");
    }
}

#[test]
fn percent_beside_fractions_within_one_arm_is_refused() {
    let text = "task,arm,batch_size,seed,metric,test_metric\nt,a,64,1,accuracy,0.71\n\
                t,a,64,2,accuracy,70.5\nt,a,64,3,accuracy,0.69\nt,a,64,4,accuracy,0.70\n";
    let said = refused(&[("a.csv", text)], &ResultsOptions::default());
    assert!(said.contains("looks like percent"), "{said}");
    assert!(said.contains("of arm a is 70.5 to 70.5"), "{said}");
}
