//! Rules and constraints beside Adam and LAWN, in whole trials.

use lawn_core::State;
use lawn_models::{
    Amount, ConstraintName, Device, EvaluationRecord, Freeze, FreezeCause, FreezeCondition, Notice,
    OptimizerSettings, Phase, RuleName, TrialConfig, TrialEnd,
};

use crate::common::{ARMS, Recorder, arm, finish, ncf, run, timeless, trial};

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
        RuleName::Adafactor,
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

/// Holds a trial that is stopped at a step, and one that is killed after it, to the one that goes
/// through.
fn goes_on_to_the_same_bits(config: &TrialConfig, at: u64) {
    let (_, whole) = finish(config);
    let folder = tempfile::tempdir().unwrap();
    let mut stopped = Recorder {
        stop_at: Some(at),
        ..Recorder::default()
    };
    let end = run(config, folder.path(), &mut stopped);
    assert!(matches!(end, TrialEnd::Preempted { .. }), "{end:?}");
    let mut rest = Recorder::default();
    let end = run(config, folder.path(), &mut rest);
    assert!(matches!(end, TrialEnd::Finished(_)), "{end:?}");
    let all = stopped.records.iter().chain(&rest.records);
    let all: Vec<_> = all.map(timeless).collect();
    let expected: Vec<_> = whole.records.iter().map(timeless).collect();
    assert_eq!(all, expected, "stopped at {at}");
}

/// What is evaluated is the average; what is trained, and saved, is not.
#[test]
fn schedule_free_goes_on_to_the_same_bits() {
    let config = with(settings(RuleName::ScheduleFree, None));
    let (_, whole) = finish(&config);
    goes_on_to_the_same_bits(&config, whole.infos[0].steps_per_epoch + 1);
}

/// Before, at and after the evaluation that changes something: the rate, the wave, the phase, or
/// running statistics that are only measured with.
#[test]
fn what_evaluations_decide_is_kept_in_a_checkpoint() {
    for name in ARMS {
        let config = arm(name);
        let (_, whole) = finish(&config);
        let epoch = whole.infos[0].steps_per_epoch;
        for at in [epoch - 1, epoch, epoch + 1, 2 * epoch, 2 * epoch + 1] {
            goes_on_to_the_same_bits(&config, at);
        }
    }
}

#[test]
fn a_plateau_lowers_the_rate_and_a_restart_raises_it() {
    let rates = |name: &str| -> Vec<f64> {
        let mut config = arm(name);
        // Of each step.
        if name == "restarts" {
            config.evaluation.every = Amount::Steps(1);
        }
        let (_, recorder) = finish(&config);
        let rates = recorder.records.iter();
        rates.map(|record| record.learning_rate).collect()
    };
    // The first evaluation is the lowest, the second is no lower.
    assert_eq!(rates("plateau"), [0.01, 0.01, 0.005]);
    let waves = rates("restarts");
    let rises = waves.windows(2).filter(|pair| pair[1] > pair[0]).count();
    let falls = waves.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert!(rises >= 2 && falls >= 2, "{waves:?}");
}

/// Weights that are evaluated have statistics of their own: without, what is measured is that of a
/// net that has never been.
#[test]
fn kept_weights_have_the_statistics_that_they_were_measured_with() {
    let config = arm("averaged");
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::default();
    let end = run(&config, folder.path(), &mut recorder);
    assert!(matches!(end, TrialEnd::Finished(_)), "{end:?}");
    let load = |name: &str| State::load(folder.path().join(name), Device::Cpu).unwrap();
    let (kept, trained) = (load("model.safetensors"), load("checkpoint.safetensors"));
    let mut differ = 0;
    for (name, tensor) in &kept.tensors {
        if !name.contains("running") {
            continue;
        }
        let mut of_training = trained.tensors.iter();
        let (_, other) = of_training
            .find(|(other, _)| other.ends_with(name))
            .unwrap();
        assert_eq!(tensor.size(), other.size());
        differ += usize::from(tensor != other);
    }
    assert!(differ > 0);
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
    let frozen_at = |config: &TrialConfig| -> (Vec<Option<u64>>, Option<u64>) {
        let (summary, recorder) = finish(config);
        let each = recorder.records.iter().map(|record| record.frozen_at_step);
        (each.collect(), summary.frozen_at_step)
    };
    use Phase::{Constrained, Free};
    // The last step of nine tenths is before the last evaluation.
    assert_eq!(phases(&of(None)), [Free, Free, Constrained]);
    let early = of(Some(FreezeCondition::TrainLoss(1e3)));
    assert_eq!(phases(&early), [Free, Constrained, Constrained]);
    let never = of(Some(FreezeCondition::TrainLoss(1e-9)));
    assert_eq!(phases(&never), [Free, Free, Constrained]);
    // The step of the freeze is told from the evaluation on that brought it about.
    let (_, recorder) = finish(&early);
    let epoch = Some(recorder.infos[0].steps_per_epoch);
    assert_eq!(frozen_at(&early), (vec![epoch; 3], epoch));
    assert_eq!(frozen_at(&never), (vec![None; 3], None));
    // And the end of the trial says it whatever brought it about.
    let freeze = |config: &TrialConfig| {
        let (summary, recorder) = finish(config);
        let said = recorder.notices.iter().filter_map(|notice| match notice {
            Notice::FrozenAtTheLatest { step } => Some(*step),
            _ => None,
        });
        (summary.freeze, said.collect::<Vec<u64>>())
    };
    let last = (0.9 * 3.0 * recorder.infos[0].steps_per_epoch as f64).round() as u64;
    let by = |step, by| Some(Freeze { step, by });
    let met = by(recorder.infos[0].steps_per_epoch, FreezeCause::Condition);
    assert_eq!(freeze(&early), (met, vec![]));
    let at_the_latest = by(last, FreezeCause::FreePhase);
    assert_eq!(freeze(&never), (at_the_latest, vec![last]));
    assert_eq!(freeze(&of(None)), (at_the_latest, vec![]));
    let free = with(OptimizerSettings::new(RuleName::Adam, 1e-2));
    assert_eq!(freeze(&free), (None, vec![]));
    let written = serde_json::to_value(&recorder.records[0]).unwrap();
    assert_eq!(written["frozen_at_step"], serde_json::json!(epoch));
    // Records of before there was such a thing are read.
    let mut older = written.clone();
    older.as_object_mut().unwrap().remove("frozen_at_step");
    let older: EvaluationRecord = serde_json::from_value(older).unwrap();
    assert_eq!(older.frozen_at_step, None);
}
