//! A sentence that says why there is no number is true of the records, whatever they lack.

use lawn_analysis::analysis::{Analysis, Question, Verdict, claims};
use lawn_analysis::records::Results;
use lawn_analysis::{Records, ReportRequest};

/// A trial of a CSV: arm, batch size, seed, test metric, train metric, outcome.
type Row = (
    &'static str,
    i64,
    i64,
    &'static str,
    &'static str,
    &'static str,
);

fn read(rows: &[Row]) -> Records {
    let mut text = "task,arm,batch_size,seed,test_metric,train_metric,outcome\n".to_owned();
    for (arm, batch, seed, test, train, outcome) in rows {
        text.push_str(&format!(
            "t,{arm},{batch},{seed},{test},{train},{outcome}\n"
        ));
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("results.csv");
    std::fs::write(&file, text).unwrap();
    Results::read(&file).unwrap().records
}

/// Both arms with the same seeds at both batch sizes, after a change to each row.
fn sweep(change: impl Fn(&mut Row) -> bool) -> Records {
    let mut rows = Vec::new();
    for arm in ["sgd", "mine"] {
        for batch in [256, 1024] {
            for seed in 1..=8 {
                let test = match (arm, seed % 2) {
                    ("sgd", 0) => "0.61",
                    ("sgd", _) => "0.60",
                    (_, 0) => "0.63",
                    _ => "0.64",
                };
                let mut row = (arm, batch, seed, test, "0.7", "ok");
                if change(&mut row) {
                    rows.push(row);
                }
            }
        }
    }
    read(&rows)
}

fn lose(row: &mut Row, outcome: &'static str) {
    (row.3, row.4, row.5) = ("", "", outcome);
}

fn request() -> ReportRequest {
    ReportRequest::new("reasons", 256).contrast("sgd", "mine")
}

fn sentence(records: &Records, question: Question) -> String {
    let analysis = Analysis::new(records, &request()).unwrap();
    let family = analysis.family("t", question).unwrap();
    family.answers.last().unwrap().sentence.clone()
}

fn claim(records: &Records) -> String {
    let analysis = Analysis::new(records, &request()).unwrap();
    let claims = claims(&analysis, &request()).unwrap();
    let mean = claims
        .iter()
        .find(|claim| claim.claim.contains("over all batch"));
    mean.unwrap().sentence.clone()
}

#[track_caller]
fn says(sentence: &str, reason: &str) {
    assert!(sentence.contains(reason), "{reason}: {sentence}");
    let others = [
        "no seed in common",
        "no seed ended well",
        "has no confirmation trial there",
        "neither arm has",
        "no seed has a number",
        "has a trial at every batch size",
    ];
    for other in others.iter().filter(|other| !reason.contains(*other)) {
        assert!(!sentence.contains(other), "{other}: {sentence}");
    }
}

#[test]
fn what_no_trial_records_is_not_asked() {
    let gaps = [Question::GeneralizationGap, Question::GapSlope];
    let whole = Analysis::new(&sweep(|_| true), &request()).unwrap();
    assert!(gaps.iter().all(|gap| whole.family("t", *gap).is_some()));
    let note = "no train metric";
    assert!(!whole.notes.iter().any(|text| text.contains(note)));
    for arms in [&["sgd", "mine"][..], &["mine"]] {
        let without = sweep(|row| {
            if arms.contains(&row.0) {
                row.4 = "";
            }
            true
        });
        let analysis = Analysis::new(&without, &request()).unwrap();
        assert!(gaps.iter().all(|gap| analysis.family("t", *gap).is_none()));
        assert!(analysis.notes.iter().any(|text| text.contains(note)));
        let test = analysis.family("t", Question::TestMetric).unwrap();
        assert_eq!(test.answers[0].verdict, Verdict::Better);
    }
    // Trials that all diverged would have recorded it: the question stands.
    let lost = sweep(|row| {
        if row.0 == "mine" {
            lose(row, "diverged");
        }
        true
    });
    says(
        &sentence(&lost, Question::GeneralizationGap),
        "no seed ended well in both arms",
    );
}

#[test]
fn one_seed_without_the_number_is_named() {
    // Only the large batch lacks it, of every seed of one arm, in the records of a run.
    let mut partial = sweep(|_| true);
    for trial in &mut partial.trials {
        if trial.arm == "mine" && trial.batch_size == 1024 {
            trial.train_metric = None;
        }
    }
    let reason = "no seed has a number in both arms (seed 1 of mine: no train metric at batch size \
                  1024)";
    says(&sentence(&partial, Question::GeneralizationGap), reason);
    says(&sentence(&partial, Question::GapSlope), reason);
}

#[test]
fn disjoint_seeds_are_called_that_and_compared_as_independent() {
    let disjoint = sweep(|row| {
        if row.0 == "mine" {
            row.2 += 100;
        }
        true
    });
    let found = sentence(&disjoint, Question::TestMetric);
    says(&found, "no seed in common");
    for part in [
        "; as independent samples, which decide no verdict, they differ by +0.03000 (8 and 8 \
         trials",
        "95 % interval +",
        "Welch t adjusted p < 0.0001",
        "Mann–Whitney adjusted p = 0.00031",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
    let analysis = Analysis::new(&disjoint, &request()).unwrap();
    let answer = &analysis.family("t", Question::TestMetric).unwrap().answers[0];
    assert_eq!(answer.verdict, Verdict::Inconclusive);
    let unpaired = answer.comparison.unpaired.unwrap();
    // All of sixteen values apart: two of C(16, 8) arrangements, twice by Holm.
    assert_eq!(unpaired.mann_whitney.unwrap().p, 2.0 / 12870.0);
    assert_eq!(answer.adjusted.mann_whitney, Some(4.0 / 12870.0));
    says(&claim(&disjoint), "no seed in common");
    says(
        &sentence(&disjoint, Question::TestSlope),
        "no seed in common",
    );
    // A single shared seed is a pair, and the others are left out.
    let one_shared = sweep(|row| {
        if row.0 == "mine" {
            row.2 += 7;
        }
        true
    });
    let found = sentence(&one_shared, Question::TestMetric);
    assert!(
        found.contains("(1 seed, one seed has no interval"),
        "{found}"
    );
    assert!(
        found.contains("14 seeds without a pair are left out"),
        "{found}"
    );
    assert!(!found.contains("independent"), "{found}");
}

#[test]
fn disjoint_arms_of_which_one_diverges_rank_it_worst() {
    let lost = sweep(|row| {
        if row.0 == "mine" {
            row.2 += 100;
            if row.2 > 102 {
                lose(row, "diverged");
            }
        }
        true
    });
    let analysis = Analysis::new(&lost, &request()).unwrap();
    let answer = &analysis.family("t", Question::TestMetric).unwrap().answers[0];
    let unpaired = answer.comparison.unpaired.unwrap();
    assert_eq!((unpaired.diverged, unpaired.treatment), (6, 8));
    assert_eq!(unpaired.difference.n, 10);
    // The two that ended well are above all, the six others below all: U is 16 of 64.
    assert_eq!(unpaired.mann_whitney.unwrap().statistic, 16.0);
    says(&answer.sentence, "no seed in common");
    assert!(
        answer
            .sentence
            .contains(", 6 diverged trials ranked worst in the latter test)"),
        "{}",
        answer.sentence
    );
}

#[test]
fn what_diverged_or_failed_is_called_that() {
    for outcome in [
        "diverged",
        "crashed",
        "out-of-memory",
        "timeout",
        "preempted",
    ] {
        for arms in [&["sgd"][..], &["mine"], &["sgd", "mine"]] {
            let lost = sweep(|row| {
                if arms.contains(&row.0) {
                    lose(row, outcome);
                }
                true
            });
            let found = sentence(&lost, Question::TestMetric);
            says(&found, "no seed ended well in both arms");
            assert_eq!(found.contains("diverged"), outcome == "diverged", "{found}");
            let reason = "no seed ended well in both arms at every batch size needed";
            says(&sentence(&lost, Question::TestSlope), reason);
            says(&sentence(&lost, Question::LargeBatchDrop), reason);
            says(&claim(&lost), reason);
        }
    }
    // Half of the seeds diverged in one arm, the others crashed in the other one.
    let both = sweep(|row| {
        match (row.0, row.2 % 2) {
            ("sgd", 0) => lose(row, "diverged"),
            ("mine", 1) => lose(row, "crashed"),
            _ => {}
        }
        true
    });
    says(
        &sentence(&both, Question::TestMetric),
        "no seed ended well in both arms",
    );
}

#[test]
fn a_batch_size_that_one_arm_lacks_is_told() {
    let lacking = sweep(|row| row.0 == "sgd" || row.1 == 256);
    let found = sentence(&lacking, Question::TestMetric);
    says(&found, "mine has no confirmation trial there");
    assert!(found.contains("paired seeds could decide it"), "{found}");
    let reason = "no seed of mine has a trial at every batch size needed";
    says(&sentence(&lacking, Question::TestSlope), reason);
    says(&sentence(&lacking, Question::LargeBatchDrop), reason);
    says(&claim(&lacking), reason);
    // Each seed lacks one of the two in one of the arms.
    let scattered = sweep(|row| match (row.0, row.1) {
        ("sgd", 256) => row.2 % 2 == 0,
        ("mine", 1024) => row.2 % 2 == 1,
        _ => true,
    });
    says(
        &sentence(&scattered, Question::TestSlope),
        "no seed in common with a trial at every batch size needed",
    );
    // Another arm has the batch size, and these have not.
    let mut third = sweep(|row| row.1 == 256);
    let mut other = third.trials[0].clone();
    (other.arm, other.batch_size) = ("lamb".into(), 1024);
    other.trial_id = "other".into();
    third.trials.push(other);
    says(
        &sentence(&third, Question::TestMetric),
        "neither arm has a confirmation trial",
    );
}

#[test]
fn one_batch_size_and_one_seed_ask_what_they_can() {
    let one = sweep(|row| row.1 == 256 && row.2 == 1);
    let analysis = Analysis::new(&one, &request()).unwrap();
    for question in [
        Question::TestSlope,
        Question::GapSlope,
        Question::LargeBatchDrop,
    ] {
        assert!(analysis.family("t", question).is_none(), "{question:?}");
    }
    let found = sentence(&one, Question::TestMetric);
    assert!(
        found.contains("(1 seed, one seed has no interval, adjusted p = 1)"),
        "{found}"
    );
    assert!(
        found.contains("1 seed cannot decide it, 6 could"),
        "{found}"
    );
}
