//! Whole trials of both kinds: end, records, checkpoint, resumption.

use lawn_models::{
    Amount, EvaluationRecord, OptimizerSettings, Phase, RuleName, Split, Stage, TrialConfig,
    TrialEnd, TrialError, run_trial,
};

use crate::common::{Recorder, both, context, finish, ncf, run, timeless, trial};

#[test]
fn a_trial_reports_every_epoch_and_ends_with_its_last() {
    for config in both() {
        let (summary, recorder) = finish(&config);
        let info = &recorder.infos[0];
        assert_eq!((info.resumed_step, recorder.infos.len()), (0, 1));
        assert_eq!(info.steps, 3 * info.steps_per_epoch);
        assert_eq!(
            info.steps_per_epoch,
            info.train_samples.div_ceil(config.batch_size)
        );
        assert!(info.steps_per_epoch > 2, "{}", info.steps_per_epoch);
        assert_eq!(recorder.steps.get(), info.steps);
        let epochs: Vec<f64> = recorder.records.iter().map(|record| record.epoch).collect();
        assert_eq!(epochs, [1.0, 2.0, 3.0]);
        let phases: Vec<Phase> = recorder.records.iter().map(|record| record.phase).collect();
        assert_eq!(
            phases,
            [Phase::Free, Phase::Constrained, Phase::Constrained]
        );

        let last = recorder.records.last().unwrap();
        assert_eq!(
            (summary.steps, summary.samples),
            (last.step, 3 * info.train_samples)
        );
        let metrics = config.task.metrics().all.len();
        assert_eq!(last.measurements.len(), 2 * metrics);
        assert_eq!(summary.measurements[..2 * metrics], last.measurements);
        let test = &summary.measurements[2 * metrics..];
        assert!(test.len() == metrics && test.iter().all(|m| m.split == Split::Test));
        let counted = &test[0];
        let (count, total) = (counted.count.unwrap(), counted.total.unwrap());
        assert_eq!(counted.value, count as f64 / total as f64);
    }
}

#[test]
fn training_lowers_the_loss_and_beats_chance() {
    for mut config in both() {
        config.budget = Amount::Epochs(15);
        let (summary, recorder) = finish(&config);
        let first = recorder.records[0].train_loss;
        assert!(
            summary.train_loss < 0.9 * first,
            "{} of {first}",
            summary.train_loss
        );
        let chance = if config.task.kind() == "ncf" {
            0.1
        } else {
            1.0 / 3.0
        };
        let train = summary.measurements[0].value;
        assert!(train > 1.3 * chance, "{train}");
    }
}

#[test]
fn a_tune_trial_measures_no_test_data() {
    for config in both() {
        let config = TrialConfig {
            stage: Stage::Tune,
            budget: Amount::Epochs(2),
            ..config
        };
        let (summary, _) = finish(&config);
        assert!(summary.measurements.iter().all(|m| m.split != Split::Test));
    }
}

#[test]
fn constrained_norms_stay_and_free_ones_move() {
    for config in both() {
        let (_, recorder) = finish(&config);
        let constrained: Vec<&str> = recorder.infos[0]
            .treatments
            .iter()
            .filter(|t| t.units > 0)
            .map(|t| t.parameter.as_str())
            .collect();
        let expected: &[&str] = match config.task.kind() {
            "image" => &["output.weight"],
            _ => &[
                "gmf.user_embedding",
                "gmf.item_embedding",
                "mlp.user_embedding",
                "mlp.item_embedding",
                "mlp.layer1.weight",
                "mlp.layer2.weight",
                "mlp.layer3.weight",
                "output.weight",
            ],
        };
        assert_eq!(constrained, expected);
        let [_, second, third] = &recorder.records[..] else {
            panic!("three epochs");
        };
        for (before, after) in second.units.iter().zip(&third.units) {
            let change = (after.weight_norm / before.weight_norm - 1.0).abs();
            let held = expected.contains(&before.parameter.as_str());
            assert_eq!(before.constrained, held, "{}", before.parameter);
            assert_eq!(
                change < 1e-5,
                held,
                "{} changed by {change}",
                before.parameter
            );
        }
    }
}

/// Stops within the free phase, at the freeze and after it, each time in the
/// middle of an epoch or at its end, and goes on with a new process's state.
#[test]
fn a_stopped_trial_ends_with_the_same_bits() {
    for config in both() {
        let (through, recorder) = finish(&config);
        let per_epoch = recorder.infos[0].steps_per_epoch;
        let folder = tempfile::tempdir().unwrap();
        let mut records: Vec<EvaluationRecord> = Vec::new();
        for stop in [1, per_epoch, per_epoch + 1, 2 * per_epoch + 2] {
            let mut part = Recorder {
                stop_at: Some(stop),
                ..Recorder::default()
            };
            let end = run(&config, folder.path(), &mut part);
            let expected = TrialEnd::Preempted {
                epoch: stop / per_epoch,
                step: stop,
            };
            assert_eq!(end, expected);
            records.retain(|record| record.step <= part.infos[0].resumed_step);
            records.extend(part.records);
        }
        let mut rest = Recorder::default();
        let end = run(&config, folder.path(), &mut rest);
        assert_eq!(rest.infos[0].resumed_step, 2 * per_epoch + 2);
        records.extend(rest.records);
        assert_eq!(end, TrialEnd::Finished(through));
        let timeless =
            |records: &[EvaluationRecord]| records.iter().map(timeless).collect::<Vec<_>>();
        assert_eq!(timeless(&records), timeless(&recorder.records));
    }
}

/// As after a kill between the last checkpoint and the end.
#[test]
fn a_finished_checkpoint_gives_the_same_summary_again() {
    for config in both() {
        let folder = tempfile::tempdir().unwrap();
        let first = run(&config, folder.path(), &mut Recorder::default());
        let mut again = Recorder::default();
        assert_eq!(run(&config, folder.path(), &mut again), first);
        let steps = again.infos[0].steps;
        assert_eq!(
            (again.infos[0].resumed_step, again.records.len()),
            (steps, 0)
        );
    }
}

#[test]
fn a_checkpoint_of_another_trial_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = trial("ncf", ncf());
    run(&config, folder.path(), &mut Recorder::default());
    let other = TrialConfig {
        seed: 6,
        ..config.clone()
    };
    let error = run_trial(&other, &context(folder.path()), &mut Recorder::default()).unwrap_err();
    assert!(
        matches!(&error, TrialError::CheckpointMismatch { entry, .. } if entry == "trial"),
        "{error}"
    );
    // Cutting a batch up is no part of what a trial is.
    let micro = TrialConfig {
        micro_batch_size: Some(100),
        ..config
    };
    run(&micro, folder.path(), &mut Recorder::default());
}

#[test]
fn micro_batches_change_only_rounding() {
    for (config, micro) in both().into_iter().zip([90, 16]) {
        let (_, whole) = finish(&config);
        let config = TrialConfig {
            micro_batch_size: Some(micro),
            ..config
        };
        let (_, parts) = finish(&config);
        // One step: later ones multiply what rounding did.
        let (whole, parts) = (&whole.records[0], &parts.records[0]);
        let difference = (whole.gradient_norm / parts.gradient_norm - 1.0).abs();
        assert!(difference < 1e-3, "{difference}");
        let difference = (whole.train_loss / parts.train_loss - 1.0).abs();
        assert!(difference < 1e-3, "{difference}");
        for (a, b) in whole.units.iter().zip(&parts.units) {
            let scale = a.weight_norm.max(1e-3);
            let difference = (a.weight_norm - b.weight_norm).abs() / scale;
            assert!(difference < 1e-2, "{}: {difference}", a.parameter);
        }
    }
}

/// What is measured is the average, what is trained and kept on its sphere are the weights.
#[test]
fn an_average_is_measured_in_place_of_the_weights() {
    for config in both() {
        let averaged = TrialConfig {
            optimizer: OptimizerSettings {
                ema_decay: Some(0.9),
                ..config.optimizer.clone()
            },
            ..config.clone()
        };
        let (_, plain) = finish(&config);
        let (whole, average) = finish(&averaged);
        for (plain, average) in plain.records.iter().zip(&average.records) {
            assert_eq!(plain.train_loss, average.train_loss);
            assert_eq!(plain.units, average.units);
            assert_ne!(plain.logit_mean_abs, average.logit_mean_abs);
        }
        let folder = tempfile::tempdir().unwrap();
        let mut first = Recorder {
            stop_at: Some(4),
            ..Recorder::default()
        };
        run(&averaged, folder.path(), &mut first);
        let end = run(&averaged, folder.path(), &mut Recorder::default());
        assert_eq!(end, TrialEnd::Finished(whole));
    }
}

#[test]
fn numbers_that_blow_up_are_an_outcome() {
    for mut config in both() {
        config.optimizer = OptimizerSettings::new(RuleName::Sgd, 1e30);
        let folder = tempfile::tempdir().unwrap();
        let end = run(&config, folder.path(), &mut Recorder::default());
        let TrialEnd::Diverged { epoch, reason, .. } = end else {
            panic!("{end:?}");
        };
        assert_eq!(epoch, 1);
        assert!(reason.ends_with("is not finite"), "{reason}");
    }
}

/// A trial that stops after a part of its budget, and one that goes on from there.
#[test]
fn a_part_of_the_budget_is_trained_as_the_beginning_of_it() {
    for config in both() {
        let (through, whole) = finish(&config);
        let folder = tempfile::tempdir().unwrap();
        let part = TrialConfig {
            stage: Stage::Tune,
            stop_after: Some(0.5),
            ..config.clone()
        };
        let mut first = Recorder::default();
        let end = run(&part, folder.path(), &mut first);
        // Half of three epochs: the first evaluation from there on is that of the second.
        let TrialEnd::Finished(summary) = end else {
            panic!("{end:?}");
        };
        assert_eq!(summary.epochs, 2.0);
        let timeless =
            |records: &[EvaluationRecord]| records.iter().map(timeless).collect::<Vec<_>>();
        assert_eq!(timeless(&first.records), timeless(&whole.records[..2]));

        let rest = TrialConfig {
            stop_after: None,
            ..part
        };
        let mut second = Recorder::default();
        let end = run(&rest, folder.path(), &mut second);
        let TrialEnd::Finished(summary) = end else {
            panic!("{end:?}");
        };
        assert_eq!(timeless(&second.records), timeless(&whole.records[2..]));
        assert_eq!(summary.train_loss, through.train_loss);
    }
}

/// With a step too small to change a weight, losses are decided by the seed alone: by
/// initial weights, order, negatives and augmentation.
#[test]
fn arms_with_one_seed_begin_alike_and_see_the_same_samples() {
    for config in both() {
        let losses = |rule, seed| {
            let config = TrialConfig {
                optimizer: OptimizerSettings::new(rule, 1e-30),
                seed,
                stage: Stage::Tune,
                ..config.clone()
            };
            let (_, recorder) = finish(&config);
            let losses = recorder.records.iter().map(|record| record.train_loss);
            losses.collect::<Vec<f64>>()
        };
        let adam = losses(RuleName::Adam, 5);
        assert_eq!(losses(RuleName::Sgd, 5), adam);
        assert_eq!(losses(RuleName::Lamb, 5), adam);
        // Epochs differ, as each draws anew, and so do seeds.
        assert!(adam[0] != adam[1] && adam[1] != adam[2], "{adam:?}");
        assert!(
            losses(RuleName::Adam, 6)
                .iter()
                .all(|loss| !adam.contains(loss))
        );
    }
}
