//! The norm constraint against an independent f64 implementation of its equations.

use crate::common::oracle::{Oracle, Unit};
use crate::common::{Numbers, parameters, set_gradients, values};
use lawn_core::{
    AdamConfig, Adaptation, Backend, Constraint, Granularity, LambConfig, LarsConfig, LawnConfig,
    LionConfig, NadamwConfig, OptimizerConfig, RuleConfig, Schedule, Scope, SgdConfig,
    TreatmentTable,
};
use tch::{Kind, Tensor};

const SHAPE: [i64; 2] = [3, 5];
const ETA: f64 = 0.07;
const FREE: u64 = 4;
const STEPS: u64 = 12;

fn rules() -> Vec<(RuleConfig, Oracle)> {
    let adam = AdamConfig {
        beta2: 0.95,
        epsilon: 1e-6,
        ..AdamConfig::default()
    };
    let lamb = LambConfig {
        beta2: 0.95,
        ..LambConfig::timm()
    };
    let nadamw = NadamwConfig {
        beta2: 0.95,
        epsilon: 1e-6,
        ..NadamwConfig::default()
    };
    let lars = LarsConfig {
        trust_coefficient: 0.3,
        adaptation: Adaptation::WhenDecayed,
        ..LarsConfig::default()
    };
    vec![
        (
            SgdConfig {
                momentum: 0.9,
                ..SgdConfig::default()
            }
            .into(),
            Oracle::Momentum(0.9),
        ),
        (adam.into(), Oracle::Adam(0.9, 0.95, 1e-6)),
        // These two do not adapt without decay; under the constraint they must.
        (lamb.into(), Oracle::Lamb(0.9, 0.95, 1e-6)),
        (lars.into(), Oracle::Lars(0.9, 0.3, 1e-8)),
        (nadamw.into(), Oracle::Nadam(0.9, 0.95, 1e-6)),
        (LionConfig::default().into(), Oracle::Lion(0.9, 0.99)),
    ]
}

/// Weights and gradients; row 1 of the weights is 0 if wanted, and stays so
/// through the free phase because its gradients are 0 there too.
fn data(zero_row: bool) -> (Tensor, Vec<Tensor>) {
    let mut numbers = Numbers(7);
    let w = numbers.tensor(&SHAPE, Kind::Double);
    let gradients: Vec<Tensor> = (0..STEPS)
        .map(|_| numbers.tensor(&SHAPE, Kind::Double))
        .collect();
    if zero_row {
        let _ = w.get(1).zero_();
        for g in &gradients[..FREE as usize] {
            let _ = g.get(1).zero_();
        }
    }
    (w, gradients)
}

fn run(
    rule: RuleConfig,
    granularity: Granularity,
    project: (bool, bool),
    zero_row: bool,
    kind: Kind,
    backend: Backend,
) -> (Vec<f64>, i64) {
    let (w, gradients) = data(zero_row);
    let (parameters, weights) = parameters(&[w.to_kind(kind)]);
    let lawn = LawnConfig {
        scope: Scope::AllWeights,
        project_gradient: project.0,
        project_update: project.1,
        granularity,
        ..LawnConfig::new(FREE)
    };
    let config = OptimizerConfig::new(rule, Schedule::constant(ETA)).with_lawn(lawn);
    let config = OptimizerConfig { backend, ..config };
    let mut optimizer = config.build(parameters).unwrap();
    for g in &gradients {
        set_gradients(&mut optimizer, &weights, &[Some(g.shallow_clone())]);
        optimizer.step().unwrap();
    }
    (values(&weights[0]), optimizer.treatments()[0].free_units)
}

fn expect(
    oracle: Oracle,
    granularity: Granularity,
    project: (bool, bool),
    zero_row: bool,
) -> Vec<f64> {
    let (w, gradients) = data(zero_row);
    let (w, columns) = (values(&w), SHAPE[1] as usize);
    let gradients: Vec<Vec<f64>> = gradients.iter().map(values).collect();
    let size = if granularity == Granularity::Row {
        columns
    } else {
        w.len()
    };
    let mut units: Vec<Unit> = w.chunks(size).map(Unit::new).collect();
    for (step, g) in gradients.iter().enumerate() {
        if step as u64 == FREE {
            units.iter_mut().for_each(Unit::freeze);
        }
        for (unit, g) in units.iter_mut().zip(g.chunks(size)) {
            if (step as u64) < FREE {
                unit.free(oracle, ETA, g);
            } else {
                unit.constrained(oracle, ETA, g, project);
            }
        }
    }
    units.into_iter().flat_map(|unit| unit.w).collect()
}

fn largest(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |m, x| if x <= m { m } else { x })
}

const PROJECTIONS: [(bool, bool); 4] = [(true, true), (true, false), (false, true), (false, false)];

#[test]
fn every_combination_agrees_with_the_oracle() {
    for (rule, oracle) in rules() {
        for granularity in [Granularity::Layer, Granularity::Row] {
            for project in PROJECTIONS {
                let expected = expect(oracle, granularity, project, false);
                for (kind, tolerance, backend) in [
                    (Kind::Double, 1e-13, Backend::Reference),
                    (Kind::Double, 1e-13, Backend::Auto),
                    (Kind::Double, 1e-13, Backend::Cuda),
                    (Kind::Float, 2e-5, Backend::Reference),
                    (Kind::Float, 2e-5, Backend::Auto),
                    (Kind::Float, 2e-5, Backend::Cuda),
                ] {
                    let (found, _) = run(rule, granularity, project, false, kind, backend);
                    let error = largest(&found, &expected);
                    assert!(
                        error < tolerance,
                        "{oracle:?} {granularity:?} {project:?} {kind:?} {backend:?}: off by {error:e}"
                    );
                }
            }
        }
    }
}

#[test]
fn each_projection_can_be_told_apart() {
    for (_, oracle) in rules() {
        let results: Vec<Vec<f64>> = PROJECTIONS
            .iter()
            .map(|&project| expect(oracle, Granularity::Layer, project, false))
            .collect();
        for i in 0..results.len() {
            for j in 0..i {
                let apart = largest(&results[i], &results[j]);
                assert!(
                    apart > 1e-3,
                    "{oracle:?}: {:?} and {:?} differ by {apart:e} only",
                    PROJECTIONS[i],
                    PROJECTIONS[j]
                );
            }
        }
    }
}

#[test]
fn a_layer_of_norm_zero_stays_free_and_is_reported() {
    for backend in [Backend::Reference, Backend::Auto, Backend::Cuda] {
        let (w, gradients) = data(false);
        let (parameters, weights) = parameters(&[w.zeros_like(), w]);
        let lawn = LawnConfig {
            scope: Scope::AllWeights,
            ..LawnConfig::new(0)
        };
        let rule = AdamConfig::default();
        let oracle = Oracle::Adam(rule.beta1, rule.beta2, rule.epsilon);
        let config = OptimizerConfig::new(rule, Schedule::constant(ETA)).with_lawn(lawn);
        let config = OptimizerConfig { backend, ..config };
        let mut optimizer = config.build(parameters).unwrap();
        let mut unit = Unit::new(&values(&weights[0]));
        for g in &gradients {
            let both = [0, 1].map(|_| Some(g.shallow_clone()));
            set_gradients(&mut optimizer, &weights, &both);
            optimizer.step().unwrap();
            unit.free(oracle, ETA, &values(g));
        }
        assert!(unit.w.iter().any(|x| x.abs() > 0.1));
        let error = largest(&values(&weights[0]), &unit.w);
        assert!(error < 1e-13, "{backend:?}: off by {error:e}");
        let [zero, other] = optimizer.treatments() else {
            panic!("two parameters")
        };
        assert_eq!((zero.units, zero.free_units), (1, 1));
        assert_eq!(zero.constraint, Constraint::Free);
        assert_eq!(zero.reason, "norm 0 at the freeze");
        assert_eq!(other.constraint, Constraint::Constrained);
        let table = TreatmentTable(optimizer.treatments()).to_string();
        assert!(table.contains("1 (1 free)"), "{table}");
    }
}

#[test]
fn a_row_of_norm_zero_stays_free_and_is_reported() {
    for (rule, oracle) in rules().into_iter().take(2) {
        let expected = expect(oracle, Granularity::Row, (true, true), true);
        for backend in [Backend::Reference, Backend::Auto, Backend::Cuda] {
            let (found, free_units) = run(
                rule,
                Granularity::Row,
                (true, true),
                true,
                Kind::Double,
                backend,
            );
            let error = largest(&found, &expected);
            assert!(error < 1e-13, "{oracle:?} {backend:?}: off by {error:e}");
            assert_eq!(free_units, 1);
            let row = &found[SHAPE[1] as usize..2 * SHAPE[1] as usize];
            assert!(
                row.iter().any(|x| x.abs() > 1e-3),
                "the row did not move: {row:?}"
            );
        }
    }
}

/// libtorch's kernel takes the learning rate of a free step in f32: off by at most 2⁻²⁴ of
/// itself, and so is the way that the weights have gone.
#[test]
fn a_rate_in_f32_costs_less_than_weights_in_f32() {
    const STEPS: usize = 2000;
    // Half way between two neighbours in f32, the worst that there is.
    let eta = 1e-3f32.next_up();
    let eta = (f64::from(eta) + f64::from(eta.next_up())) / 2.0;
    let mut numbers = Numbers(17);
    let start = numbers.tensor(&[64], Kind::Float);
    // Most of them positive, so that the steps add up.
    let gradients: Vec<Tensor> = (0..STEPS)
        .map(|_| numbers.tensor(&[64], Kind::Float) + 0.5)
        .collect();
    let oracle = |eta: f64| {
        let mut unit = Unit::new(&values(&start));
        for g in &gradients {
            unit.free(Oracle::Adam(0.9, 0.999, 1e-8), eta, &values(g));
        }
        unit.w
    };
    let exact = oracle(eta);
    let apart = |a: &[f64], b: &[f64]| {
        let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        apart.fold(0.0, f64::max)
    };
    let rounded = apart(&oracle(f64::from(eta as f32)), &exact);
    let way = apart(&values(&start), &exact);
    println!("a way of {way:.2}: {rounded:.1e} by the rate");
    assert!(way > 0.5 && rounded > 0.9 * way * 2f64.powi(-24));
    assert!(rounded < 1.1 * way * 2f64.powi(-24));
    let found = [Backend::Reference, Backend::Auto, Backend::Cuda].map(|backend| {
        let (parameters, weights) = parameters(&[start.shallow_clone()]);
        let config = OptimizerConfig {
            backend,
            ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(eta))
        };
        let mut optimizer = config.build(parameters).unwrap();
        for g in &gradients {
            set_gradients(&mut optimizer, &weights, &[Some(g.shallow_clone())]);
            optimizer.step().unwrap();
        }
        let found = apart(&values(&weights[0]), &exact);
        println!("{backend:?}: {found:.1e} in all");
        found
    });
    let [reference, kernels, cuda] = found;
    assert!(reference < 1e-5 && kernels < 1e-5);
    assert!(cuda < reference + 2.0 * rounded, "{found:?}");
}
