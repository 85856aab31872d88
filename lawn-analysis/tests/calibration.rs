//! The path from records to verdicts keeps its error rates.

use lawn_analysis::calibrate::calibrate;
use lawn_analysis::report::DecidingTest;
use lawn_analysis::simulate::{Noise, Simulation};

fn one_batch() -> Simulation {
    Simulation {
        batch_sizes: vec![1024],
        epochs: 1,
        settings: 0,
        counts: false,
        advantage_per_doubling: 0.0,
        seeds: 8,
        ..Simulation::default()
    }
}

#[test]
fn without_an_effect_errors_stay_below_their_rate() {
    for noise in [Noise::Normal, Noise::HeavyTailed] {
        let null = Simulation {
            noise,
            ..one_batch()
        };
        let found = calibrate(&null, DecidingTest::SignFlip, 600).unwrap();
        let interval = found.decided.interval.unwrap();
        assert!(interval.low <= 0.05, "{noise:?}: {found:?}");
        assert!(
            found.decided.value > 0.0,
            "a test that never errs decides nothing: {found:?}"
        );
    }
}

#[test]
fn a_family_errs_no_more_often_than_one_test() {
    let family = Simulation {
        batch_sizes: vec![1024, 4096, 16_384],
        ..one_batch()
    };
    let found = calibrate(&family, DecidingTest::PairedT, 300).unwrap();
    assert!(found.decided.interval.unwrap().low <= 0.05, "{found:?}");
}

#[test]
fn t_errs_and_covers_as_often_as_it_says() {
    let found = calibrate(&one_batch(), DecidingTest::PairedT, 600).unwrap();
    assert!(found.decided.interval.unwrap().contains(0.05), "{found:?}");
    assert!(found.coverage.interval.unwrap().contains(0.95), "{found:?}");
}

#[test]
fn power_is_what_was_planned() {
    let shifted = Simulation {
        advantage: Simulation::DEVIATION,
        ..one_batch()
    };
    let found = calibrate(&shifted, DecidingTest::PairedT, 600).unwrap();
    let planned = found.planned_power.unwrap();
    assert!(planned > 0.5 && planned < 0.9, "{planned}");
    assert!(
        found.decided.interval.unwrap().contains(planned),
        "{found:?}"
    );
}
