//! The path from records to verdicts keeps its error rates.

use lawn_analysis::calibrate::{calibrate, calibrate_divergence};
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
        let found = calibrate(&format!("no effect, {noise:?}"), &null, 600, 2).unwrap();
        let interval = found.sign_flip.interval.unwrap();
        assert!(interval.low <= 0.05, "{noise:?}: {found:?}");
        // With eight seeds the largest attainable rate up to 5 % is 6 · 2/2⁸.
        assert_eq!(found.expected.sign_flip, Some(12.0 / 256.0));
        assert!(interval.contains(12.0 / 256.0), "{noise:?}: {found:?}");
        assert!(
            found.sign_flip.value > 0.0,
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
    let found = calibrate("family", &family, 300, 2).unwrap();
    let expected = found.expected.paired_t.unwrap();
    assert!(expected > 0.049 && expected < 0.05, "{expected}");
    assert!(
        found.paired_t.interval.unwrap().contains(expected),
        "{found:?}"
    );
    let slopes = found.slope_coverage.unwrap();
    assert!(slopes.interval.unwrap().contains(0.95), "{found:?}");
}

#[test]
fn t_errs_and_covers_as_often_as_it_says() {
    let found = calibrate("t", &one_batch(), 600, 2).unwrap();
    assert!(found.paired_t.interval.unwrap().contains(0.05), "{found:?}");
    assert!(found.coverage.interval.unwrap().contains(0.95), "{found:?}");
}

#[test]
fn power_is_what_was_planned() {
    let shifted = Simulation {
        advantage: Simulation::DEVIATION,
        ..one_batch()
    };
    let found = calibrate("planned power", &shifted, 600, 2).unwrap();
    let planned = found.expected.paired_t.unwrap();
    assert!(planned > 0.5 && planned < 0.9, "{planned}");
    assert!(
        found.paired_t.interval.unwrap().contains(planned),
        "{found:?}"
    );
}

#[test]
fn expected_rates_follow_the_pairs_that_are_left() {
    let diverging = Simulation {
        divergence: 0.1,
        seeds: 3,
        ..one_batch()
    };
    let found = calibrate("diverging", &diverging, 40, 1).unwrap();
    // No test with fewer than two pairs: 0.05 · P(at least two of three).
    let expected = 0.05 * (0.9_f64.powi(3) + 3.0 * 0.9 * 0.9 * 0.1);
    assert!((found.expected.paired_t.unwrap() - expected).abs() < 1e-12);
    assert_eq!(found.expected.sign_flip, Some(0.0));
}

#[test]
fn every_scenario_has_a_stream_of_its_own() {
    let of = |name, seed| {
        let simulation = Simulation {
            seed,
            ..one_batch()
        };
        calibrate(name, &simulation, 400, 2).unwrap()
    };
    let one = of("one", 0);
    assert_eq!(of("one", 0), one);
    for other in [of("other", 0), of("one", 1)] {
        assert_ne!(other.coverage, one.coverage);
        assert_eq!(other.expected, one.expected);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let one = calibrate("threads", &one_batch(), 40, 1).unwrap();
    assert_eq!(calibrate("threads", &one_batch(), 40, 3).unwrap(), one);
}

#[test]
fn verdicts_and_claims_err_no_more_often_where_trials_diverge() {
    let null = Simulation {
        batch_sizes: vec![1024, 65_536],
        seeds: 10,
        divergence: 0.2,
        treatment_divergence: 0.2,
        ..one_batch()
    };
    let found = calibrate_divergence("both diverge", &null, 400, 2).unwrap();
    for rate in [found.survivors, found.verdicts, found.claims] {
        assert!(rate.interval.unwrap().low <= 0.05, "{found:?}");
        assert!(
            rate.value > 0.0,
            "a test that never errs decides nothing: {found:?}"
        );
    }
}

#[test]
fn an_arm_that_loses_its_worst_trials_is_not_called_better() {
    let flattered = Simulation {
        batch_sizes: vec![1024, 65_536],
        seeds: 20,
        treatment_loses_below: Some(-0.25),
        ..one_batch()
    };
    let found = calibrate_divergence("flattered", &flattered, 200, 2).unwrap();
    // The survivors would have it so in more sweeps than one in five.
    assert!(found.survivors_better.value > 0.2, "{found:?}");
    assert!(
        found.verdicts_better.interval.unwrap().low <= 0.025,
        "{found:?}"
    );
    assert!(
        found.claims_borne_out.interval.unwrap().low <= 0.025,
        "{found:?}"
    );
    assert!(found.verdicts.value > 0.2, "it is called worse: {found:?}");
    assert!(found.claims.value > 0.2, "{found:?}");
}
