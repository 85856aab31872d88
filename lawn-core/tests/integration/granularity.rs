//! Units of one kind for some parameters and of another for the rest, in one optimizer.

use crate::common::{Numbers, distance, everything, parameters, set_gradients, values};
use lawn_core::{
    AdamConfig, Backend, CprBound, CprConfig, Error, Granularity, Group, LawnConfig, Optimizer,
    OptimizerConfig, RotationalConfig, RuleConfig, Schedule, Scope, SgdConfig, State,
};
use tch::{Device, Kind, Tensor};

fn heads(pattern: &str, rows: u32) -> Group {
    Group {
        granularity: Some(Granularity::Head(rows)),
        ..Group::new(pattern)
    }
}

/// Attention `p0` by heads of two rows, `p1` by what the constraint says.
fn build(config: OptimizerConfig, start: &[Tensor]) -> (Optimizer, Vec<Tensor>) {
    let (parameters, weights) = parameters(start);
    let optimizer = config.with_group(heads("p0", 2)).build(parameters);
    (optimizer.unwrap(), weights)
}

fn step(optimizer: &mut Optimizer, weights: &[Tensor], numbers: &mut Numbers) {
    let gradients: Vec<Option<Tensor>> = (weights.iter())
        .map(|w| Some(numbers.tensor(&w.size(), Kind::Double)))
        .collect();
    set_gradients(optimizer, weights, &gradients);
    optimizer.step().unwrap();
}

fn norms(granularity: Granularity, weight: &Tensor) -> Vec<f64> {
    values(&granularity.norm(&weight.detach()))
}

fn lawn(rule: RuleConfig, backend: Backend) -> OptimizerConfig {
    OptimizerConfig {
        backend,
        lawn: Some(LawnConfig {
            scope: Scope::AllWeights,
            ..LawnConfig::new(2)
        }),
        ..OptimizerConfig::new(rule, Schedule::constant(0.05))
    }
}

#[test]
fn attention_is_held_by_head_and_the_rest_by_layer() {
    let adam = RuleConfig::from(AdamConfig {
        epsilon: 1e-6,
        ..AdamConfig::default()
    });
    let mut of_reference: Option<Vec<Tensor>> = None;
    for backend in [Backend::Reference, Backend::Auto, Backend::Cuda] {
        let mut numbers = Numbers(4);
        let start = [&[6i64, 5], &[4, 3]].map(|shape| numbers.tensor(shape, Kind::Double));
        let (mut optimizer, mut weights) = build(lawn(adam, backend), &start);
        let units: Vec<i64> = optimizer.treatments().iter().map(|one| one.units).collect();
        assert_eq!(units, [3, 1]);
        let own = optimizer.treatments()[0].granularity;
        assert_eq!(own, Some(Granularity::Head(2)));
        step(&mut optimizer, &weights, &mut numbers);
        step(&mut optimizer, &weights, &mut numbers);
        let fixed = [
            norms(Granularity::Head(2), &weights[0]),
            norms(Granularity::Layer, &weights[1]),
        ];
        let rows = norms(Granularity::Row, &weights[1]);
        for at in 0..4 {
            if at == 2 {
                // Another optimizer goes on from the state.
                let saved = optimizer.state().to_bytes().unwrap();
                let before = everything(&optimizer, &weights);
                (optimizer, weights) = build(lawn(adam, backend), &weights);
                let state = State::from_bytes(&saved, Device::Cpu).unwrap();
                optimizer.load_state(&state).unwrap();
                assert!(before == everything(&optimizer, &weights));
            }
            step(&mut optimizer, &weights, &mut numbers);
        }
        let now = [
            norms(Granularity::Head(2), &weights[0]),
            norms(Granularity::Layer, &weights[1]),
        ];
        for (now, fixed) in now.concat().iter().zip(fixed.concat()) {
            assert!(
                (now / fixed - 1.0).abs() < 1e-12,
                "{backend:?}: {now} and {fixed}"
            );
        }
        // Rows of what is held by layer move among each other.
        let moved = norms(Granularity::Row, &weights[1]);
        assert!(rows.iter().zip(moved).any(|(a, b)| (a - b).abs() > 1e-4));
        match &of_reference {
            None => of_reference = Some(weights),
            Some(expected) => {
                for (found, expected) in weights.iter().zip(expected) {
                    assert!(distance(found, expected) < 1e-12, "{backend:?}");
                }
            }
        }
    }
}

/// What a constraint remembers is of the same units.
#[test]
fn constraints_that_remember_go_by_the_own_units_of_each() {
    let sgd = RuleConfig::from(SgdConfig::default());
    let base = |backend| OptimizerConfig {
        backend,
        ..OptimizerConfig::new(sgd, Schedule::constant(0.05))
    };
    let bound = |backend| OptimizerConfig {
        cpr: Some(CprConfig {
            scope: Scope::AllWeights,
            ..CprConfig::new(CprBound::WarmStart(1))
        }),
        ..base(backend)
    };
    let turned = |backend| OptimizerConfig {
        rotational: Some(RotationalConfig {
            scope: Scope::AllWeights,
            centred: false,
            ..RotationalConfig::new(0.1)
        }),
        ..base(backend)
    };
    type Made<'a> = &'a dyn Fn(Backend) -> OptimizerConfig;
    for (name, made) in [
        ("multiplier", &bound as Made<'_>),
        ("update_square", &turned),
    ] {
        let run = |backend| {
            let mut numbers = Numbers(8);
            let start = [&[6i64, 5], &[4, 3]].map(|shape| numbers.tensor(shape, Kind::Double));
            let (mut optimizer, mut weights) = build(made(backend), &start);
            for at in 0..6 {
                if at == 4 {
                    let state = optimizer.state();
                    let shape = state.tensors[&format!("{name}/p0")].size();
                    assert_eq!(shape, [3, 1]);
                    (optimizer, weights) = build(made(backend), &weights);
                    optimizer.load_state(&state).unwrap();
                }
                step(&mut optimizer, &weights, &mut numbers);
            }
            weights
        };
        let expected = run(Backend::Reference);
        for backend in [Backend::Auto, Backend::Cuda] {
            for (found, expected) in run(backend).iter().zip(&expected) {
                assert!(distance(found, expected) < 1e-12, "{name} {backend:?}");
            }
        }
    }
}

#[test]
fn heads_that_do_not_fit_are_refused_with_what_can_be_done() {
    let start = [&[6i64, 5], &[4, 3]].map(|shape| Numbers(1).tensor(shape, Kind::Float));
    let by = |granularity, group| {
        let mut config = lawn(SgdConfig::default().into(), Backend::Auto);
        config.lawn = config.lawn.map(|lawn| LawnConfig {
            granularity,
            ..lawn
        });
        let (parameters, _) = parameters(&start);
        config.with_group(group).build(parameters)
    };
    let error = by(Granularity::Head(3), Group::new("p0")).unwrap_err();
    assert!(matches!(&error, Error::Heads { name, .. } if name == "p1"));
    let said = error.to_string();
    assert!(
        said.contains("a group can give it another granularity"),
        "{said}"
    );
    let error = by(Granularity::Layer, heads("p1", 3)).unwrap_err();
    assert!(matches!(error, Error::Heads { name, .. } if name == "p1"));
    let layer = Group {
        granularity: Some(Granularity::Layer),
        ..Group::new("p1")
    };
    let optimizer = by(Granularity::Head(3), layer).unwrap();
    let units: Vec<i64> = optimizer.treatments().iter().map(|one| one.units).collect();
    assert_eq!(units, [2, 1]);
}
