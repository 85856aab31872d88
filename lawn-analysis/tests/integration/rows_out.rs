//! Rows that are left out or refused: failed trials, empty cells, comments, and seeds out of range.

use lawn_analysis::Error;
use lawn_analysis::records::ResultsOptions;

use crate::layouts::read;

const HEAD: &str = "task,arm,batch_size,seed,test_metric,outcome\n";

#[test]
fn rows_of_a_skipped_outcome_are_left_out_and_counted() {
    let text = format!("{HEAD}t,a,1,1,,FAIL\nt,a,1,1,0.5,COMPLETE\nt,,1,,,FAIL\n");
    let error = read(&[("a.csv", &text)], &ResultsOptions::default()).unwrap_err();
    let Error::EmptyCell { ended, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(ended.as_deref(), Some("FAIL"));
    assert!(
        error
            .to_string()
            .contains("a.csv, line 4: column `arm`: the cell is empty"),
        "{error}"
    );
    let skipping = |word: &str| ResultsOptions {
        skipped: vec![word.to_owned()],
        ..ResultsOptions::default()
    };
    let results = read(&[("a.csv", &text)], &skipping("FAIL")).unwrap();
    assert_eq!(results.records.trials.len(), 1);
    let notes = results.notes.join(" ");
    let said = "2 rows have the outcome `FAIL` (lines 2, 4): left out, as asked.";
    assert!(notes.contains(said), "{notes}");
    let error = read(&[("a.csv", &text)], &skipping("FAILED")).unwrap_err();
    assert!(matches!(error, Error::NoSuchOutcome { .. }), "{error}");
    // A parent run ended well.
    let parent = format!("{HEAD}t,a,1,1,0.5,FINISHED\nt,,1,2,0.5,FINISHED\n");
    let error = read(&[("a.csv", &parent)], &ResultsOptions::default()).unwrap_err();
    assert!(
        matches!(error, Error::EmptyCell { ended: None, .. }),
        "{error}"
    );
}

#[test]
fn a_comment_and_a_seed_out_of_range_are_told_as_such() {
    let said = |text: String| {
        let error = read(&[("a.csv", &text)], &ResultsOptions::default());
        error.unwrap_err().to_string()
    };
    let comment = said(format!("# sweep of May\n{HEAD}t,a,1,1,0.5,ok\n"));
    let expected = "which is line 1; where that is a comment, since it begins with `#`";
    assert!(comment.contains(expected), "{comment}");
    let seed = said(format!("{HEAD}t,a,1,99999999999999999999,0.5,ok\n"));
    assert!(
        seed.contains("is not an integer of 64 bits: out of range"),
        "{seed}"
    );
}
