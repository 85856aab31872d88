//! Records survive the disk, and what is wrong with a file is said exactly.

use std::fs;
use std::path::Path;

use lawn_analysis::records::{
    BudgetUnit, EpochRow, MeasurementRow, Outcome, Phase, Split, Stage, TrialRow, UnitRow,
};
use lawn_analysis::{Error, Records};
use polars::prelude::{
    DataFrame, IntoColumn, KeyValueMetadata, NamedFrom, ParquetCompression, ParquetReader,
    ParquetWriter, SerReader, Series,
};

fn trial(seed: i64, outcome: Outcome) -> TrialRow {
    let ok = outcome == Outcome::Ok;
    TrialRow {
        sweep: "small".into(),
        task: "task".into(),
        arm: "adam".into(),
        batch_size: 1024,
        stage: Stage::Confirm,
        setting: 3,
        seed,
        trial_id: format!("id-{seed}"),
        hyperparameters: r#"{"learning_rate":0.003}"#.into(),
        outcome,
        detail: (!ok).then(|| "loss is NaN".into()),
        ranks: Some(2),
        rank_backend: ok.then(|| "gloo".to_owned()),
        frozen_at_step: ok.then_some(40),
        budget_unit: ok.then_some(BudgetUnit::Steps),
        budget_amount: ok.then_some(400),
        epochs: 20.0,
        steps: 400,
        samples: 409_600,
        metric: "score".into(),
        higher_is_better: true,
        train_metric: ok.then_some(0.75),
        validation_metric: None,
        test_metric: ok.then_some(0.1 + 0.2),
        test_count: ok.then_some(3),
        test_total: ok.then_some(10),
        train_loss: Some(f64::NAN),
        seconds_train: 1.5,
        seconds_data: 0.25,
        seconds_evaluate: 0.5,
        seconds_total: 2.5,
        samples_per_second: Some(1e5),
    }
}

fn records() -> Records {
    Records {
        trials: vec![trial(0, Outcome::Ok), trial(i64::MAX, Outcome::OutOfMemory)],
        epochs: vec![EpochRow {
            trial_id: "id-0".into(),
            epoch: 1.0,
            step: 20,
            samples: 20_480,
            phase: Phase::Constrained,
            learning_rate: 3e-3,
            train_loss: f64::INFINITY,
            train_metric: None,
            validation_metric: Some(0.5),
            logit_mean_abs: 1.0,
            logit_max_abs: 4.0,
            gradient_norm: 0.1,
            weight_norm: 12.0,
            distance_from_freeze: Some(0.75),
            function_distance: Some(0.125),
            samples_per_second: 1e5,
            seconds_train: 0.1,
            seconds_data: 0.0,
            seconds_evaluate: 0.1,
            seconds_checkpoint: 0.0,
        }],
        units: vec![UnitRow {
            trial_id: "id-0".into(),
            epoch: 1.0,
            parameter: "embedding \"ü\"".into(),
            weight_norm: 2.0,
            constrained: true,
        }],
        measurements: vec![MeasurementRow {
            trial_id: "id-0".into(),
            epoch: 1.0,
            split: Split::Validation,
            metric: "score".into(),
            value: 0.5,
            count: None,
            total: None,
        }],
    }
}

/// Rewrites `trials.parquet` with a changed frame and metadata.
fn rewrite(dir: &Path, version: &str, change: impl FnOnce(DataFrame) -> DataFrame) {
    rewrite_table(dir, "trials", version, change);
}

fn rewrite_table(
    dir: &Path,
    table: &str,
    version: &str,
    change: impl FnOnce(DataFrame) -> DataFrame,
) {
    let path = dir.join(format!("{table}.parquet"));
    let bytes = fs::read(&path).unwrap();
    let frame = ParquetReader::new(std::io::Cursor::new(bytes))
        .finish()
        .unwrap();
    let mut frame = change(frame);
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Snappy)
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(vec![
            ("lawn.schema_version".into(), version.into()),
            ("lawn.table".into(), table.into()),
        ])))
        .finish(&mut frame)
        .unwrap();
    fs::write(path, bytes).unwrap();
}

fn written() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    records().write(dir.path()).unwrap();
    dir
}

#[test]
fn round_trip_keeps_every_value() {
    let dir = written();
    let mut read = Records::load(dir.path()).unwrap();
    let mut expected = records();
    // NaN is not equal to itself, so it is compared by hand.
    for (read, expected) in read.trials.iter_mut().zip(&mut expected.trials) {
        assert!(read.train_loss.take().unwrap().is_nan());
        expected.train_loss = None;
    }
    assert_eq!(read, expected);
}

#[test]
fn empty_tables_round_trip() {
    let dir = tempfile::tempdir().unwrap();
    Records::default().write(dir.path()).unwrap();
    assert_eq!(Records::load(dir.path()).unwrap(), Records::default());
}

#[test]
fn equal_records_give_equal_bytes_and_no_leftovers() {
    let (one, two) = (written(), written());
    // A second write replaces the first.
    records().write(one.path()).unwrap();
    let mut names: Vec<_> = fs::read_dir(one.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "epochs.parquet",
            "measurements.parquet",
            "trials.parquet",
            "units.parquet"
        ]
    );
    for name in names {
        let read = |dir: &Path| fs::read(dir.join(&name)).unwrap();
        assert!(read(one.path()) == read(two.path()), "{name}");
    }
}

#[test]
fn newer_schema_is_refused_by_name() {
    let dir = written();
    rewrite(dir.path(), "7", |frame| frame);
    let error = Records::load(dir.path()).unwrap_err();
    assert!(matches!(
        error,
        Error::NewerSchema {
            found: 7,
            known: 6,
            table: "trials",
            ..
        }
    ));
    assert!(
        error
            .to_string()
            .contains("trials.parquet: schema version 7"),
        "{error}"
    );
}

#[test]
fn older_versions_are_read_without_the_columns_that_came_later() {
    let dir = written();
    rewrite(dir.path(), "2", |frame| {
        let later = [
            "budget_unit",
            "budget_amount",
            "ranks",
            "rank_backend",
            "frozen_at_step",
        ];
        frame.drop_many(later)
    });
    let read = Records::load(dir.path()).unwrap();
    assert_eq!(read.trials.len(), 2);
    let budget = |trial: &TrialRow| (trial.budget_unit, trial.budget_amount);
    assert!(
        read.trials
            .iter()
            .all(|trial| budget(trial) == (None, None))
    );

    rewrite_table(dir.path(), "epochs", "1", |frame| {
        frame.drop_many(["distance_from_freeze", "function_distance"])
    });
    let read = Records::load(dir.path()).unwrap();
    let mut expected = records().epochs;
    expected[0].distance_from_freeze = None;
    expected[0].function_distance = None;
    assert_eq!(read.epochs, expected);

    // In a file that says version 2 the column must be there.
    rewrite_table(dir.path(), "epochs", "2", |frame| frame);
    let error = Records::load(dir.path()).unwrap_err();
    assert!(
        matches!(&error, Error::MissingColumn { column, .. } if column == "distance_from_freeze"),
        "{error}"
    );
}

#[test]
fn version_that_is_no_number_is_refused() {
    let dir = written();
    rewrite(dir.path(), "one", |frame| frame);
    let error = Records::load(dir.path()).unwrap_err();
    assert!(matches!(error, Error::NoSchema { .. }), "{error}");
}

#[test]
fn foreign_table_is_refused() {
    let dir = written();
    fs::copy(
        dir.path().join("epochs.parquet"),
        dir.path().join("trials.parquet"),
    )
    .unwrap();
    let error = Records::load(dir.path()).unwrap_err();
    assert!(error.to_string().contains("is `epochs`"), "{error}");
}

#[test]
fn missing_column_is_named() {
    let dir = written();
    rewrite(dir.path(), "1", |frame| frame.drop("batch_size").unwrap());
    let error = Records::load(dir.path()).unwrap_err();
    assert!(
        matches!(&error, Error::MissingColumn { column, .. } if column == "batch_size"),
        "{error}"
    );
}

#[test]
fn wrong_type_is_named() {
    let dir = written();
    rewrite(dir.path(), "1", |mut frame| {
        let text = Series::new("batch_size".into(), ["a", "b"]).into_column();
        frame.replace("batch_size", text).unwrap();
        frame
    });
    let error = Records::load(dir.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("column `batch_size` is str, expected an integer"),
        "{error}"
    );
}

#[test]
fn absent_value_is_named_with_its_row() {
    let dir = written();
    rewrite(dir.path(), "1", |mut frame| {
        let holed = Series::new("seed".into(), [Some(1_i64), None]).into_column();
        frame.replace("seed", holed).unwrap();
        frame
    });
    let error = Records::load(dir.path()).unwrap_err();
    assert!(
        error.to_string().contains("column `seed`, row 2: no value"),
        "{error}"
    );
}

#[test]
fn unknown_word_is_named_with_what_is_allowed() {
    let dir = written();
    rewrite(dir.path(), "1", |mut frame| {
        let words = Series::new("outcome".into(), ["ok", "fine"]).into_column();
        frame.replace("outcome", words).unwrap();
        frame
    });
    let error = Records::load(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains("row 2: `fine` is not one of `ok`, `diverged`"),
        "{error}"
    );
}

#[test]
fn truncated_and_empty_files_are_errors_that_name_the_file() {
    let dir = written();
    let path = dir.path().join("units.parquet");
    let whole = fs::read(&path).unwrap();
    for length in [0, 3, 8, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = Records::load(dir.path()).unwrap_err();
        assert!(matches!(error, Error::Parquet { .. }), "{length}: {error}");
        assert!(error.to_string().contains("units.parquet"), "{error}");
    }
}

#[test]
fn missing_file_is_named() {
    let dir = written();
    fs::remove_file(dir.path().join("epochs.parquet")).unwrap();
    let error = Records::load(dir.path()).unwrap_err();
    assert!(error.to_string().contains("epochs.parquet"), "{error}");
}
