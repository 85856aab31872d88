//! Units whose weights become 0, or no numbers, after the freeze.

use crate::common::rules::rules;
use crate::common::setting::lawn;
use crate::common::{Numbers, parameters, set_gradients, values};
use lawn_core::{
    Backend, Constraint, Granularity, Optimizer, OptimizerConfig, RuleConfig, Schedule,
};
use tch::{Kind, Tensor};

const BACKENDS: [Backend; 3] = [Backend::Auto, Backend::Cuda, Backend::Reference];
const SHAPE: [i64; 2] = [4, 300];

/// Two steps, the first of which freezes; then `lose` writes into the weights, and
/// three more, with gradients that are 0 in row 1 if it is `padding`.
fn run(
    (backend, granularity, rule, kind): (Backend, Granularity, RuleConfig, Kind),
    lose: impl Fn(&Tensor),
    padding: bool,
) -> (Optimizer, Vec<Tensor>) {
    let mut numbers = Numbers(7);
    let start = [
        numbers.tensor(&SHAPE, kind),
        // More than one thread takes alone.
        numbers.tensor(&[2, 140_000], kind),
    ];
    let (parameters, weights) = parameters(&start);
    let config = OptimizerConfig {
        lawn: Some(lawn(0, granularity)),
        backend,
        ..OptimizerConfig::new(rule, Schedule::constant(0.01))
    };
    let mut optimizer = config.build(parameters).unwrap();
    for step in 0..5 {
        if step == 2 {
            tch::no_grad(|| weights.iter().for_each(&lose));
        }
        let gradients: Vec<Option<Tensor>> = start
            .iter()
            .map(|w| {
                let g = numbers.tensor(&w.size(), kind);
                if padding {
                    let _ = g.get(1).zero_();
                }
                Some(g)
            })
            .collect();
        set_gradients(&mut optimizer, &weights, &gradients);
        assert!(!optimizer.step().unwrap().skipped());
    }
    (optimizer, weights)
}

fn zero_row(w: &Tensor) {
    let _ = w.get(1).zero_();
}

fn zero_all(w: &Tensor) {
    let _ = w.detach().zero_();
}

#[test]
fn a_row_that_becomes_zero_is_free_and_reported() {
    for backend in BACKENDS {
        for (rule, _) in rules() {
            for (kind, padding) in [(Kind::Float, false), (Kind::Double, true)] {
                let (optimizer, weights) =
                    run((backend, Granularity::Row, rule, kind), zero_row, padding);
                let what = format!("{backend:?} {rule:?} {kind:?}");
                let state = optimizer.state();
                for (i, w) in weights.iter().enumerate() {
                    assert!(values(w).iter().all(|w| w.is_finite()), "{what}");
                    let treatment = &optimizer.treatments()[i];
                    assert_eq!(treatment.free_units, 1, "{what}");
                    assert_eq!(treatment.constraint, Constraint::Constrained);
                    let radii = values(&state.tensors[&format!("radius/p{i}")]);
                    let norms = values(&Granularity::Row.norm(w));
                    for (unit, (radius, norm)) in radii.iter().zip(norms).enumerate() {
                        if unit == 1 {
                            assert_eq!(*radius, 0.0, "{what}");
                            // A rule with a copy of the weights draws them back to it.
                            let copies = matches!(rule, RuleConfig::ScheduleFree(_));
                            let stays = padding && !copies;
                            assert_eq!(norm == 0.0, stays, "{what}: free, it moves");
                        } else {
                            assert!((norm / radius - 1.0).abs() < 1e-5, "{what}: {norm}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_layer_that_becomes_zero_is_free_and_reported() {
    for backend in BACKENDS {
        for (rule, _) in rules() {
            let setting = (backend, Granularity::Layer, rule, Kind::Float);
            let (optimizer, weights) = run(setting, zero_all, false);
            for (w, treatment) in weights.iter().zip(optimizer.treatments()) {
                let found = values(w);
                assert!(found.iter().all(|w| w.is_finite()), "{backend:?} {rule:?}");
                // One of very many may come to 0 on some processor.
                let still = found.iter().filter(|w| **w == 0.0).count();
                assert!(still * 1000 < found.len(), "{backend:?} {rule:?}: {still}");
                assert_eq!(treatment.constraint, Constraint::Free, "{backend:?}");
                assert_eq!(treatment.reason, "norm 0 since the freeze");
            }
        }
    }
}

#[test]
fn what_is_no_number_stays_in_its_unit() {
    for backend in BACKENDS {
        for value in [f64::INFINITY, f64::NAN] {
            let lose = |w: &Tensor| {
                let _ = w.get(1).narrow(0, 5, 1).fill_(value);
            };
            let rule = rules()[6].0;
            let setting = (backend, Granularity::Row, rule, Kind::Float);
            let (optimizer, weights) = run(setting, lose, false);
            for (w, treatment) in weights.iter().zip(optimizer.treatments()) {
                let finite = w.isfinite().to_kind(Kind::Int64);
                let broken = w.numel() as i64 - finite.sum(Kind::Int64).int64_value(&[]);
                assert_eq!(broken, 1, "{backend:?} {value}");
                assert_eq!(treatment.free_units, 1, "{backend:?} {value}");
            }
        }
    }
}

/// A state knows of it: whoever continues has the same units free.
#[test]
fn a_lost_unit_is_lost_for_who_continues() {
    for backend in BACKENDS {
        let rule = rules()[3].0;
        let setting = (backend, Granularity::Row, rule, Kind::Float);
        let (optimizer, weights) = run(setting, zero_row, false);
        let state = optimizer.state();
        for other in BACKENDS {
            let (parameters, _) = parameters(&weights);
            let config = OptimizerConfig {
                lawn: Some(lawn(0, Granularity::Row)),
                backend: other,
                ..OptimizerConfig::new(rule, Schedule::constant(0.01))
            };
            let mut continued = config.build(parameters).unwrap();
            continued.load_state(&state).unwrap();
            assert_eq!(
                continued.treatments()[0].free_units,
                1,
                "{backend:?} {other:?}"
            );
        }
    }
}

/// Without projections a step may lead to where nothing is left of a unit.
#[test]
fn a_step_against_all_of_a_unit_leaves_numbers() {
    for backend in BACKENDS {
        let start = Numbers(5).tensor(&[3, 40], Kind::Double);
        let (parameters, weights) = parameters(std::slice::from_ref(&start));
        let mut constraint = lawn(0, Granularity::Row);
        (constraint.project_gradient, constraint.project_update) = (false, false);
        let config = OptimizerConfig {
            lawn: Some(constraint),
            backend,
            ..OptimizerConfig::new(lawn_core::SgdConfig::default(), Schedule::constant(0.5))
        };
        let mut optimizer = config.build(parameters).unwrap();
        for _ in 0..3 {
            let gradient = weights[0].detach() * 2.0;
            set_gradients(&mut optimizer, &weights, &[Some(gradient)]);
            optimizer.step().unwrap();
            assert!(
                values(&weights[0]).iter().all(|w| w.is_finite()),
                "{backend:?}"
            );
        }
    }
}
