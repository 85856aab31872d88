//! Results made elsewhere, as plain CSV and Parquet.

use std::fs;
use std::path::PathBuf;

use lawn_analysis::analysis::{Analysis, Question};
use lawn_analysis::records::{Outcome, Stage};
use lawn_analysis::{Error, Records, ReportRequest, write_report};
use polars::prelude::{CsvReadOptions, ParquetWriter, SerReader};

fn csv() -> String {
    let mut text = "arm,task,seed,batch_size,test_metric,train_metric,outcome,colour\n".to_owned();
    for seed in 1..=6 {
        for (arm, gain) in [("plain", 0.0), ("lawn", 0.02)] {
            for (batch, drop) in [(256, 0.0), (1024, 0.01)] {
                let test = 0.6 + gain - drop + 0.001 * f64::from(seed);
                text += &format!("{arm},mine,{seed},{batch},{test:.3},0.7,ok,blue\n");
            }
        }
    }
    text + "plain,mine,7,256,,,diverged,red\n"
}

fn written(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    (dir, path)
}

#[test]
fn csv_gives_trials_and_a_report() {
    let (dir, path) = written("results.csv", &csv());
    let records = Records::from_results(&path).unwrap();
    assert_eq!(records.trials.len(), 25);
    let last = records.trials.last().unwrap();
    assert_eq!(
        (last.outcome, last.stage, last.test_metric),
        (Outcome::Diverged, Stage::Confirm, None)
    );
    assert_eq!(last.trial_id, "row-25");
    let request = ReportRequest::new("Mine", 256).contrast("plain", "lawn");
    let analysis = Analysis::new(&records, &request).unwrap();
    let family = analysis.family("mine", Question::TestMetric).unwrap();
    let comparison = &family.answers[1].comparison;
    assert_eq!(comparison.seeds.len(), 6);
    // Decimals tie exactly: every difference is 0.020, so the t test does not exist.
    assert!(comparison.paired_t.is_none());
    assert!((comparison.advantage.unwrap().value - 0.02).abs() < 1e-12);
    write_report(&records, &request, &dir.path().join("report")).unwrap();
}

#[test]
fn parquet_says_the_same_as_csv() {
    let (dir, path) = written("results.csv", &csv());
    let options = CsvReadOptions::default().with_has_header(true);
    let mut frame = options
        .try_into_reader_with_file_path(Some(path.clone()))
        .unwrap()
        .finish()
        .unwrap();
    let parquet = dir.path().join("results.parquet");
    ParquetWriter::new(fs::File::create(&parquet).unwrap())
        .finish(&mut frame)
        .unwrap();
    assert_eq!(
        Records::from_results(&parquet).unwrap(),
        Records::from_results(&path).unwrap()
    );
}

#[test]
fn what_is_wrong_with_a_table_is_named() {
    let cases = [
        (
            csv().replace("batch_size", "batch"),
            "column `batch_size` is missing",
        ),
        (
            csv().replace(",256,", ",small,"),
            "column `batch_size` is str, expected an integer",
        ),
        (
            csv().replace("diverged", "exploded"),
            "row 25: `exploded` is not one of `ok`",
        ),
        (
            csv().replace("plain,mine,1,", "plain,mine,,"),
            "column `seed`, row 1: no value",
        ),
    ];
    for (text, expected) in cases {
        let (_dir, path) = written("results.csv", &text);
        let error = Records::from_results(&path).unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains("results.csv"),
            "{error}"
        );
    }
    let (dir, _) = written("results.csv", "");
    let error = Records::from_results(&dir.path().join("absent.csv")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    let (_dir, path) = written("results.parquet", "not parquet");
    let error = Records::from_results(&path).unwrap_err();
    assert!(matches!(error, Error::Parquet { .. }), "{error}");
}
