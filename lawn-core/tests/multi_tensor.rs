//! The multi-tensor path against the libtorch operations, and what is its own:
//! steps that the device skips, and that nobody waits for.

mod common;

use common::setting::{SHAPES, Setting, diagnose, rules, run, start};
use common::{Numbers, distance, everything, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Backend, Decay, Error, Granularity, Group, LambConfig, LawnConfig, Optimizer,
    OptimizerConfig, RuleConfig, Schedule, Scope, SgdConfig, StepOptions,
};
use proptest::prelude::*;
use tch::{Kind, Tensor};

const FORMS: [Option<Granularity>; 3] = [None, Some(Granularity::Layer), Some(Granularity::Row)];

/// How far two runs in this kind may be apart.
fn tolerance(kind: Kind) -> f64 {
    if kind == Kind::Double { 1e-11 } else { 1e-5 }
}

#[test]
fn it_agrees_for_every_rule() {
    let start = start();
    for (rule, decay) in rules() {
        for granularity in FORMS {
            // All steps are taken for sure, or the device knows which; with and
            // without a factor that only the device knows.
            for (kind, check_finite, clip_norm) in [
                (Kind::Float, false, None),
                (Kind::Float, true, None),
                (Kind::Double, true, Some(1.0)),
            ] {
                let setting = Setting {
                    rule,
                    decay,
                    granularity,
                    kind,
                    check_finite,
                    clip_norm,
                };
                let (_, expected) = run(&setting, &start, Backend::Reference);
                let (_, found) = run(&setting, &start, Backend::MultiTensor);
                for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    let apart = distance(found, expected);
                    assert!(
                        apart < tolerance(kind),
                        "{rule:?} {granularity:?} {kind:?} of shape {:?}: {apart:e}",
                        SHAPES[i]
                    );
                }
            }
        }
    }
}

#[test]
fn groups_with_rates_and_decays_of_their_own_agree() {
    let run = |backend, clip_norm| {
        let mut numbers = Numbers(13);
        let start =
            [&[8i64, 6][..], &[6], &[5, 5], &[3]].map(|shape| numbers.tensor(shape, Kind::Double));
        let (parameters, weights) = parameters(&start);
        let slow = Group {
            learning_rate_scale: 0.1,
            ..Group::new("p1")
        };
        let coupled = Group {
            decay: Some(Decay::L2 { rate: 0.1 }),
            ..Group::new("p2")
        };
        let config = OptimizerConfig {
            backend,
            clip_norm,
            groups: vec![slow, coupled],
            decay: Decay::Decoupled { rate: 0.2 },
            ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.05))
        };
        let mut optimizer = config.build(parameters).unwrap();
        for _ in 0..4 {
            let gradients: Vec<_> = start
                .iter()
                .map(|w| Some(numbers.tensor(&w.size(), Kind::Double)))
                .collect();
            set_gradients(&mut optimizer, &weights, &gradients);
            optimizer.step().unwrap();
        }
        weights
    };
    for clip_norm in [None, Some(0.5)] {
        let expected = run(Backend::Reference, clip_norm);
        let found = run(Backend::MultiTensor, clip_norm);
        for (found, expected) in found.iter().zip(&expected) {
            let apart = distance(found, expected);
            assert!(apart < 1e-12, "{clip_norm:?}: {apart:e}");
        }
    }
}

#[test]
fn an_epsilon_of_zero_stays_out_of_the_padding() {
    let adam = AdamConfig {
        epsilon: 0.0,
        ..AdamConfig::default()
    };
    let lamb = LambConfig {
        epsilon: 0.0,
        ..LambConfig::default()
    };
    for rule in [RuleConfig::from(adam), lamb.into()] {
        for granularity in FORMS {
            let setting = Setting {
                rule,
                decay: Decay::None,
                granularity,
                kind: Kind::Double,
                check_finite: true,
                clip_norm: None,
            };
            let start = start();
            let (_, expected) = run(&setting, &start, Backend::Reference);
            let (_, found) = run(&setting, &start, Backend::MultiTensor);
            for (found, expected) in found.iter().zip(&expected) {
                // Directions of almost no gradient are the worst conditioned.
                let apart = distance(found, expected);
                assert!(apart < 1e-9, "{rule:?} {granularity:?}: {apart:e}");
            }
        }
    }
}

/// Weights of several layouts: plain, channels last, transposed, a slice with
/// gaps, a scalar, and none at all.
fn layouts(numbers: &mut Numbers, kind: Kind) -> Vec<Tensor> {
    let filter = numbers.tensor(&[16, 8, 3, 3], kind);
    let channels_last = filter
        .permute([0, 2, 3, 1])
        .contiguous()
        .permute([0, 3, 1, 2]);
    vec![
        numbers.tensor(&[50, 30], kind),
        channels_last,
        numbers.tensor(&[30, 50], kind).tr(),
        numbers.tensor(&[12, 20], kind).slice(1, 0, 20, 2),
        numbers.tensor(&[1], kind).squeeze(),
        numbers.tensor(&[0, 4], kind),
        numbers.tensor(&[7], kind),
    ]
}

/// Five steps over parameters of several layouts; each step one other of them,
/// if asked to, has no gradient.
fn run_layouts(
    backend: Backend,
    kind: Kind,
    config: &OptimizerConfig,
    missing: bool,
) -> (Optimizer, Vec<Tensor>) {
    let start = layouts(&mut Numbers(6), kind);
    let tensors: Vec<Tensor> = start
        .iter()
        .map(|w| {
            // A copy keeps gaps out; these are wanted.
            w.detach().set_requires_grad(true)
        })
        .collect();
    let named = tensors
        .iter()
        .enumerate()
        .map(|(i, tensor)| lawn_core::Parameter {
            name: format!("p{i}"),
            role: lawn_core::Role::Weight,
            tensor: tensor.shallow_clone(),
        });
    let parameters = lawn_core::Parameters::new(named.collect()).unwrap();
    let config = OptimizerConfig {
        backend,
        ..config.clone()
    };
    let mut optimizer = config.build(parameters).unwrap();
    let mut numbers = Numbers(17);
    for step in 0..5 {
        let gradients: Vec<Option<Tensor>> = tensors
            .iter()
            .enumerate()
            .map(|(i, w)| {
                let g = numbers.tensor(&w.size(), kind);
                (!missing || i != step % 3).then_some(g)
            })
            .collect();
        set_gradients(&mut optimizer, &tensors, &gradients);
        optimizer.step().unwrap();
    }
    (optimizer, tensors)
}

fn lawn(free_steps: u64, granularity: Granularity) -> LawnConfig {
    LawnConfig {
        scope: Scope::AllWeights,
        granularity,
        ..LawnConfig::new(free_steps)
    }
}

#[test]
fn layouts_and_missing_gradients_are_those_of_the_reference() {
    for rule in [
        RuleConfig::from(AdamConfig::default()),
        LambConfig::default().into(),
        SgdConfig {
            momentum: 0.9,
            dampening: 0.2,
            nesterov: false,
        }
        .into(),
    ] {
        for granularity in [Granularity::Layer, Granularity::Row] {
            for missing in [false, true] {
                // An empty parameter has no rows.
                let scope = match granularity {
                    Granularity::Layer => Scope::AllWeights,
                    Granularity::Row => {
                        Scope::Patterns([0, 1, 2, 3, 4, 6].map(|i| format!("p{i}")).into())
                    }
                };
                let config = OptimizerConfig {
                    clip_norm: Some(2.0),
                    lawn: Some(LawnConfig {
                        scope,
                        ..lawn(2, granularity)
                    }),
                    ..OptimizerConfig::new(rule, Schedule::constant(0.01))
                };
                let kind = Kind::Float;
                let (reference, expected) = run_layouts(Backend::Reference, kind, &config, missing);
                let (found, weights) = run_layouts(Backend::MultiTensor, kind, &config, missing);
                for (i, (found, expected)) in weights.iter().zip(&expected).enumerate() {
                    let apart = distance(found, expected);
                    assert!(apart < 1e-5, "{rule:?} {granularity:?} p{i}: {apart:e}");
                    assert_eq!(found.stride(), expected.stride());
                }
                let (reference, found) = (reference.state(), found.state());
                assert!(reference.tensors.keys().eq(found.tensors.keys()));
                for (entry, expected) in &reference.tensors {
                    let apart = distance(&found.tensors[entry], expected);
                    assert!(apart < 1e-5, "{rule:?} {entry}: {apart:e}");
                }
            }
        }
    }
}

#[test]
fn narrow_weights_are_those_of_the_reference() {
    for kind in [Kind::BFloat16, Kind::Half] {
        for master_weights in [false, true] {
            for granularity in [Granularity::Layer, Granularity::Row] {
                let run = |backend| {
                    let mut numbers = Numbers(8);
                    let start = [[33, 40].as_slice(), &[40], &[8, 3, 3, 3]]
                        .map(|shape| numbers.tensor(shape, kind));
                    let (parameters, weights) = parameters(&start);
                    let config = OptimizerConfig {
                        master_weights,
                        backend,
                        lawn: Some(lawn(3, granularity)),
                        ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.01))
                    };
                    let mut optimizer = config.build(parameters).unwrap();
                    for _ in 0..8 {
                        let gradients: Vec<_> = start
                            .iter()
                            .map(|w| Some(numbers.tensor(&w.size(), kind)))
                            .collect();
                        set_gradients(&mut optimizer, &weights, &gradients);
                        optimizer.step().unwrap();
                    }
                    (optimizer, weights)
                };
                let ((reference, expected), (multi, found)) =
                    (run(Backend::Reference), run(Backend::MultiTensor));
                for (found, expected) in found.iter().zip(&expected) {
                    assert_eq!(found.kind(), kind);
                    // Rounding may fall to the other side: one place of the kind.
                    let place = if kind == Kind::Half { 1e-3 } else { 8e-3 };
                    assert!(distance(found, expected) < place, "{kind:?}");
                }
                if master_weights {
                    let (reference, multi) = (reference.state(), multi.state());
                    for i in 0..3 {
                        let entry = format!("master/p{i}");
                        let (a, b) = (&multi.tensors[&entry], &reference.tensors[&entry]);
                        assert!(distance(a, b) < 1e-5, "{kind:?} {entry}");
                    }
                }
            }
        }
    }
}

#[test]
fn diagnostics_are_those_of_measurement() {
    for rule in [
        SgdConfig::default().into(),
        RuleConfig::from(AdamConfig::default()),
        LambConfig::default().into(),
    ] {
        for granularity in [Granularity::Layer, Granularity::Row] {
            let found = diagnose(Backend::MultiTensor, granularity, rule);
            let expected = diagnose(Backend::Reference, granularity, rule);
            assert_eq!(found.len(), expected.len());
            for (a, b) in found.iter().zip(&expected) {
                assert_eq!((&a.parameter, a.unit), (&b.parameter, b.unit));
                assert_eq!(a.constrained, b.constrained);
                for (what, a, b) in [
                    ("weight norm", a.weight_norm, b.weight_norm),
                    ("gradient norm", a.gradient_norm, b.gradient_norm),
                    ("cosine", a.cosine, b.cosine),
                    ("rotation", a.rotation, b.rotation),
                    ("trust ratio", a.trust_ratio, b.trust_ratio),
                    ("drift", a.radius_drift, b.radius_drift),
                ] {
                    let apart = (a - b).abs() / (1e-3 + b.abs());
                    assert!(
                        apart < 1e-10,
                        "{rule:?} {granularity:?} {what}: {a} and {b}"
                    );
                }
            }
        }
    }
}

#[test]
fn norms_are_kept_to_one_part_in_ten_million() {
    let mut numbers = Numbers(21);
    let start = [&[64, 100][..], &[5, 27], &[4099], &[40, 256]]
        .map(|shape| numbers.tensor(shape, Kind::Float));
    for granularity in [Granularity::Layer, Granularity::Row] {
        let (parameters, weights) = parameters(&start);
        let config = OptimizerConfig {
            backend: Backend::MultiTensor,
            lawn: Some(lawn(1, granularity)),
            ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.05))
        };
        let mut optimizer = config.build(parameters).unwrap();
        for _ in 0..300 {
            let gradients: Vec<_> = start
                .iter()
                .map(|w| Some(numbers.tensor(&w.size(), Kind::Float)))
                .collect();
            set_gradients(&mut optimizer, &weights, &gradients);
            optimizer.step().unwrap();
        }
        let state = optimizer.state();
        for (i, w) in weights.iter().enumerate() {
            let radius = &state.tensors[&format!("radius/p{i}")];
            let apart = (granularity.norm(&w.detach()) / radius - 1.0).abs().max();
            let apart = apart.double_value(&[]);
            assert!(apart < 1e-7, "{granularity:?} p{i}: {apart:e}");
        }
    }
}

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
            let g = numbers.tensor(&w.size(), Kind::Float);
            Some(if bad { g * f64::NAN } else { g })
        })
        .collect();
    set_gradients(optimizer, weights, &gradients);
}

/// The schedule, the freeze and the count of steps go on over a skipped step;
/// when somebody asks what happened makes no difference to the numbers.
#[test]
fn a_skipped_step_counts_for_the_schedule_whoever_looks() {
    let run = |looks: bool| {
        let (mut optimizer, weights) =
            small(Backend::MultiTensor, Schedule::linear(0.1, 0.0, 10), 4);
        let mut numbers = Numbers(5);
        for step in 0..8u64 {
            let bad = step == 2 || step == 4;
            give(&mut optimizer, &weights, &mut numbers, bad);
            let report = optimizer.step().unwrap();
            assert_eq!(report.step, step + 1);
            assert!((report.learning_rate - 0.1 * (1.0 - step as f64 / 10.0)).abs() < 1e-15);
            if looks {
                assert_eq!(report.skipped(), bad);
                assert_eq!(report.gradient_norm().is_finite(), !bad);
                assert_eq!(report.clip_factor(), 1.0);
                let _ = optimizer.state();
            }
        }
        assert_eq!((optimizer.steps(), optimizer.skipped()), (8, 2));
        // What the rule counts are steps taken.
        let state = optimizer.state();
        assert_eq!(state.tensors["updates/p0"].int64_value(&[]), 6);
        everything(&optimizer, &weights)
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn states_go_from_each_backend_to_each_other() {
    let backends = [Backend::Auto, Backend::Reference, Backend::MultiTensor];
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
    let (mut optimizer, weights) = small(Backend::MultiTensor, Schedule::constant(0.1), 9);
    let clean = optimizer.state();
    give(&mut optimizer, &weights, &mut Numbers(5), true);
    optimizer.step().unwrap();
    assert_eq!(optimizer.skipped(), 1);
    optimizer.load_state(&clean).unwrap();
    assert_eq!((optimizer.steps(), optimizer.skipped()), (0, 0));
}

#[test]
fn diagnostics_of_a_skipped_step_are_none() {
    let (mut optimizer, weights) = small(Backend::MultiTensor, Schedule::constant(0.1), 1);
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
        assert_eq!(json["step"], report.step);
    }
}

#[test]
fn a_norm_that_is_not_finite_cannot_be_fixed() {
    let (mut optimizer, weights) = small(Backend::MultiTensor, Schedule::constant(0.1), 1);
    let mut numbers = Numbers(5);
    give(&mut optimizer, &weights, &mut numbers, false);
    optimizer.step().unwrap();
    let _ = tch::no_grad(|| weights[0].get(2).fill_(f64::INFINITY));
    give(&mut optimizer, &weights, &mut numbers, false);
    let before = everything(&optimizer, &weights);
    assert!(matches!(optimizer.step(), Err(Error::Radius { name, .. }) if name == "p0"));
    assert_eq!(everything(&optimizer, &weights), before);
}

#[test]
fn the_backend_has_a_name_in_configurations() {
    let name = serde_json::to_value(Backend::MultiTensor).unwrap();
    assert_eq!(name, "multi-tensor");
    assert_eq!(
        serde_json::from_value::<Backend>(name).unwrap(),
        Backend::MultiTensor
    );
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn it_agrees_on_random_shapes(
        shape in prop::collection::vec(1i64..40, 0..4),
        rule in prop::sample::select(rules()),
        granularity in prop::option::of(prop_oneof![
            Just(Granularity::Layer),
            Just(Granularity::Row),
        ]),
        double in any::<bool>(),
        check_finite in any::<bool>(),
        clip_norm in prop::option::of(0.1..10.0),
        seed in 0u64..1 << 40,
    ) {
        let mut numbers = Numbers(seed);
        let shapes = [shape.as_slice(), &[7], &[3, 16], &[5, 27]];
        let start = shapes.map(|shape| numbers.tensor(shape, Kind::Double));
        let (rule, decay) = rule;
        let kind = if double { Kind::Double } else { Kind::Float };
        let setting = Setting { rule, decay, granularity, kind, check_finite, clip_norm };
        let (_, expected) = run(&setting, &start, Backend::Reference);
        let (_, found) = run(&setting, &start, Backend::MultiTensor);
        let tolerance = if double { 1e-10 } else { 1e-4 };
        for (found, expected) in found.iter().zip(&expected) {
            let apart = distance(found, expected);
            prop_assert!(apart < tolerance, "{apart:e}");
        }
    }
}
