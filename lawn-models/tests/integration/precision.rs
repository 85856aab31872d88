//! Training in half precision: close to f32, the same twice, and safe from overflow.

use lawn_models::{
    Notice, OptimizerSettings, Precision, RuleName, TrialConfig, TrialEnd, run_trial,
};

use crate::common::{Recorder, both, context, finish, image, run, timeless, trial};

const HALVES: [Precision; 2] = [Precision::Bf16, Precision::F16];

fn with(config: &TrialConfig, precision: Precision) -> TrialConfig {
    TrialConfig {
        precision,
        ..config.clone()
    }
}

#[test]
fn half_kinds_train_as_f32_does() {
    for config in both() {
        let (_, full) = finish(&config);
        for precision in HALVES {
            let (_, half) = finish(&with(&config, precision));
            assert_ne!(full.records[0].train_loss, half.records[0].train_loss);
            for (full, half) in full.records.iter().zip(&half.records) {
                assert_eq!(full.learning_rate, half.learning_rate, "{precision:?}");
                for (what, full, half) in [
                    ("train loss", full.train_loss, half.train_loss),
                    ("weight norm", full.weight_norm, half.weight_norm),
                ] {
                    let difference = (half / full - 1.0).abs();
                    assert!(difference < 0.05, "{what} in {precision:?}: {difference}");
                }
            }
        }
    }
}

/// Radii are those of f32 weights, whatever is computed in.
#[test]
fn constrained_norms_hold_in_half_kinds() {
    for config in both() {
        for precision in HALVES {
            let (_, recorder) = finish(&with(&config, precision));
            let norms = |record: usize| -> Vec<f64> {
                let units = recorder.records[record].units.iter();
                units
                    .filter(|unit| unit.constrained)
                    .map(|unit| unit.weight_norm)
                    .collect()
            };
            assert!(!norms(1).is_empty());
            for (frozen, last) in norms(1).iter().zip(norms(2)) {
                assert!((last / frozen - 1.0).abs() < 1e-6, "{precision:?}");
            }
        }
    }
}

#[test]
fn a_resumed_trial_ends_with_the_same_bits() {
    for config in both() {
        for precision in HALVES {
            let config = with(&config, precision);
            let (whole, through) = finish(&config);
            let folder = tempfile::tempdir().unwrap();
            let mut first = Recorder {
                stop_at: Some(4),
                ..Recorder::default()
            };
            let end = run(&config, folder.path(), &mut first);
            assert!(
                matches!(end, TrialEnd::Preempted { step: 4, .. }),
                "{end:?}"
            );
            let mut second = Recorder::default();
            let end = run(&config, folder.path(), &mut second);
            assert_eq!(end, TrialEnd::Finished(whole));
            let last = |recorder: &Recorder| recorder.records.last().map(timeless);
            assert_eq!(last(&second), last(&through), "{precision:?}");
        }
    }
}

/// Gradients of single samples, times the first scale, are beyond f16.
#[test]
fn gradients_beyond_f16_are_skipped_until_the_scale_fits() {
    let config = TrialConfig {
        batch_size: 1,
        precision: Precision::F16,
        optimizer: OptimizerSettings::new(RuleName::Sgd, 1e-3),
        ..trial("image", image())
    };
    let (whole, recorder) = finish(&config);
    let steps: Vec<u64> = recorder
        .notices
        .iter()
        .map(|notice| match notice {
            Notice::LossScaleReduced { step, .. } => *step,
            other => panic!("{other}"),
        })
        .collect();
    assert!((1..16).contains(&steps.len()), "{steps:?}");
    assert_eq!(whole.steps, recorder.infos[0].steps);
    assert!(recorder.records[0].gradient_norm.is_finite());

    // What was skipped before a stop is counted after it.
    let folder = tempfile::tempdir().unwrap();
    let mut first = Recorder {
        stop_at: Some(steps[0] + 1),
        ..Recorder::default()
    };
    run(&config, folder.path(), &mut first);
    let end = run(&config, folder.path(), &mut Recorder::default());
    assert_eq!(end, TrialEnd::Finished(whole));
}

/// What no scale can help is divergence still.
#[test]
fn weights_that_blow_up_in_f16_diverge() {
    for mut config in both() {
        config.precision = Precision::F16;
        config.optimizer = OptimizerSettings::new(RuleName::Sgd, 1e30);
        let folder = tempfile::tempdir().unwrap();
        let end = run_trial(&config, &context(folder.path()), &mut Recorder::default()).unwrap();
        assert!(matches!(end, TrialEnd::Diverged { .. }), "{end:?}");
    }
}

/// Trials of sweeps that were planned before there was a choice keep their ids.
#[test]
fn f32_is_not_written() {
    let [config, _] = both();
    let text = serde_json::to_string(&config).unwrap();
    assert!(!text.contains("precision"));
    let text = serde_json::to_string(&with(&config, Precision::Bf16)).unwrap();
    assert!(text.contains("\"precision\":\"bf16\""));
    assert_eq!(
        serde_json::from_str::<TrialConfig>(&text)
            .unwrap()
            .precision,
        Precision::Bf16
    );
}
