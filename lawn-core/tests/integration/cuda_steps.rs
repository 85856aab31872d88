//! What is the CUDA backend's own: steps that the device skips, that nobody
//! waits for, and states that other backends go on from.

use crate::common::setting::lawn;
use crate::common::{Numbers, distance, everything, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Backend, Clock, Granularity, LambConfig, LarsConfig, Optimizer, OptimizerConfig,
    Phase, RuleConfig, Schedule, SgdConfig, StepOptions, StepReport,
};
use proptest::prelude::*;
use tch::{Kind, Tensor};

fn small(backend: Backend, schedule: Schedule, free_steps: u64) -> (Optimizer, Vec<Tensor>) {
    let mut numbers = Numbers(3);
    let start = [&[6i64, 5][..], &[5]].map(|shape| numbers.tensor(shape, Kind::Float));
    let (parameters, weights) = parameters(&start);
    let config = OptimizerConfig {
        backend,
        lawn: Some(lawn(free_steps, Granularity::Layer)),
        ..OptimizerConfig::new(AdamConfig::default(), schedule)
    };
    (config.build(parameters).unwrap(), weights)
}

fn give(optimizer: &mut Optimizer, weights: &[Tensor], numbers: &mut Numbers, bad: bool) {
    let gradients: Vec<Option<Tensor>> = weights
        .iter()
        .map(|w| {
            let g = numbers.tensor(&w.size(), w.kind());
            Some(if bad { g * f64::NAN } else { g })
        })
        .collect();
    set_gradients(optimizer, weights, &gradients);
}

/// What is left of a training: where it came to, everything that a step could have
/// changed, and what the steps told.
struct Trained {
    optimizer: Optimizer,
    weights: Vec<Tensor>,
    told: Vec<(u64, Phase, f64, bool)>,
}

#[derive(Clone, Debug)]
struct Course {
    rule: RuleConfig,
    kind: Kind,
    clock: Clock,
    /// Whether the samples of a step vary.
    ragged: bool,
    free_steps: u64,
    /// Which steps have a gradient that is not finite.
    bad: Vec<bool>,
}

/// Takes the steps of a course under a schedule that never stands still; `looks`
/// asks after each what happened.
fn train(course: &Course, backend: Backend, looks: bool) -> Trained {
    let mut numbers = Numbers(3);
    let start = [&[6i64, 5][..], &[5]].map(|shape| numbers.tensor(shape, course.kind));
    let (parameters, weights) = parameters(&start);
    let length = match course.clock {
        Clock::Steps => 20,
        Clock::Samples => 600,
    };
    let config = OptimizerConfig {
        backend,
        clock: course.clock,
        clip_norm: Some(2.0),
        lawn: Some(lawn(course.free_steps, Granularity::Layer)),
        ..OptimizerConfig::new(
            course.rule,
            Schedule::cosine(0.1, 0.01, length).warm_up(length / 4),
        )
    };
    let mut optimizer = config.build(parameters).unwrap();
    let mut reports = Vec::new();
    for (step, &bad) in course.bad.iter().enumerate() {
        give(&mut optimizer, &weights, &mut numbers, bad);
        let samples = if course.ragged && step % 4 == 3 {
            7
        } else {
            30
        };
        let options = StepOptions {
            samples,
            ..StepOptions::default()
        };
        let report = optimizer.step_with(options).unwrap();
        if looks {
            assert_eq!(report.skipped(), bad);
            assert_eq!(report.step(), optimizer.steps());
            let _ = (optimizer.state(), optimizer.phase());
        }
        reports.push(report);
    }
    let tell = |report: &StepReport| {
        let (step, rate) = (report.step(), report.learning_rate());
        (step, report.phase, rate, report.skipped())
    };
    let told = reports.iter().map(tell).collect();
    Trained {
        optimizer,
        weights,
        told,
    }
}

/// A skipped step leaves the schedule, the freeze and all else where they were, as
/// the host learns of it or not.
fn assert_as_the_reference(course: &Course) {
    let expected = train(course, Backend::Reference, false);
    let found = train(course, Backend::Cuda, false);
    assert_eq!(found.told, expected.told, "{course:?}");
    let (state, reference) = (found.optimizer.state(), expected.optimizer.state());
    assert_eq!(state.metadata, reference.metadata, "{course:?}");
    assert!(state.tensors.keys().eq(reference.tensors.keys()));
    let pairs = state.tensors.iter().zip(&reference.tensors);
    let pairs = pairs.map(|((entry, found), (_, expected))| (entry.as_str(), found, expected));
    let weights = found.weights.iter().zip(&expected.weights);
    let weights = weights.map(|(found, expected)| ("weight", found, expected));
    let tolerance = match course.kind {
        Kind::Double => 1e-12,
        _ => 1e-5,
    };
    for (entry, found, expected) in pairs.chain(weights) {
        let apart = distance(found, expected);
        assert!(apart < tolerance, "{course:?}, {entry}: {apart:e}");
    }
    let looked = train(course, Backend::Cuda, true);
    assert_eq!(looked.told, found.told);
    assert_eq!(
        everything(&looked.optimizer, &looked.weights),
        everything(&found.optimizer, &found.weights),
        "{course:?}"
    );
}

fn adam(kind: Kind) -> (RuleConfig, Kind) {
    (AdamConfig::default().into(), kind)
}

#[test]
fn skipped_steps_around_the_freeze_are_those_of_the_reference() {
    // Which of twelve steps are skipped; the freeze is at the fourth that is taken.
    for skipped in [
        &[][..],
        &[0],
        &[2],
        &[3],
        &[4],
        &[2, 3, 4],
        &[0, 3, 4, 5, 9],
        &[11],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    ] {
        for (rule, kind) in [adam(Kind::Float), adam(Kind::Double)] {
            for free_steps in [0, 3, 100] {
                assert_as_the_reference(&Course {
                    rule,
                    kind,
                    clock: Clock::Steps,
                    ragged: true,
                    free_steps,
                    bad: (0..12).map(|step| skipped.contains(&step)).collect(),
                });
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn skipped_steps_are_those_of_the_reference(
        rule in prop::sample::select(vec![
            RuleConfig::from(AdamConfig::default()),
            LambConfig::default().into(),
            LarsConfig::default().into(),
            SgdConfig { momentum: 0.9, ..SgdConfig::default() }.into(),
        ]),
        double in any::<bool>(),
        by_samples in any::<bool>(),
        ragged in any::<bool>(),
        free_steps in 0u64..8,
        bad in prop::collection::vec(prop::bool::weighted(0.3), 1..24),
    ) {
        assert_as_the_reference(&Course {
            rule,
            kind: if double { Kind::Double } else { Kind::Float },
            clock: if by_samples { Clock::Samples } else { Clock::Steps },
            ragged,
            free_steps,
            bad,
        });
    }
}

/// More steps than rates are kept for at first.
#[test]
fn nobody_has_to_look_for_long() {
    let (rule, kind) = adam(Kind::Float);
    assert_as_the_reference(&Course {
        rule,
        kind,
        clock: Clock::Steps,
        ragged: false,
        free_steps: 1000,
        bad: (0..300).map(|step| step % 50 == 49).collect(),
    });
}

/// The rate that a step would have had with those skipped taken, is none.
#[test]
fn a_rate_that_no_step_has_is_no_error() {
    let run = |backend| {
        let schedule = Schedule::multi_step(10.0, vec![2], 1e308);
        let (mut optimizer, weights) = small(backend, schedule, 9);
        let mut numbers = Numbers(5);
        for bad in [false, true, false] {
            give(&mut optimizer, &weights, &mut numbers, bad);
            optimizer.step().unwrap();
        }
        give(&mut optimizer, &weights, &mut numbers, false);
        let before = everything(&optimizer, &weights);
        let error = optimizer.step().unwrap_err();
        assert_eq!(everything(&optimizer, &weights), before);
        error.to_string()
    };
    assert_eq!(run(Backend::Cuda), run(Backend::Reference));
}

#[test]
fn states_go_from_each_backend_to_each_other() {
    let backends = [Backend::Auto, Backend::Reference, Backend::Cuda];
    let schedule = || Schedule::linear(0.1, 0.0, 20);
    let mut ends = Vec::new();
    for from in backends {
        for to in backends {
            for at in [2, 3, 4] {
                let (mut first, weights) = small(from, schedule(), 3);
                let mut numbers = Numbers(5);
                for _ in 0..at {
                    give(&mut first, &weights, &mut numbers, false);
                    first.step().unwrap();
                }
                let (mut second, mut resumed) = small(to, schedule(), 3);
                second.load_state(&first.state()).unwrap();
                tch::no_grad(|| {
                    resumed
                        .iter_mut()
                        .zip(&weights)
                        .for_each(|(to, from)| to.copy_(from));
                });
                assert_eq!(everything(&second, &resumed), everything(&first, &weights));
                while second.steps() < 8 {
                    give(&mut second, &resumed, &mut numbers, false);
                    second.step().unwrap();
                }
                ends.push(Tensor::cat(
                    &resumed
                        .iter()
                        .map(|w| w.detach().view(-1))
                        .collect::<Vec<_>>(),
                    0,
                ));
            }
        }
    }
    for end in &ends {
        assert!(distance(end, &ends[0]) < 1e-5);
    }
}

#[test]
fn a_load_forgets_what_was_skipped_before() {
    let (mut optimizer, weights) = small(Backend::Cuda, Schedule::constant(0.1), 9);
    let clean = optimizer.state();
    give(&mut optimizer, &weights, &mut Numbers(5), true);
    optimizer.step().unwrap();
    assert_eq!(optimizer.skipped(), 1);
    optimizer.load_state(&clean).unwrap();
    assert_eq!((optimizer.steps(), optimizer.skipped()), (0, 0));
}

#[test]
fn diagnostics_of_a_skipped_step_are_none() {
    let (mut optimizer, weights) = small(Backend::Cuda, Schedule::constant(0.1), 1);
    let mut numbers = Numbers(5);
    let options = StepOptions {
        diagnostics: true,
        ..StepOptions::default()
    };
    for (bad, told) in [(false, 2), (true, 0), (false, 2)] {
        give(&mut optimizer, &weights, &mut numbers, bad);
        let report = optimizer.step_with(options).unwrap();
        assert_eq!(optimizer.diagnostics().len(), told);
        let tensor = report.gradient_norm_tensor();
        assert_eq!((tensor.kind(), tensor.dim()), (Kind::Double, 0));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["skipped"], bad);
        assert_eq!(json["step"], report.step());
    }
}

#[test]
fn the_backend_has_a_name_in_configurations() {
    let name = serde_json::to_value(Backend::Cuda).unwrap();
    assert_eq!(name, "cuda");
    assert_eq!(
        serde_json::from_value::<Backend>(name).unwrap(),
        Backend::Cuda
    );
}
