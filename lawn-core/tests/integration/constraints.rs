//! The constraints beside LAWN against an independent f64 implementation of their equations.

use std::f64::consts::FRAC_PI_2;

use crate::common::oracle::{Oracle, Unit, norm, without_radial_part};
use crate::common::{Numbers, parameters, set_gradients, values};
use lawn_core::{
    AdamConfig, Backend, CprBound, CprConfig, Granularity, HyperballConfig, LionConfig, MuonConfig,
    NadamwConfig, Optimizer, OptimizerConfig, RotationalConfig, RuleConfig, Schedule, SgdConfig,
    StepOptions, WeightDecay,
};
use tch::{Kind, Tensor};

const SHAPE: [i64; 2] = [4, 6];
const ETA: f64 = 0.07;
const STEPS: usize = 12;

/// A constraint, as the optimizer and as the oracle have it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Law {
    Hyperball,
    Cpr {
        bound: CprBound,
        rate: f64,
        by_learning_rate: bool,
    },
    Rotational {
        decay: f64,
        centred: bool,
    },
}

pub(crate) const LAWS: [Law; 6] = [
    Law::Hyperball,
    Law::Cpr {
        bound: CprBound::WarmStart(4),
        rate: 1.0,
        by_learning_rate: false,
    },
    Law::Cpr {
        bound: CprBound::Dependent(0.7),
        rate: 2.0,
        by_learning_rate: true,
    },
    Law::Cpr {
        bound: CprBound::Uniform(1.5),
        rate: 0.5,
        by_learning_rate: false,
    },
    Law::Rotational {
        decay: 0.3,
        centred: false,
    },
    Law::Rotational {
        decay: 0.3,
        centred: true,
    },
];

pub(crate) const GRANULARITIES: [Granularity; 4] = [
    Granularity::Layer,
    Granularity::Row,
    Granularity::Column,
    Granularity::Head(2),
];

fn rules() -> [(RuleConfig, Oracle, f64); 4] {
    let adam = AdamConfig {
        beta2: 0.95,
        epsilon: 1e-6,
        ..AdamConfig::default()
    };
    let sgd = SgdConfig {
        momentum: 0.9,
        ..SgdConfig::default()
    };
    let nadamw = NadamwConfig {
        beta2: 0.95,
        epsilon: 1e-6,
        ..NadamwConfig::default()
    };
    // With what the angle in the balance is multiplied by.
    [
        (sgd.into(), Oracle::Momentum(0.9), 1.9f64.sqrt().recip()),
        (
            adam.into(),
            Oracle::Adam(0.9, 0.95, 1e-6),
            (0.1f64 / 1.9).sqrt(),
        ),
        (
            nadamw.into(),
            Oracle::Nadam(0.9, 0.95, 1e-6),
            (0.1f64 / 1.9).sqrt(),
        ),
        (
            LionConfig::default().into(),
            Oracle::Lion(0.9, 0.99),
            (FRAC_PI_2 * (0.1f64.powi(2) + 0.9f64.powi(2) * 0.01 / 1.99)).sqrt(),
        ),
    ]
}

impl Law {
    pub(crate) fn on(self, rule: RuleConfig, granularity: Granularity) -> OptimizerConfig {
        let mut config = OptimizerConfig::new(rule, Schedule::constant(ETA));
        match self {
            Law::Hyperball => {
                config.hyperball = Some(HyperballConfig {
                    granularity,
                    ..HyperballConfig::default()
                });
            }
            Law::Cpr {
                bound,
                rate,
                by_learning_rate,
            } => {
                config.cpr = Some(CprConfig {
                    rate,
                    by_learning_rate,
                    granularity,
                    ..CprConfig::new(bound)
                });
            }
            Law::Rotational { decay, centred } => {
                config.rotational = Some(RotationalConfig {
                    centred,
                    granularity,
                    ..RotationalConfig::new(decay)
                });
            }
        }
        config
    }

    /// A step of one unit; `memory` is what is remembered of it.
    fn step(self, oracle: Oracle, factor: f64, unit: &mut Unit, memory: &mut f64, g: &[f64]) {
        let elements = unit.w.len() as f64;
        let centre = |x: &[f64]| -> Vec<f64> {
            let mean = x.iter().sum::<f64>() / elements;
            x.iter().map(|x| x - mean).collect()
        };
        let minus = |w: &[f64], d: &[f64], by: f64| -> Vec<f64> {
            w.iter().zip(d).map(|(w, d)| w - by * d).collect()
        };
        let to = |x: Vec<f64>, length: f64| -> Vec<f64> {
            let factor = length / norm(&x);
            x.into_iter().map(|x| x * factor).collect()
        };
        match self {
            Law::Hyperball => {
                let d = unit.direction(oracle, g, true);
                let moved = minus(&unit.w, &d, ETA * unit.radius / norm(&d));
                unit.w = to(moved, unit.radius);
            }
            Law::Cpr {
                bound,
                rate,
                by_learning_rate,
            } => {
                let d = unit.direction(oracle, g, true);
                unit.w = minus(&unit.w, &d, ETA);
                let square = norm(&unit.w).powi(2);
                let steps = match bound {
                    CprBound::WarmStart(steps) => steps as i32,
                    _ => 0,
                };
                if unit.t > steps {
                    let kappa = unit.radius.powi(2);
                    *memory = (*memory + rate * (square - kappa) / elements).max(0.0);
                    let taken = 2.0 * *memory * if by_learning_rate { ETA } else { 1.0 };
                    unit.w.iter_mut().for_each(|w| *w *= 1.0 - taken);
                } else if unit.t == steps {
                    unit.radius = norm(&unit.w);
                }
            }
            Law::Rotational { decay, centred } => {
                if centred {
                    unit.w = to(centre(&unit.w), unit.radius);
                }
                let mut d = unit.direction(oracle, g, true);
                if centred {
                    d = centre(&d);
                }
                let d = without_radial_part(&d, &unit.w);
                *memory = 0.9 * *memory + 0.1 * norm(&d).powi(2);
                let usual = (*memory / (1.0 - 0.9f64.powi(unit.t))).sqrt();
                let angle = factor * (2.0 * ETA * decay).sqrt();
                let moved = minus(&unit.w, &d, angle * unit.radius / (usual + 1e-8));
                unit.w = to(moved, unit.radius);
            }
        }
    }

    /// The radius of a unit at the start.
    fn radius(self, norm: f64) -> f64 {
        match self {
            Law::Cpr {
                bound: CprBound::Dependent(times),
                ..
            } => times.sqrt() * norm,
            Law::Cpr {
                bound: CprBound::Uniform(square),
                ..
            } => square.sqrt(),
            _ => norm,
        }
    }
}

/// Which elements each unit has.
fn units(granularity: Granularity) -> Vec<Vec<usize>> {
    let [rows, columns] = SHAPE.map(|size| size as usize);
    let row = |row: usize| (0..columns).map(move |column| row * columns + column);
    match granularity {
        Granularity::Layer => vec![(0..rows * columns).collect()],
        Granularity::Row => (0..rows).map(|one| row(one).collect()).collect(),
        Granularity::Column => (0..columns)
            .map(|column| (0..rows).map(|row| row * columns + column).collect())
            .collect(),
        Granularity::Head(size) => (0..rows / size as usize)
            .map(|head| {
                let first = head * size as usize;
                (first..first + size as usize).flat_map(row).collect()
            })
            .collect(),
    }
}

pub(crate) fn data() -> (Tensor, Vec<Tensor>) {
    let mut numbers = Numbers(7);
    let w = numbers.tensor(&SHAPE, Kind::Double);
    let gradients = (0..STEPS).map(|_| numbers.tensor(&SHAPE, Kind::Double));
    (w, gradients.collect())
}

fn expect(law: Law, (oracle, factor): (Oracle, f64), granularity: Granularity) -> Vec<f64> {
    let (w, gradients) = data();
    let mut w = values(&w);
    for elements in units(granularity) {
        let of = |all: &[f64]| -> Vec<f64> { elements.iter().map(|&i| all[i]).collect() };
        let mut unit = Unit::new(&of(&w));
        unit.radius = law.radius(norm(&unit.w));
        let mut memory = 0.0;
        for g in &gradients {
            law.step(oracle, factor, &mut unit, &mut memory, &of(&values(g)));
        }
        for (&i, value) in elements.iter().zip(&unit.w) {
            w[i] = *value;
        }
    }
    w
}

pub(crate) fn steps(optimizer: &mut Optimizer, weights: &[Tensor], gradients: &[Tensor]) {
    for g in gradients {
        set_gradients(optimizer, weights, &[Some(g.shallow_clone())]);
        optimizer.step().unwrap();
    }
}

fn run(config: OptimizerConfig, kind: Kind) -> (Optimizer, Vec<Tensor>) {
    let (w, gradients) = data();
    let (parameters, weights) = parameters(&[w.to_kind(kind)]);
    let mut optimizer = config.build(parameters).unwrap();
    steps(&mut optimizer, &weights, &gradients);
    (optimizer, weights)
}

#[test]
fn each_agrees_with_the_oracle() {
    for (rule, oracle, factor) in rules() {
        for law in LAWS {
            for granularity in GRANULARITIES {
                let expected = expect(law, (oracle, factor), granularity);
                // What two projections leave of a direction of a few elements is scaled up again,
                // with its rounding.
                let tolerances = match law {
                    Law::Rotational { centred: true, .. } => [2e-6, 2e-3],
                    _ => [1e-11, 2e-5],
                };
                for (kind, tolerance) in [Kind::Double, Kind::Float].into_iter().zip(tolerances) {
                    for backend in [Backend::Reference, Backend::Auto, Backend::Cuda] {
                        let config = law.on(rule, granularity);
                        let (_, weights) = run(OptimizerConfig { backend, ..config }, kind);
                        let found = values(&weights[0]);
                        let apart = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
                        let apart = apart.fold(0.0, |max, x| if x <= max { max } else { x });
                        assert!(
                            apart < tolerance,
                            "{law:?} {oracle:?} {granularity:?} {kind:?} {backend:?}: off by {apart:e}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn no_two_are_the_same() {
    for (_, oracle, factor) in rules() {
        let all: Vec<Vec<f64>> = LAWS
            .iter()
            .flat_map(|law| GRANULARITIES.map(|one| expect(*law, (oracle, factor), one)))
            .collect();
        for (i, one) in all.iter().enumerate() {
            for other in &all[..i] {
                let apart = one.iter().zip(other).map(|(a, b)| (a - b).abs());
                assert!(apart.fold(0.0, f64::max) > 1e-3, "{i}");
            }
        }
    }
}

/// The norm is kept, and each step has the length that the learning rate says: of any rule, of
/// those without a kernel as well.
#[test]
fn a_step_of_hyperball_is_a_part_of_the_radius() {
    for rule in [
        RuleConfig::from(AdamConfig::default()),
        LionConfig::default().into(),
        MuonConfig::default().into(),
    ] {
        for backend in [Backend::Reference, Backend::Auto] {
            let (w, gradients) = data();
            let (parameters, weights) = parameters(&[w]);
            let config = Law::Hyperball.on(rule, Granularity::Layer);
            let mut optimizer = OptimizerConfig { backend, ..config }
                .build(parameters)
                .unwrap();
            let radius = norm(&values(&weights[0]));
            for g in gradients {
                let before = values(&weights[0]);
                set_gradients(&mut optimizer, &weights, &[Some(g * 1e3)]);
                let options = StepOptions {
                    diagnostics: true,
                    ..StepOptions::default()
                };
                optimizer.step_with(options).unwrap();
                let after = values(&weights[0]);
                assert!((norm(&after) / radius - 1.0).abs() < 1e-12, "{rule:?}");
                // The way back to the sphere is longer than the step where that goes inwards.
                let moved: Vec<f64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
                assert!(norm(&moved) <= ETA / (1.0 - ETA) * radius, "{rule:?}");
                assert!(norm(&moved) > 0.3 * ETA * radius, "{rule:?}");
                assert_eq!(optimizer.diagnostics().len(), 1);
            }
        }
    }
}

/// Wherever it starts, a ball draws the norm below its bound and then lets go.
#[test]
fn a_bound_holds_the_norm_below_it() {
    let law = Law::Cpr {
        bound: CprBound::Uniform(0.5),
        rate: 1.0,
        by_learning_rate: false,
    };
    let (w, _) = data();
    let (parameters, weights) = parameters(&[w]);
    let config = law.on(SgdConfig::default().into(), Granularity::Layer);
    let mut optimizer = config.build(parameters).unwrap();
    assert!(norm(&values(&weights[0])).powi(2) > 5.0);
    for _ in 0..400 {
        steps(&mut optimizer, &weights, &[weights[0].zeros_like()]);
    }
    let square = norm(&values(&weights[0])).powi(2);
    assert!(square <= 0.5 * 1.000_001 && square > 0.0, "{square}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let refuse = |config: OptimizerConfig, shape: &[i64], part: &str| {
        let (parameters, _) = parameters(&[Numbers(1).tensor(shape, Kind::Float)]);
        let said = config.build(parameters).unwrap_err().to_string();
        assert!(said.contains(part), "{said}");
    };
    let sgd = || RuleConfig::from(SgdConfig::default());
    let mut two = Law::Hyperball.on(sgd(), Granularity::Layer);
    two.cpr = Some(CprConfig::new(CprBound::WarmStart(3)));
    refuse(two, &[4, 6], "`hyperball` and `cpr` are both given");
    let heads = Law::Hyperball.on(sgd(), Granularity::Head(3));
    refuse(heads, &[4, 6], "heads with 3 rows each, found shape [4, 6]");
    let mut decayed = Law::Hyperball.on(sgd(), Granularity::Layer);
    decayed.decay = WeightDecay::L2 { rate: 0.1 };
    refuse(decayed, &[4, 6], "decay");
    let law = |decay| Law::Rotational {
        decay,
        centred: true,
    };
    refuse(
        law(0.0).on(sgd(), Granularity::Row),
        &[4, 6],
        "rotational.decay",
    );
    let bound = Law::Cpr {
        bound: CprBound::Uniform(-1.0),
        rate: 1.0,
        by_learning_rate: false,
    };
    refuse(
        bound.on(sgd(), Granularity::Layer),
        &[4, 6],
        "cpr.bound.uniform",
    );
    // A vector is no matrix.
    refuse(
        Law::Hyperball.on(sgd(), Granularity::Layer),
        &[6],
        "matrices",
    );
}
