//! The kernels of CUDA, compiled for the CPU, against the libtorch operations.

use crate::common::rules::rules;
use crate::common::setting::{
    SHAPES, Setting, assert_same_diagnostics, diagnose, lawn, run, start,
};
use crate::common::{Numbers, distance, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Backend, Diagnostics, Granularity, Group, LambConfig, LawnConfig, LazyAdamConfig,
    Optimizer, OptimizerConfig, Parameter, Parameters, Role, RowwiseAdagradConfig, RuleConfig,
    Schedule, Scope, SgdConfig, StepOptions, UntouchedRows, WeightDecay,
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
                let (_, found) = run(&setting, &start, Backend::Cuda);
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
            decay: Some(WeightDecay::L2 { rate: 0.1 }),
            ..Group::new("p2")
        };
        let config = OptimizerConfig {
            backend,
            clip_norm,
            groups: vec![slow, coupled],
            decay: WeightDecay::Decoupled { rate: 0.2 },
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
        let found = run(Backend::Cuda, clip_norm);
        for (found, expected) in found.iter().zip(&expected) {
            let apart = distance(found, expected);
            assert!(apart < 1e-12, "{clip_norm:?}: {apart:e}");
        }
    }
}

#[test]
fn an_epsilon_of_zero_agrees() {
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
                decay: WeightDecay::None,
                granularity,
                kind: Kind::Double,
                check_finite: true,
                clip_norm: None,
            };
            let start = start();
            let (_, expected) = run(&setting, &start, Backend::Reference);
            let (_, found) = run(&setting, &start, Backend::Cuda);
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
                    _ => Scope::Patterns([0, 1, 2, 3, 4, 6].map(|i| format!("p{i}")).into()),
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
                let (found, weights) = run_layouts(Backend::Cuda, kind, &config, missing);
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
                    (run(Backend::Reference), run(Backend::Cuda));
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
            let found = diagnose(Backend::Cuda, granularity, rule);
            let expected = diagnose(Backend::Reference, granularity, rule);
            assert_same_diagnostics(&found, &expected);
        }
    }
}

/// A table of which some rows are left alone, beside a weight that the kernels take: six steps, the
/// freeze among them, of which one is skipped.
fn run_beside_a_table(
    backend: Backend,
    config: &OptimizerConfig,
    size: f64,
) -> (Optimizer, Vec<Tensor>, Vec<Diagnostics>) {
    let mut numbers = Numbers(31);
    let (parameters, weights): (Vec<_>, Vec<_>) = [("table", [40, 6]), ("dense", [6, 50])]
        .map(|(name, shape)| {
            let tensor = numbers.tensor(&shape, Kind::Double);
            let tensor = tensor.set_requires_grad(true);
            let parameter = Parameter {
                name: name.into(),
                role: match name {
                    "table" => Role::Embedding,
                    _ => Role::Weight,
                },
                tensor: tensor.shallow_clone(),
            };
            (parameter, tensor)
        })
        .into_iter()
        .unzip();
    let config = OptimizerConfig {
        backend,
        ..config.clone()
    };
    let mut optimizer = config.build(Parameters::new(parameters).unwrap()).unwrap();
    let mut told = Vec::new();
    for step in 0..6 {
        let table = numbers.tensor(&[40, 6], Kind::Double) * size;
        let rows: Vec<i64> = (0..40).filter(|row| row % 3 == step % 3).collect();
        let table = table.index_fill(0, &Tensor::from_slice(&rows), 0.0);
        let dense = numbers.tensor(&[6, 50], Kind::Double);
        if step == 4 {
            let _ = table.get(1).fill_(f64::NAN);
        }
        set_gradients(&mut optimizer, &weights, &[Some(table), Some(dense)]);
        let options = StepOptions {
            diagnostics: true,
            ..StepOptions::default()
        };
        let report = optimizer.step_with(options).unwrap();
        assert_eq!(report.skipped(), step == 4);
        told.extend_from_slice(optimizer.diagnostics());
    }
    (optimizer, weights, told)
}

#[test]
fn a_table_that_the_kernels_do_not_take_steps_beside_what_they_do() {
    let left_alone = LawnConfig {
        untouched_rows: UntouchedRows::LeftAlone,
        ..lawn(2, Granularity::Row)
    };
    for (rule, lawn) in [
        (RuleConfig::from(LazyAdamConfig::default()), None),
        (RowwiseAdagradConfig::default().into(), None),
        (AdamConfig::default().into(), Some(left_alone.clone())),
        (LambConfig::default().into(), Some(left_alone)),
    ] {
        for (clip_norm, size) in [(None, 1.0), (Some(0.5), 1.0), (None, 1e199)] {
            let config = OptimizerConfig {
                clip_norm,
                lawn: lawn.clone(),
                ..OptimizerConfig::new(rule, Schedule::linear(0.01, 0.0, 9))
            };
            let reference = run_beside_a_table(Backend::Reference, &config, size);
            let found = run_beside_a_table(Backend::Cuda, &config, size);
            if size == 1.0 {
                assert_same_diagnostics(&found.2, &reference.2);
            }
            let (state, expected) = (found.0.state(), reference.0.state());
            assert_eq!(state.metadata, expected.metadata);
            for (entry, expected) in &expected.tensors {
                let apart = distance(&state.tensors[entry], expected);
                assert!(
                    apart < 1e-11,
                    "{rule:?} {clip_norm:?} {size:e} {entry}: {apart:e}"
                );
            }
            for (found, expected) in found.1.iter().zip(&reference.1) {
                let apart = distance(found, expected);
                assert!(apart < 1e-11, "{rule:?} {clip_norm:?} {size:e}: {apart:e}");
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
            backend: Backend::Cuda,
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
        let (_, found) = run(&setting, &start, Backend::Cuda);
        let tolerance = if double { 1e-10 } else { 1e-4 };
        for (found, expected) in found.iter().zip(&expected) {
            let apart = distance(found, expected);
            prop_assert!(apart < tolerance, "{apart:e}");
        }
    }
}
