//! Configurations that are told to take the same steps do take them.

use crate::common::rules::rows;
use crate::common::{Numbers, distance, set_gradients};
use lawn_core::{
    AdamConfig, AdamPConfig, Adaptation, Backend, CprBound, CprConfig, LambConfig, LarsConfig,
    LawnConfig, LazyAdamConfig, OptimizerConfig, Parameter, Parameters, RadialTest, Role,
    RuleConfig, Schedule, Scope, SgdConfig, SgdPConfig, WeightDecay,
};
use tch::{Kind, Tensor};

const STEPS: u64 = 5;
const RATE: f64 = 0.05;

fn of(rule: impl Into<RuleConfig>) -> OptimizerConfig {
    OptimizerConfig {
        backend: Backend::Reference,
        ..OptimizerConfig::new(rule.into(), Schedule::constant(RATE))
    }
}

fn sgd(momentum: f64) -> SgdConfig {
    SgdConfig {
        momentum,
        ..SgdConfig::default()
    }
}

fn lawn(free_steps: u64) -> LawnConfig {
    LawnConfig {
        scope: Scope::AllWeights,
        ..LawnConfig::new(free_steps)
    }
}

/// A weight, a bias and a table after all steps.
fn end(config: &OptimizerConfig) -> Vec<Tensor> {
    let mut numbers = Numbers(3);
    let shapes: [(&str, Role, &[i64]); 3] = [
        ("weight", Role::Weight, &[4, 6]),
        ("bias", Role::Bias, &[6]),
        ("table", Role::Embedding, &[5, 3]),
    ];
    let weights = shapes.map(|(_, _, shape)| {
        let start = numbers.tensor(shape, Kind::Double);
        start.set_requires_grad(true)
    });
    let named = shapes.iter().zip(&weights).map(|((name, role, _), w)| {
        let name = (*name).to_owned();
        let tensor = w.shallow_clone();
        Parameter {
            name,
            role: *role,
            tensor,
        }
    });
    let parameters = Parameters::new(named.collect()).unwrap();
    let mut optimizer = config.clone().build(parameters).unwrap();
    for step in 0..STEPS {
        let gradient = |w: &Tensor| {
            let g = numbers.tensor(&w.size(), Kind::Double);
            // Rows of the table that no sample looked up.
            if w.size() == [5, 3] {
                let _ = g.narrow(0, step as i64 % 3, 2).zero_();
            }
            Some(g)
        };
        let gradients: Vec<Option<Tensor>> = weights.iter().map(gradient).collect();
        set_gradients(&mut optimizer, &weights, &gradients);
        optimizer.step().unwrap();
    }
    weights.map(|w| w.detach()).into()
}

/// Pairs under two names, each the same to the last step.
fn same() -> Vec<[OptimizerConfig; 2]> {
    let adam = AdamConfig {
        epsilon: 1e-6,
        ..AdamConfig::default()
    };
    let never = RadialTest {
        delta: 0.0,
        ..RadialTest::default()
    };
    let lars = LarsConfig {
        adaptation: Adaptation::WhenDecayed,
        ..LarsConfig::default()
    };
    let decoupled = |rate| WeightDecay::Decoupled { rate };
    let default = AdamConfig::default();
    vec![
        [of(default).with_decay(decoupled(0.0)), of(default)],
        [
            of(default).with_decay(decoupled(0.0)),
            of(default).with_decay(WeightDecay::L2 { rate: 0.0 }),
        ],
        [of(LambConfig::apex()), of(adam)],
        [of(LambConfig::apex()), of(LambConfig::timm())],
        [of(lars), of(sgd(0.9))],
        [
            of(AdamPConfig {
                projection: never,
                ..AdamPConfig::default()
            })
            .with_decay(decoupled(0.1)),
            of(default).with_decay(decoupled(0.1)),
        ],
        [
            of(SgdPConfig {
                projection: never,
                ..SgdPConfig::default()
            }),
            of(sgd(0.9)),
        ],
        [of(default).with_lawn(lawn(STEPS)), of(default)],
        [
            OptimizerConfig {
                cpr: Some(CprConfig::new(CprBound::WarmStart(STEPS + 1))),
                ..of(sgd(0.0))
            },
            of(sgd(0.0)),
        ],
        [
            OptimizerConfig {
                schedule: Schedule::linear(RATE, RATE, STEPS),
                ..of(default)
            },
            of(default),
        ],
    ]
}

#[test]
fn what_comes_to_the_same_is_told() {
    for [one, other] in same() {
        assert!(one.takes_steps_of(&other, STEPS), "{one:?} {other:?}");
        assert!(other.takes_steps_of(&one, STEPS), "{other:?} {one:?}");
    }
    let default = AdamConfig::default();
    let free = of(default).with_lawn(lawn(STEPS));
    assert!(!free.takes_steps_of(&of(default), STEPS + 1), "it freezes");
    // They differ in the rows of tables alone.
    let lazy = LazyAdamConfig::default();
    assert!(!of(lazy).takes_steps_of(&of(default), STEPS));
    let clipped = of(default).with_clip_norm(1.0);
    assert!(!clipped.takes_steps_of(&of(default), STEPS));
}

/// Of any two rules, with their decays and without, under a constraint and free.
#[test]
fn nothing_is_told_that_is_not_so() {
    let mut all: Vec<OptimizerConfig> = same().into_iter().flatten().collect();
    for row in rows() {
        all.push(of(row.rule).with_decay(row.decay));
        all.push(of(row.rule));
        all.push(of(row.rule).with_lawn(lawn(2)));
    }
    let ends: Vec<Vec<Tensor>> = all.iter().map(end).collect();
    let mut told = 0;
    for (index, one) in all.iter().enumerate() {
        for (other_index, other) in all.iter().enumerate().skip(index + 1) {
            if !one.takes_steps_of(other, STEPS) {
                continue;
            }
            told += 1;
            for (a, b) in ends[index].iter().zip(&ends[other_index]) {
                let apart = distance(a, b);
                assert!(apart < 1e-9, "off by {apart:e}: {one:?} and {other:?}");
            }
        }
    }
    assert!(told >= same().len(), "{told}");
}
