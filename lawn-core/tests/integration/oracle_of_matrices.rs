//! Rules that look at more than an element and its moments against an independent f64
//! implementation of their equations, free and under LAWN.

use crate::common::matrices::{Matrix, MatrixRule, Test};
use crate::common::{Numbers, set_gradients, values};
use lawn_core::{
    AdafactorConfig, AdagradConfig, AdamPConfig, Backend, Granularity, LawnConfig, MuonConfig,
    MuonScale, OptimizerConfig, Parameter, Parameters, RadialTest, Role, RowwiseAdagradConfig,
    RuleConfig, Schedule, ScheduleFreeConfig, Scope, SgdPConfig, WeightDecay,
};
use tch::{Kind, Tensor};

const ETA: f64 = 0.07;
const DECAY: f64 = 0.3;
const FREE: usize = 4;
const STEPS: usize = 12;

/// Wide and tall.
const SHAPES: [[i64; 2]; 2] = [[4, 6], [7, 3]];

fn rules() -> Vec<(RuleConfig, MatrixRule)> {
    let mut all: Vec<(RuleConfig, MatrixRule)> = Vec::new();
    // None is projected, some are, all are.
    for delta in [0.0, 0.7, 10.0] {
        for nesterov in [false, true] {
            let test = Test {
                delta,
                decay_ratio: 0.2,
            };
            let projection = RadialTest {
                delta,
                decay_ratio: 0.2,
            };
            let adam = AdamPConfig {
                beta2: 0.95,
                epsilon: 1e-6,
                nesterov,
                projection,
                ..AdamPConfig::default()
            };
            let sgd = SgdPConfig {
                nesterov,
                projection,
                ..SgdPConfig::default()
            };
            all.push((
                adam.into(),
                MatrixRule::AdamP(0.9, 0.95, 1e-6, nesterov, test),
            ));
            all.push((sgd.into(), MatrixRule::SgdP(0.9, 1e-8, nesterov, test)));
        }
    }
    for (iterations, scale) in [(5, MuonScale::MatchAdam), (3, MuonScale::Spectral)] {
        let nesterov = scale == MuonScale::MatchAdam;
        let muon = MuonConfig {
            iterations,
            scale,
            nesterov,
            ..MuonConfig::default()
        };
        let as_adam = scale == MuonScale::MatchAdam;
        all.push((
            muon.into(),
            MatrixRule::Muon(0.95, nesterov, iterations, as_adam),
        ));
    }
    let averaged = ScheduleFreeConfig {
        beta2: 0.95,
        epsilon: 1e-6,
        weight_power: 1.0,
        ..ScheduleFreeConfig::default()
    };
    let adafactor = AdafactorConfig {
        epsilon: 1e-3,
        least_scale: 0.01,
        update_threshold: 1.2,
        ..AdafactorConfig::default()
    };
    let adagrad = AdagradConfig {
        epsilon: 1e-6,
        initial_accumulator: 0.1,
    };
    let rowwise = RowwiseAdagradConfig {
        epsilon: 1e-6,
        initial_accumulator: 0.1,
    };
    all.extend([
        (
            averaged.into(),
            MatrixRule::ScheduleFree(0.9, 0.95, 1e-6, 1.0, 2.0),
        ),
        (
            adafactor.into(),
            MatrixRule::Adafactor(0.8, 1e-3, 0.01, 1.2),
        ),
        (adagrad.into(), MatrixRule::Adagrad(1e-6, 0.1)),
        (rowwise.into(), MatrixRule::RowwiseAdagrad(1e-6, 0.1)),
    ]);
    all
}

fn data(shape: [i64; 2]) -> (Tensor, Vec<Tensor>) {
    let mut numbers = Numbers(7);
    let w = numbers.tensor(&shape, Kind::Double);
    let gradients = (0..STEPS).map(|_| numbers.tensor(&shape, Kind::Double));
    (w, gradients.collect())
}

/// Whether its matrices are embedding tables.
fn is_of_tables(rule: MatrixRule) -> bool {
    matches!(rule, MatrixRule::RowwiseAdagrad(..))
}

fn run(
    (rule, oracle): (RuleConfig, MatrixRule),
    shape: [i64; 2],
    granularity: Option<Granularity>,
    kind: Kind,
    backend: Backend,
) -> Vec<f64> {
    let (w, gradients) = data(shape);
    let w = w.to_kind(kind).set_requires_grad(true);
    let role = match is_of_tables(oracle) {
        true => Role::Embedding,
        false => Role::Weight,
    };
    let parameters = Parameters::new(vec![Parameter {
        name: "w".into(),
        role,
        tensor: w.shallow_clone(),
    }]);
    let config = OptimizerConfig {
        lawn: granularity.map(|granularity| LawnConfig {
            scope: Scope::AllWeights,
            granularity,
            ..LawnConfig::new(FREE as u64)
        }),
        decay: match granularity {
            Some(_) => WeightDecay::None,
            None => WeightDecay::Decoupled { rate: DECAY },
        },
        backend,
        ..OptimizerConfig::new(rule, Schedule::constant(ETA))
    };
    let mut optimizer = config.build(parameters.unwrap()).unwrap();
    let weights = [w];
    for g in &gradients {
        set_gradients(&mut optimizer, &weights, &[Some(g.shallow_clone())]);
        optimizer.step().unwrap();
    }
    values(&weights[0])
}

fn expect(rule: MatrixRule, shape: [i64; 2], granularity: Option<Granularity>) -> Vec<f64> {
    let (w, gradients) = data(shape);
    let columns = shape[1] as usize;
    let mut matrix = Matrix::new(&values(&w), columns);
    for (step, g) in gradients.iter().enumerate() {
        let g = values(g);
        match granularity {
            None => matrix.free(rule, ETA, DECAY, &g),
            Some(_) if step < FREE => matrix.free(rule, ETA, 0.0, &g),
            Some(granularity) => {
                if step == FREE {
                    matrix.freeze(match granularity {
                        Granularity::Row => columns,
                        _ => g.len(),
                    });
                }
                matrix.constrained(rule, ETA, &g);
            }
        }
    }
    matrix.w
}

fn largest(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, |most, x| if x <= most { most } else { x })
}

#[test]
fn each_agrees_with_its_equations() {
    for (rule, oracle) in rules() {
        for shape in SHAPES {
            for granularity in [None, Some(Granularity::Layer), Some(Granularity::Row)] {
                // Rows of a table that are updated alone have no norm together.
                if is_of_tables(oracle) && granularity == Some(Granularity::Layer) {
                    continue;
                }
                let expected = expect(oracle, shape, granularity);
                for (kind, tolerance) in [(Kind::Double, 1e-12), (Kind::Float, 2e-4)] {
                    for backend in [Backend::Reference, Backend::Auto, Backend::Cuda] {
                        let found = run((rule, oracle), shape, granularity, kind, backend);
                        let error = largest(&found, &expected);
                        assert!(
                            error < tolerance,
                            "{oracle:?} {shape:?} {granularity:?} {kind:?} {backend:?}: off by {error:e}"
                        );
                    }
                }
            }
        }
    }
}

/// So that agreement says something.
#[test]
fn no_two_are_the_same() {
    let all: Vec<_> = (rules().into_iter())
        .map(|(_, oracle)| (oracle, expect(oracle, SHAPES[0], None)))
        .collect();
    for (i, (one, found)) in all.iter().enumerate() {
        for (other, of_other) in &all[..i] {
            let apart = largest(found, of_other);
            assert!(apart > 1e-4, "{one:?} and {other:?}: {apart:e}");
        }
    }
}
