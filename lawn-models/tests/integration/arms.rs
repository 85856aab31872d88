//! Rules and constraints beside Adam and LAWN, in whole trials.

use lawn_models::{
    Amount, ConstraintName, FreezeCondition, OptimizerSettings, Phase, RuleName, TrialConfig,
    TrialEnd,
};

use crate::common::{Recorder, finish, ncf, run, timeless, trial};

fn with(optimizer: OptimizerSettings) -> TrialConfig {
    TrialConfig {
        optimizer,
        budget: Amount::Epochs(3),
        ..trial("ncf", ncf())
    }
}

fn settings(rule: RuleName, constraint: Option<ConstraintName>) -> OptimizerSettings {
    let rate = match rule {
        RuleName::Sgd | RuleName::Sgdp => 0.5,
        RuleName::Lion => 3e-3,
        _ => 1e-2,
    };
    let bounded = constraint == Some(ConstraintName::Cpr);
    let turned = constraint == Some(ConstraintName::Rotational);
    OptimizerSettings {
        constraint,
        bound_factor: bounded.then_some(1.0),
        weight_decay: turned.then_some(0.1),
        ..OptimizerSettings::new(rule, rate)
    }
}

#[test]
fn each_trains_and_its_weights_are_its_own() {
    let rules = [
        RuleName::Nadamw,
        RuleName::Lion,
        RuleName::Adamp,
        RuleName::Sgdp,
        RuleName::ScheduleFree,
        RuleName::Muon,
    ];
    let constraints = ConstraintName::ALL.iter();
    let constrained = constraints.map(|one| settings(RuleName::Adam, Some(*one)));
    let all: Vec<OptimizerSettings> = (rules.into_iter())
        .map(|rule| settings(rule, None))
        .chain(constrained)
        .collect();
    let mut ends = Vec::new();
    for optimizer in all {
        let (summary, recorder) = finish(&with(optimizer.clone()));
        let first = recorder.records[0].train_loss;
        let what = format!("{:?} {:?}", optimizer.rule, optimizer.constraint);
        assert!(summary.train_loss < first, "{what}: {}", summary.train_loss);
        let held = optimizer.constraint.is_some();
        let is_held = |phase| (phase == Phase::Constrained) == held;
        assert!(
            recorder.records.iter().all(|one| is_held(one.phase)),
            "{what}"
        );
        assert!(!ends.contains(&summary.train_loss.to_bits()), "{what}");
        ends.push(summary.train_loss.to_bits());
    }
}

/// What is evaluated is the average; what is trained, and saved, is not.
#[test]
fn schedule_free_goes_on_to_the_same_bits() {
    let config = with(settings(RuleName::ScheduleFree, None));
    let (_, whole) = finish(&config);
    let folder = tempfile::tempdir().unwrap();
    let mut stopped = Recorder {
        stop_at: Some(whole.infos[0].steps_per_epoch + 1),
        ..Recorder::default()
    };
    let end = run(&config, folder.path(), &mut stopped);
    assert!(matches!(end, TrialEnd::Preempted { .. }), "{end:?}");
    let mut rest = Recorder::default();
    let end = run(&config, folder.path(), &mut rest);
    assert!(matches!(end, TrialEnd::Finished(_)), "{end:?}");
    let all = stopped.records.iter().chain(&rest.records);
    let all: Vec<_> = all.map(timeless).collect();
    let expected: Vec<_> = whole.records.iter().map(timeless).collect();
    assert_eq!(all, expected);
}

#[test]
fn a_condition_ends_the_free_phase_before_its_time() {
    let of = |freeze_when| {
        with(OptimizerSettings {
            lawn: true,
            free_fraction: Some(0.9),
            freeze_when,
            ..OptimizerSettings::new(RuleName::Adam, 1e-2)
        })
    };
    let phases = |config: &TrialConfig| -> Vec<Phase> {
        let (_, recorder) = finish(config);
        recorder.records.iter().map(|record| record.phase).collect()
    };
    use Phase::{Constrained, Free};
    // The last step of nine tenths is before the last evaluation.
    assert_eq!(phases(&of(None)), [Free, Free, Constrained]);
    let early = of(Some(FreezeCondition::TrainLoss(1e3)));
    assert_eq!(phases(&early), [Free, Constrained, Constrained]);
    let never = of(Some(FreezeCondition::TrainLoss(1e-9)));
    assert_eq!(phases(&never), [Free, Free, Constrained]);
}
