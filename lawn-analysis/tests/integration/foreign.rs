//! Results as other tools write them: types, missing numbers, directions, and what contradicts
//! itself.

use std::fs;
use std::path::{Path, PathBuf};

use lawn_analysis::analysis::{Analysis, Question};
use lawn_analysis::records::{Direction, Outcome, Records, Results, ResultsOptions};
use lawn_analysis::{Error, ReportRequest};
use polars::prelude::{Column, DataFrame, ParquetWriter};

/// A file of the folder `parquet`, which `make.py` there wrote.
fn made(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parquet");
    folder.join(name)
}

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("results.csv");
    fs::write(&path, text).unwrap();
    (dir, path)
}

fn read(text: &str) -> Result<Results, Error> {
    let (_dir, path) = written(text);
    Results::read(&path)
}

fn refused(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

/// The notes but that on the name of the metric, which these files lack.
fn noted(results: &Results) -> Vec<String> {
    let notes = results.notes.iter();
    let others = notes.filter(|note| !note.starts_with("Nothing names the metric"));
    others.cloned().collect()
}

/// The records without ids, which are lines in one format and rows in the other.
fn nameless(results: &Results) -> Records {
    let mut records = results.records.clone();
    for trial in &mut records.trials {
        trial.trial_id.clear();
    }
    records
}

#[test]
fn a_table_says_the_same_in_every_type() {
    let expected = nameless(&Results::read(&made("table.csv")).unwrap());
    for name in [
        "decimals",
        "short_decimals",
        "long_decimals",
        "singles",
        "halves",
    ] {
        let path = made(&format!("{name}.parquet"));
        let results = Results::read(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(nameless(&results), expected, "{name}");
        let ignored = [
            "note", "created", "day", "took", "config", "tags", "nothing",
        ];
        assert_eq!(results.ignored, ignored, "{name}");
        let said = match name {
            "singles" => "Column test_metric holds 32-bit floats: 4 values are read as",
            "halves" => "Column test_metric holds 16-bit floats: 4 values are read as",
            _ => "",
        };
        let notes = results.notes.join("\n");
        assert!(
            notes.starts_with(said) && notes.is_empty() == said.is_empty(),
            "{notes}"
        );
    }
}

#[test]
fn a_column_that_cannot_be_a_number_is_refused_by_name() {
    let (dir, path) = written("");
    let mut frame = DataFrame::new(
        1,
        vec![
            Column::new("task".into(), ["t"]),
            Column::new("arm".into(), ["x"]),
            Column::new("batch_size".into(), [64_i32]),
            Column::new("seed".into(), [1_u32]),
            Column::new("test_metric".into(), ["high"]),
        ],
    )
    .unwrap();
    ParquetWriter::new(fs::File::create(&path).unwrap())
        .finish(&mut frame)
        .unwrap();
    let error = Results::read(&path).unwrap_err().to_string();
    assert!(
        error.contains("row 1: column `test_metric`: `high` is not a number"),
        "{error}"
    );
    drop(dir);
}

#[test]
fn the_kind_of_a_file_is_known_by_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let sound = fs::read(made("singles.parquet")).unwrap();
    for name in ["results.csv", "results.pq", "results"] {
        let path = dir.path().join(name);
        fs::write(&path, &sound).unwrap();
        assert_eq!(Results::read(&path).unwrap().records.trials.len(), 4);
    }
    let path = dir.path().join("results.parquet");
    fs::copy(made("table.csv"), &path).unwrap();
    assert_eq!(Results::read(&path).unwrap().records.trials.len(), 4);
    fs::write(&path, b"\xfd7zXZ\x00packed").unwrap();
    let error = Results::read(&path).unwrap_err().to_string();
    assert!(
        error.contains("results.parquet: compressed by xz; allowed: a CSV file"),
        "{error}"
    );
    fs::write(&path, b"\x1f\x8b\x08\x00cut").unwrap();
    let error = Results::read(&path).unwrap_err().to_string();
    assert!(error.contains("compressed by gzip, and damaged"), "{error}");
    let error = refused("task;arm;batch_size;seed;test_metric\n");
    assert!(error.contains("no row under the header"), "{error}");
}

const HEADER: &str = "task,arm,batch_size,seed,test_metric";

/// Two arms at one batch size, the metrics as given, seed by seed.
fn pairs(metrics: &[(&str, &str)]) -> String {
    let mut text = format!("{HEADER}\n");
    for (seed, (one, other)) in metrics.iter().enumerate() {
        text += &format!("t,sgd,256,{seed},{one}\nt,mine,256,{seed},{other}\n");
    }
    text
}

/// p of the exact test of the test metric, before any adjustment.
fn p_of(results: &Results) -> f64 {
    let request = ReportRequest::new("r", 256).contrast("sgd", "mine");
    let analysis = Analysis::new(&results.records, &request).unwrap();
    let family = analysis.family("t", Question::TestMetric).unwrap();
    family.answers[0].comparison.sign_flip.unwrap().p
}

/// Differences of 0.003, 0.002, 0.001 and 0.004 beside one of −0.003: |0.003| ties.
const TIED: [(&str, &str); 6] = [
    ("0.9316", "0.9346"),
    ("0.9150", "0.9170"),
    ("0.9134", "0.9144"),
    ("0.8962", "0.9002"),
    ("0.9100", "0.9070"),
    ("0.8800", "0.8850"),
];

#[test]
fn metrics_that_were_32_bits_are_what_they_were() {
    let clean = read(&pairs(&TIED)).unwrap();
    let noisy: Vec<(String, String)> = TIED
        .iter()
        .map(|(one, other)| {
            let wide = |text: &str| f64::from(text.parse::<f32>().unwrap()).to_string();
            (wide(one), wide(other))
        })
        .collect();
    let noisy: Vec<(&str, &str)> = noisy
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    assert!(noisy[0].1.starts_with("0.93459999"));
    let noise = read(&pairs(&noisy)).unwrap();
    assert_eq!(noise.records, clean.records);
    assert!(noted(&clean).is_empty());
    let notes = noted(&noise);
    let [note] = &notes[..] else {
        panic!("{notes:?}")
    };
    assert!(
        note.starts_with(
            "Column test_metric looks like 32-bit floats written as decimals: 12 values are read"
        ) && note.ends_with("0.9315999746322632 as 0.9316."),
        "{note}"
    );
    // All 64 signs counted in tenths of a permille: |3 + 2 + 1 + 4 − 3 + 5| = 12 or more in 14.
    let differences = [30_i32, 20, 10, 40, -30, 50];
    let seen: i32 = differences.iter().sum();
    let as_far = (0..64_u32).filter(|signs| {
        let signed = |(bit, d): (usize, &i32)| if signs >> bit & 1 == 1 { -d } else { *d };
        differences
            .iter()
            .enumerate()
            .map(signed)
            .sum::<i32>()
            .abs()
            >= seen.abs()
    });
    assert_eq!(p_of(&noise), as_far.count() as f64 / 64.0);
    // A report shows it.
    let mut request = ReportRequest::new("r", 256).contrast("sgd", "mine");
    request.notes = noise.notes.clone();
    let analysis = Analysis::new(&noise.records, &request).unwrap();
    assert_eq!(analysis.notes[0], *note);
}

#[test]
fn a_trial_that_ended_well_without_a_number_is_refused_or_taken_as_told() {
    let full = pairs(&[("0.70", "0.69"), ("0.71", "0.70"), ("0.72", "0.71")]);
    for nothing in ["", "NaN", "nan", "inf", "-inf", "NA", "null"] {
        let text = full.replacen("0.71\n", &format!("{nothing}\n"), 2);
        let (_dir, path) = written(&text);
        let error = Results::read(&path).unwrap_err();
        assert!(
            matches!(
                error,
                Error::MissingNumber {
                    missing: 2,
                    of: 6,
                    ..
                }
            ),
            "{error}"
        );
        assert!(
            error.to_string().contains(
                "results.csv: column `test_metric`: 2 of 6 trials whose outcome is ok have no \
                 number (lines 4, 7"
            ),
            "{error}"
        );
        for outcome in [Outcome::Diverged, Outcome::Crashed] {
            let options = ResultsOptions {
                missing_metric: Some(outcome),
                ..ResultsOptions::default()
            };
            let results = Results::read_with(&path, &options).unwrap();
            let ended = results.records.trials.iter().map(|trial| trial.outcome);
            assert_eq!(ended.filter(|found| *found == outcome).count(), 2);
            assert_eq!(
                noted(&results),
                [format!(
                    "2 of 6 confirmation trials with outcome ok have no test_metric (lines 4, 7): \
                     counted as {outcome}, as asked."
                )]
            );
        }
        // Said in the file, it is nothing to be asked about.
        let said = text
            .replace("test_metric\n", "test_metric,outcome\n")
            .replace(&format!(",{nothing}\n"), &format!(",{nothing},diverged\n"));
        let said: String = said
            .lines()
            .map(|line| match line.matches(',').count() {
                4 => format!("{line},ok\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let results = read(&said).unwrap();
        assert!(results.records.trials[2].test_metric.is_none() && noted(&results).is_empty());
    }
}

#[test]
fn every_column_that_decides_is_whole_or_absent() {
    let rows = |train: [&str; 4]| {
        let [a, b, c, d] = train;
        format!(
            "{HEADER},train_metric\nt,sgd,256,1,0.7,{a}\nt,sgd,256,2,0.7,{b}\n\
             t,mine,256,1,0.7,{c}\nt,mine,256,2,0.7,{d}\n"
        )
    };
    let error = refused(&rows(["0.8", "", "0.8", "0.9"]));
    assert!(
        error.contains("column `train_metric`: 1 of 4 trials whose outcome is ok")
            && error.contains("line 3"),
        "{error}"
    );
    assert!(read(&rows(["", "", "", ""])).is_ok());
    assert!(
        read(&rows(["", "", "0.8", "0.9"])).is_ok(),
        "an arm of which none was measured"
    );
    // Tuning trials choose by validation; they have no test metric.
    let tuned = |second: &str| {
        format!(
            "{HEADER},stage,validation_metric\nt,sgd,256,1,,tune,0.7\nt,sgd,256,2,,tune,{second}\n\
             t,sgd,256,3,0.7,confirm,\n"
        )
    };
    assert!(read(&tuned("0.6")).is_ok());
    let error = refused(&tuned(""));
    assert!(
        error.contains("column `validation_metric`: 1 of 2"),
        "{error}"
    );
    for (column, cell) in [(2, "batch_size"), (3, "seed"), (0, "task"), (1, "arm")] {
        let mut cells = ["t", "sgd", "256", "1", "0.7"];
        cells[column] = "";
        let error = refused(&format!("{HEADER}\n{}\n", cells.join(",")));
        assert!(
            error.contains(&format!("line 2: column `{cell}`: no value")),
            "{error}"
        );
    }
    // What decides nothing may be empty.
    let text = format!("{HEADER},epochs,seconds_total,hyperparameters\nt,sgd,256,1,0.7,,,\n");
    assert_eq!(read(&text).unwrap().records.trials[0].hyperparameters, "{}");
}

#[test]
fn a_loss_without_a_direction_is_refused() {
    let text = format!("{HEADER},metric\nt,sgd,256,1,1.2,test_loss\nt,mine,256,1,1.1,test_loss\n");
    let (_dir, path) = written(&text);
    let error = Results::read(&path).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("metric `test_loss`: nothing says whether more or less of it"),
        "{error}"
    );
    let with = |directions: &[(Option<&str>, bool)]| {
        let of = |(metric, higher): &(Option<&str>, bool)| Direction {
            metric: metric.map(str::to_owned),
            higher_is_better: *higher,
        };
        let options = ResultsOptions {
            directions: directions.iter().map(of).collect(),
            ..ResultsOptions::default()
        };
        let results = Results::read_with(&path, &options)?;
        Ok::<_, Error>(results.records.trials[0].higher_is_better)
    };
    assert!(!with(&[(None, false)]).unwrap());
    assert!(with(&[(None, true)]).unwrap());
    assert!(!with(&[(None, true), (Some("test_loss"), false)]).unwrap());
    assert!(with(&[(Some("accuracy"), true)]).is_err());
    let stated = text
        .replace("metric\n", "metric,higher_is_better\n")
        .replace("test_loss\n", "test_loss,false\n");
    assert!(!read(&stated).unwrap().records.trials[0].higher_is_better);
    assert!(read(&text.replace("test_loss", "accuracy")).is_ok());
}

#[test]
fn the_direction_is_in_every_sentence() {
    let text = pairs(&[("1.2", "1.1"), ("1.3", "1.1"), ("1.4", "1.1")]);
    let (_dir, path) = written(&text);
    let directions = vec![Direction {
        metric: None,
        higher_is_better: false,
    }];
    let options = ResultsOptions {
        directions,
        ..ResultsOptions::default()
    };
    let results = Results::read_with(&path, &options).unwrap();
    let request = ReportRequest::new("r", 256).contrast("sgd", "mine");
    let analysis = Analysis::new(&results.records, &request).unwrap();
    let sentence = &analysis.family("t", Question::TestMetric).unwrap().answers[0].sentence;
    assert!(
        sentence.contains("test metric (less is better) at batch size 256"),
        "{sentence}"
    );
    let analysis = Analysis::new(&read(&text).unwrap().records, &request).unwrap();
    let sentence = &analysis.family("t", Question::TestMetric).unwrap().answers[0].sentence;
    assert!(
        sentence.contains("test metric (more is better) at batch size 256"),
        "{sentence}"
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    let counted = |metric: &str, count: &str, total: &str| {
        format!("{HEADER},test_count,test_total\nt,sgd,256,1,{metric},{count},{total}\n")
    };
    let cases = [
        (
            format!("{HEADER}\nt,sgd,0,1,0.7\n"),
            "line 2: column `batch_size`: `0` is not an integer of at least 1",
        ),
        (
            format!("{HEADER}\nt,sgd,-5,1,0.7\n"),
            "`-5` is not an integer of at least 1",
        ),
        (
            counted("0.6102", "1200", "1000"),
            "column `test_count`: `1200` is not an integer from 0 to its test_total 1000",
        ),
        (
            counted("0.6102", "-1", "1000"),
            "`-1` is not an integer from 0",
        ),
        (
            counted("0.6102", "0", "0"),
            "column `test_total`: `0` is not an integer of at least 1",
        ),
        (
            counted("0.6102", "600", "1000"),
            "column `test_metric`: `0.6102` is not 0.6, the ratio of its test_count 600 and test_total 1000",
        ),
        (
            format!("{HEADER},trial_id\nt,sgd,256,1,0.7,a\nt,sgd,256,2,0.7,a\n"),
            "line 2 and line 3 both have the trial id `a`",
        ),
    ];
    for (text, expected) in cases {
        let error = refused(&text);
        assert!(
            error.contains(expected) && error.contains("results.csv"),
            "{error}"
        );
    }
    for (metric, count, total) in [
        ("0.61", "1230", "2016"),
        ("0.6101190476190477", "1230", "2016"),
        ("0.6101190447807312", "1230", "2016"),
    ] {
        let results = read(&counted(metric, count, total)).unwrap();
        assert_eq!(
            results.records.trials[0].test_metric,
            Some(1230.0 / 2016.0),
            "{metric}"
        );
    }
    let percent = read(&counted("61.01", "1230", "2016")).unwrap();
    let all_digits = Some(123_000.0 / 2016.0);
    assert_eq!(percent.records.trials[0].test_metric, all_digits);
}

#[test]
fn a_contrast_is_asked_for_once() {
    let records = read(&pairs(&[("0.7", "0.8")])).unwrap().records;
    let once = ReportRequest::new("r", 256).contrast("sgd", "mine");
    assert!(Analysis::new(&records, &once).is_ok());
    for (baseline, treatment, why) in [
        ("sgd", "mine", "it is asked for twice"),
        ("mine", "sgd", "it is asked for the other way round as well"),
        ("sgd", "sgd", "an arm cannot be compared with itself"),
    ] {
        let request = once.clone().contrast(baseline, treatment);
        let error = Analysis::new(&records, &request).unwrap_err().to_string();
        assert!(error.ends_with(why), "{error}");
    }
}

#[test]
fn columns_of_other_tools_are_not_looked_at() {
    let text = "lr,task,lr,arm,batch_size,seed,test_metric\n1,t,2,sgd,256,1,0.7\n";
    let results = read(text).unwrap();
    assert_eq!(results.ignored, ["lr", "lr"]);
    let error = refused("number,value,params_optimizer\n0,0.7,adam\n");
    assert!(
        error.contains(
            "columns `task`, `arm`, `batch_size`, `seed`, `test_metric` are missing; required: \
             task, arm, batch_size, seed, test_metric; found: number, value, params_optimizer"
        ),
        "{error}"
    );
}
