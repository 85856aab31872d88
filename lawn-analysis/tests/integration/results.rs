//! Results made elsewhere, as plain CSV and Parquet.

use std::fs;
use std::path::{Path, PathBuf};

use lawn_analysis::analysis::{Analysis, Question};
use lawn_analysis::records::{Outcome, Records, Results, Stage};
use lawn_analysis::{Error, ReportRequest, write_report};
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
    let records = Results::read(&path).unwrap().records;
    assert_eq!(records.trials.len(), 25);
    let last = records.trials.last().unwrap();
    assert_eq!(
        (last.outcome, last.stage, last.test_metric),
        (Outcome::Diverged, Stage::Confirm, None)
    );
    assert_eq!(last.trial_id, "line-26");
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
    assert_eq!(without_ids(&parquet), without_ids(&path));
}

/// The trials without their ids, which are lines in one format and rows in the other.
fn without_ids(path: &Path) -> Records {
    let mut records = Results::read(path).unwrap().records;
    for trial in &mut records.trials {
        trial.trial_id = String::new();
    }
    records
}

#[test]
fn what_is_wrong_with_a_table_is_named() {
    let cases = [
        (
            csv().replace("batch_size", "batch"),
            "column `batch_size` is missing; required: task, arm, batch_size, seed, test_metric; \
             found: arm, task, seed, batch, test_metric",
        ),
        (
            csv().replace("colour", "seed"),
            "two columns are called `seed`",
        ),
        (
            csv().replacen(",256,", ",small,", 1),
            "line 2: column `batch_size`: `small` is not an integer",
        ),
        (
            csv().replacen(",256,", ",256.5,", 1),
            "line 2: column `batch_size`: `256.5` is not an integer",
        ),
        (
            csv().replace("diverged", "exploded"),
            "line 26: column `outcome`: `exploded` is not one of `ok`, `diverged`",
        ),
        (
            csv().replacen("plain,mine,2,", "plain,mine,,", 1),
            "line 6: column `seed`: the cell is empty, and every trial needs a value there",
        ),
        (
            csv().replacen(",0.7,", ",0.7%,", 1),
            "line 3: column `train_metric`: `0.7` is not a number with a percent sign, as line 2 has one",
        ),
        (
            csv().replacen(",blue\n", "\n", 1),
            "line 2: 7 cells, expected 8 as in the header",
        ),
        (
            csv().lines().next().unwrap().to_owned() + "\n",
            "no row under the header",
        ),
        (String::new(), "nothing is in it, not even a header"),
    ];
    for (text, expected) in cases {
        let (_dir, path) = written("results.csv", &text);
        let error = Results::read(&path).unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains("results.csv"),
            "{error}"
        );
    }
    let (dir, _) = written("results.csv", "");
    let error = Results::read(&dir.path().join("absent.csv")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    let (_dir, path) = written("results.parquet", "PAR1 not parquet");
    let error = Results::read(&path).unwrap_err();
    assert!(matches!(error, Error::Parquet { .. }), "{error}");
}

#[test]
fn what_other_tools_write_is_read() {
    // A byte order mark, spaces, quoted names with commas and line breaks, whole decimals.
    let text = "\u{feff}task, arm ,batch_size,seed,test_metric,test_count,higher_is_better,note\r\n\
                \"a, b\",x,256.0,1, 0.5 ,5.0,True,\"two\nlines\"\r\n\
                \"a, b\",x,256.0,oops,0.6,,False,\r\n";
    let (_dir, path) = written("results.csv", text);
    let error = Results::read(&path).unwrap_err().to_string();
    assert!(error.contains("line 4: column `seed`: `oops`"), "{error}");
    let (_dir, path) = written("results.csv", &text.replace("oops", "2"));
    let results = Results::read(&path).unwrap();
    assert_eq!(results.ignored, ["note"]);
    assert!(results.directed);
    let first = &results.records.trials[0];
    assert_eq!(
        (first.task.as_str(), first.batch_size, first.test_count),
        ("a, b", 256, Some(5))
    );
    assert!(first.higher_is_better && !results.records.trials[1].higher_is_better);
}
