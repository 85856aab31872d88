//! Every claim about sweeps in which trials diverge, against what is counted in fractions by every
//! pattern of signs (`goldens/claims.py`).

use lawn_analysis::ReportRequest;
use lawn_analysis::analysis::{Analysis, claims};
use lawn_analysis::records::{EpochRow, Outcome, Phase, Records, Stage, TrialRow};
use lawn_analysis::simulate::Simulation;
use serde_json::Value;

/// A confirmation trial, and an epoch of one, whose other columns say nothing here.
fn templates() -> (TrialRow, EpochRow) {
    let simulation = Simulation {
        counts: false,
        ..Simulation::default()
    };
    let records = simulation.records();
    let trial = records
        .trials
        .iter()
        .find(|trial| trial.stage == Stage::Confirm);
    (trial.unwrap().clone(), records.epochs[0].clone())
}

fn records(case: &Value) -> Records {
    let (trial_row, epoch_row) = templates();
    let mut records = Records::default();
    for trial in case["trials"].as_array().unwrap() {
        let arm = trial["arm"].as_str().unwrap();
        let (batch_size, seed) = (&trial["batch_size"], &trial["seed"]);
        let trial_id = format!("{arm}-{batch_size}-{seed}");
        let test_metric = trial["test"].as_f64();
        let outcome = if test_metric.is_some() {
            Outcome::Ok
        } else {
            Outcome::Diverged
        };
        records.trials.push(TrialRow {
            trial_id: trial_id.clone(),
            arm: arm.to_owned(),
            batch_size: batch_size.as_i64().unwrap(),
            seed: seed.as_i64().unwrap(),
            outcome,
            test_metric,
            train_metric: test_metric,
            ..trial_row.clone()
        });
        let frozen = arm.ends_with("-lawn");
        let mut epoch = |epoch, phase, logit_mean_abs| {
            records.epochs.push(EpochRow {
                trial_id: trial_id.clone(),
                epoch,
                phase,
                logit_mean_abs,
                ..epoch_row.clone()
            });
        };
        epoch(1.0, Phase::Free, 1.0);
        // A trial that diverges does so before its freeze.
        if let Some(growth) = trial["growth"].as_f64() {
            let phase = if frozen {
                Phase::Constrained
            } else {
                Phase::Free
            };
            epoch(2.0, phase, growth.exp2());
        }
    }
    records
}

#[test]
fn claims_are_those_of_every_pattern_of_signs() {
    let document: Value = serde_json::from_str(include_str!("../../goldens/claims.json")).unwrap();
    let tolerance = document["tolerance"].as_f64().unwrap();
    let mut said = Vec::new();
    for (index, case) in document["cases"].as_array().unwrap().iter().enumerate() {
        let mut request = ReportRequest::new("golden", 64);
        for contrast in case["contrasts"].as_array().unwrap() {
            request =
                request.contrast(contrast[0].as_str().unwrap(), contrast[1].as_str().unwrap());
        }
        let analysis = Analysis::new(&records(case), &request).unwrap();
        let found = claims(&analysis, &request).unwrap();
        let expected = case["claims"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "case {index}");
        for (claim, expected) in found.iter().zip(expected) {
            let name = expected["claim"].as_str().unwrap();
            assert!(
                claim.claim.starts_with(name),
                "case {index}: {name}: {}",
                claim.claim
            );
            for (ours, theirs) in [(claim.p, "p"), (claim.adjusted_p, "adjusted_p")] {
                let theirs = expected[theirs].as_f64();
                let near = match (ours, theirs) {
                    (Some(ours), Some(theirs)) => (ours - theirs).abs() <= tolerance * theirs,
                    (ours, theirs) => ours.is_none() && theirs.is_none(),
                };
                assert!(near, "case {index}: {name}: {ours:?}, expected {theirs:?}");
            }
            assert_eq!(
                claim.verdict.as_str(),
                expected["verdict"].as_str().unwrap(),
                "case {index}: {}",
                claim.sentence
            );
            said.push(claim.verdict);
        }
    }
    said.sort_unstable();
    said.dedup();
    assert_eq!(said.len(), 3, "every verdict is among the cases: {said:?}");
}
