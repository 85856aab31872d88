//! The fused kernels against the libtorch operations: all rules, shapes that
//! span blocks, layouts, kinds, numbers of threads.

#[path = "../common/mod.rs"]
mod common;
mod narrow;

use common::rules::rules;
use common::setting::{SHAPES, Setting, assert_same_diagnostics, diagnose, lawn, run, start};
use common::{Numbers, distance, everything, parameters, set_gradients, values};
use lawn_core::{
    AdamConfig, AdamPConfig, Backend, Granularity, LambConfig, Optimizer, OptimizerConfig,
    RadialTest, RuleConfig, Schedule, SgdConfig, SgdPConfig, WeightDecay,
};
use proptest::prelude::*;
use tch::{Kind, Tensor};

#[test]
fn they_agree_for_every_rule() {
    let start = start();
    for (rule, decay) in rules() {
        for granularity in [None, Some(Granularity::Layer), Some(Granularity::Row)] {
            for (kind, tolerance) in [(Kind::Float, 3e-6), (Kind::Double, 1e-12)] {
                let setting = Setting {
                    rule,
                    decay,
                    granularity,
                    kind,
                    // Both ways through the sweeps: with and without a first
                    // look at all gradients.
                    check_finite: kind == Kind::Double,
                    clip_norm: None,
                };
                let (_, expected) = run(&setting, &start, Backend::Reference);
                let (_, found) = run(&setting, &start, Backend::Auto);
                for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    let apart = distance(found, expected);
                    assert!(
                        apart < tolerance,
                        "{rule:?} {granularity:?} {kind:?} of shape {:?}: {apart:e}",
                        SHAPES[i]
                    );
                }
            }
        }
    }
}

/// The radial test is passed by every row, or by the whole alone, or by neither.
#[test]
fn directions_lose_the_same_radial_parts() {
    let start = start();
    for delta in [1e3, 1.0, 0.0] {
        let projection = RadialTest {
            delta,
            ..RadialTest::default()
        };
        let adamp = |nesterov| AdamPConfig {
            nesterov,
            epsilon: 1e-4,
            projection,
            ..AdamPConfig::default()
        };
        let sgdp = SgdPConfig {
            projection,
            ..SgdPConfig::default()
        };
        let rules = [
            adamp(false).into(),
            adamp(true).into(),
            RuleConfig::from(sgdp),
        ];
        for (rule, decay) in rules.into_iter().zip([
            WeightDecay::Decoupled { rate: 0.1 },
            WeightDecay::L2 { rate: 0.1 },
            WeightDecay::Decoupled { rate: 0.1 },
        ]) {
            for (kind, tolerance) in [
                (Kind::Float, 3e-6),
                (Kind::Double, 1e-12),
                (Kind::BFloat16, 2f64.powi(-7)),
            ] {
                for clip_norm in [None, Some(10.0)] {
                    let setting = Setting {
                        rule,
                        decay,
                        granularity: None,
                        kind,
                        check_finite: false,
                        clip_norm,
                    };
                    let (_, expected) = run(&setting, &start, Backend::Reference);
                    let (_, found) = run(&setting, &start, Backend::Auto);
                    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                        let apart = distance(found, expected);
                        let shape = SHAPES[i];
                        assert!(
                            apart < tolerance,
                            "{rule:?} {kind:?} {clip_norm:?} of shape {shape:?}: {apart:e}"
                        );
                    }
                }
            }
            let found = diagnose(Backend::Auto, Granularity::Layer, rule);
            let expected = diagnose(Backend::Reference, Granularity::Layer, rule);
            assert_same_diagnostics(&found, &expected);
        }
    }
}

/// Larger units are taken through their sweeps in waves, of which two are under
/// way at a time: units of unlike sizes, and one that is not constrained.
#[test]
fn waves_beside_each_other_agree() {
    let shapes: [&[i64]; 4] = [&[530, 1003], &[300, 1001], &[280_001], &[270, 1000]];
    let mut numbers = Numbers(8);
    let start = shapes.map(|shape| numbers.tensor(shape, Kind::Double));
    let threads = tch::get_num_threads();
    for (rule, decay) in rules().into_iter().step_by(2) {
        for (kind, tolerance) in [(Kind::Float, 3e-6), (Kind::BFloat16, 2f64.powi(-7))] {
            let setting = Setting {
                rule,
                decay,
                granularity: Some(Granularity::Layer),
                kind,
                check_finite: false,
                clip_norm: None,
            };
            let (_, expected) = run(&setting, &start, Backend::Reference);
            let results = [1, 2, 5].map(|threads| {
                tch::set_num_threads(threads);
                run(&setting, &start, Backend::Auto)
            });
            tch::set_num_threads(threads);
            for (found, expected) in results[0].1.iter().zip(&expected) {
                let apart = distance(found, expected);
                assert!(apart <= tolerance, "{rule:?} {kind:?}: {apart:e}");
            }
            let all = results.map(|(optimizer, weights)| everything(&optimizer, &weights));
            assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{rule:?}");
        }
    }
}

/// Between its sweeps a step keeps the direction in place of the first moment; a
/// state has the moment, and taking it changes nothing.
#[test]
fn a_state_has_the_first_moment() {
    let start = start();
    let adam = AdamConfig::default();
    let amsgrad = AdamConfig {
        amsgrad: true,
        ..adam
    };
    for rule in [
        RuleConfig::from(adam),
        amsgrad.into(),
        LambConfig::default().into(),
    ] {
        for (kind, tolerance) in [(Kind::Float, 3e-6), (Kind::Double, 1e-12)] {
            let setting = Setting {
                rule,
                decay: WeightDecay::None,
                granularity: Some(Granularity::Layer),
                kind,
                check_finite: false,
                clip_norm: None,
            };
            let (reference, _) = run(&setting, &start, Backend::Reference);
            let (fused, weights) = run(&setting, &start, Backend::Auto);
            let expected = wide_entries(&reference);
            for ((name, found), (_, expected)) in wide_entries(&fused).iter().zip(&expected) {
                let apart = distance(found, expected);
                assert!(apart < tolerance, "{rule:?} {kind:?} {name}: {apart:e}");
            }
            assert!(everything(&fused, &weights) == everything(&fused, &weights));
        }
    }
}

#[test]
fn a_second_moment_that_overflows_leaves_numbers() {
    let mut numbers = Numbers(10);
    let start = [numbers.tensor(&[40, 30], Kind::Float)];
    for backend in [Backend::Reference, Backend::Auto] {
        let (parameters, weights) = parameters(&start);
        let config = OptimizerConfig {
            lawn: Some(lawn(0, Granularity::Layer)),
            backend,
            ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.01))
        };
        let mut optimizer = config.build(parameters).unwrap();
        for _ in 0..3 {
            let gradient = numbers.tensor(&[40, 30], Kind::Float) * 1e25;
            set_gradients(&mut optimizer, &weights, &[Some(gradient)]);
            optimizer.step().unwrap();
            assert!(values(&weights[0]).iter().all(|w| w.is_finite()));
            let m = &optimizer.state().tensors["first_moment/p0"];
            assert!(values(m).iter().all(|m| m.is_finite()), "{backend:?}");
        }
    }
}

/// Every entry of a state that is in f32 or f64, by name; without those of
/// parameters of one column, which under the constraint have nothing left of
/// their gradient but rounding.
fn wide_entries(optimizer: &Optimizer) -> Vec<(String, Tensor)> {
    let one_column = |name: &String| {
        SHAPES
            .iter()
            .enumerate()
            .any(|(i, shape)| shape.ends_with(&[1]) && name.ends_with(&format!("/p{i}")))
    };
    let entries = optimizer.state().tensors.into_iter();
    entries
        .filter(|(_, tensor)| matches!(tensor.kind(), Kind::Float | Kind::Double))
        .filter(|(name, _)| !one_column(name))
        .collect()
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let start = start();
    let threads = tch::get_num_threads();
    // Products and means of matrices are libtorch's, whose last bits depend on it.
    let is_of_matrices =
        |rule: &RuleConfig| matches!(rule, RuleConfig::Muon(_) | RuleConfig::Adafactor(_));
    let others = rules()
        .into_iter()
        .filter(|(rule, _)| !is_of_matrices(rule));
    // Every other rule, which is most kernels.
    for (rule, decay) in others.step_by(2) {
        for granularity in [None, Some(Granularity::Layer), Some(Granularity::Row)] {
            for (kind, check_finite) in [
                (Kind::Float, false),
                (Kind::Float, true),
                (Kind::BFloat16, true),
            ] {
                let setting = Setting {
                    rule,
                    decay,
                    granularity,
                    kind,
                    check_finite,
                    clip_norm: check_finite.then_some(1.0),
                };
                let mut results = Vec::new();
                for threads in [1, 2, 5] {
                    tch::set_num_threads(threads);
                    let (optimizer, weights) = run(&setting, &start, Backend::Auto);
                    results.push(everything(&optimizer, &weights));
                }
                tch::set_num_threads(threads);
                assert!(
                    results.windows(2).all(|pair| pair[0] == pair[1]),
                    "{rule:?}"
                );
            }
        }
    }
}

#[test]
fn a_first_look_at_the_gradients_changes_the_sums_and_nothing_else() {
    let start = start();
    for (rule, decay) in rules() {
        let results = [false, true].map(|check_finite| {
            let (granularity, kind) = (Some(Granularity::Layer), Kind::Float);
            let clip_norm = None;
            let setting = Setting {
                rule,
                decay,
                granularity,
                kind,
                check_finite,
                clip_norm,
            };
            run(&setting, &start, Backend::Auto).1
        });
        for (a, b) in results[0].iter().zip(&results[1]) {
            assert!(a.equal(b), "{rule:?}");
        }
    }
}

#[test]
fn layouts_of_weights_and_gradients_may_differ() {
    let channels_last = |t: &Tensor| {
        let permuted = t.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
        assert!(!permuted.is_contiguous());
        permuted
    };
    let transposed = |t: &Tensor| t.tr().contiguous().tr();
    let mut numbers = Numbers(6);
    let filter = numbers.tensor(&[16, 8, 3, 3], Kind::Float);
    let matrix = numbers.tensor(&[50, 30], Kind::Float);
    for granularity in [None, Some(Granularity::Layer), Some(Granularity::Row)] {
        for rule in [
            AdamConfig::default().into(),
            RuleConfig::from(LambConfig::default()),
        ] {
            let setting = Setting {
                rule,
                decay: WeightDecay::None,
                granularity,
                kind: Kind::Float,
                check_finite: true,
                clip_norm: None,
            };
            let plain = [filter.copy(), matrix.copy()];
            let other = [channels_last(&filter), transposed(&matrix)];
            let (_, expected) = run(&setting, &plain, Backend::Reference);
            let (_, found) = run(&setting, &other, Backend::Auto);
            for (found, expected) in found.iter().zip(&expected) {
                assert!(distance(found, expected) < 2e-6, "{rule:?} {granularity:?}");
            }
        }
    }
}

#[test]
fn diagnostics_are_those_of_measurement() {
    let sgd = SgdConfig::default().into();
    for rule in [
        sgd,
        AdamConfig::default().into(),
        LambConfig::default().into(),
    ] {
        for granularity in [Granularity::Layer, Granularity::Row] {
            let found = diagnose(Backend::Auto, granularity, rule);
            let expected = diagnose(Backend::Reference, granularity, rule);
            let units = if granularity == Granularity::Row {
                7
            } else {
                2
            };
            // By layer while free.
            assert_eq!(found.len(), 2 + 2 * units);
            assert_same_diagnostics(&found, &expected);
            let turned = &found[found.len() - 1];
            assert!(turned.constrained && turned.rotation > 1e-6);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn they_agree_on_random_shapes(
        shape in prop::collection::vec(1i64..40, 1..4),
        rule in prop::sample::select(rules()),
        granularity in prop::option::of(prop_oneof![
            Just(Granularity::Layer),
            Just(Granularity::Row),
        ]),
        double in any::<bool>(),
        clip_norm in prop::option::of(0.1..10.0),
        seed in 0u64..1 << 40,
    ) {
        let mut numbers = Numbers(seed);
        let start = [numbers.tensor(&shape, Kind::Double), numbers.tensor(&[7], Kind::Double)];
        let (rule, decay) = rule;
        let kind = if double { Kind::Double } else { Kind::Float };
        let setting = Setting { rule, decay, granularity, kind, check_finite: true, clip_norm };
        let (_, expected) = run(&setting, &start, Backend::Reference);
        let (_, found) = run(&setting, &start, Backend::Auto);
        let tolerance = if double { 1e-10 } else { 1e-4 };
        for (found, expected) in found.iter().zip(&expected) {
            let apart = distance(found, expected);
            prop_assert!(apart < tolerance, "{apart:e}");
        }
    }
}
