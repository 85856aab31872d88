//! Norms that are freed, held anew or held elsewhere by a call, and what a state keeps of that.

use super::constraints::{GRANULARITIES, LAWS, Law, data, steps};
use crate::common::oracle::norm;
use crate::common::{Numbers, everything, parameters, set_gradients, values};
use lawn_core::{
    AdamConfig, Backend, Error, Granularity, LawnConfig, Optimizer, OptimizerConfig, Phase,
    RuleConfig, Schedule, Scope, SgdConfig, State,
};
use tch::{Device, Kind, Tensor};

/// What is remembered of units is part of the state: a resumed run ends with the same bits,
/// before and after norms were told to be free, or held elsewhere.
#[test]
fn a_resumed_run_ends_with_the_same_bits() {
    let told = |optimizer: &mut Optimizer, step: usize| match step {
        3 => optimizer.freeze_now().unwrap(),
        5 => optimizer.unfreeze().unwrap(),
        7 => optimizer.freeze_now().unwrap(),
        9 => optimizer.scale_radii(0.5).unwrap(),
        _ => {}
    };
    let (start, gradients) = data();
    for law in LAWS {
        for granularity in GRANULARITIES {
            for backend in [Backend::Auto, Backend::Reference] {
                let rule = AdamConfig::default().into();
                let config = OptimizerConfig {
                    backend,
                    ..law.on(rule, granularity)
                };
                let new = || {
                    let (parameters, weights) = parameters(&[start.shallow_clone()]);
                    (config.clone().build(parameters).unwrap(), weights)
                };
                let (mut whole, weights) = new();
                let mut snapshots = Vec::new();
                for (step, g) in gradients.iter().enumerate() {
                    told(&mut whole, step);
                    snapshots.push(everything(&whole, &weights));
                    steps(&mut whole, &weights, std::slice::from_ref(g));
                }
                let end = everything(&whole, &weights);
                for (at, snapshot) in snapshots.iter().enumerate() {
                    let (mut resumed, mut weights) = new();
                    let mut state = State::from_bytes(snapshot, Device::Cpu).unwrap();
                    let saved = state.tensors.remove("weight/0").unwrap();
                    tch::no_grad(|| weights[0].copy_(&saved));
                    resumed.load_state(&state).unwrap();
                    for (step, g) in gradients.iter().enumerate().skip(at) {
                        if step > at {
                            told(&mut resumed, step);
                        }
                        steps(&mut resumed, &weights, std::slice::from_ref(g));
                    }
                    let found = everything(&resumed, &weights);
                    assert!(found == end, "{law:?} {granularity:?} {backend:?} at {at}");
                }
            }
        }
    }
}

#[test]
fn norms_are_free_and_held_when_told() {
    let (w, gradients) = data();
    let (parameters, weights) = parameters(&[w]);
    let config = Law::Hyperball.on(SgdConfig::default().into(), Granularity::Layer);
    let mut optimizer = config.build(parameters).unwrap();
    let length = || norm(&values(&weights[0]));
    assert!(matches!(
        optimizer.scale_radii(2.0),
        Err(Error::NoRadii { .. })
    ));
    steps(&mut optimizer, &weights, &gradients[..2]);
    let radius = length();
    assert_eq!(optimizer.phase(), Phase::Constrained);
    optimizer.unfreeze().unwrap();
    assert_eq!(optimizer.phase(), Phase::Free);
    steps(&mut optimizer, &weights, &gradients[2..4]);
    assert!((length() / radius - 1.0).abs() > 1e-3, "it was free");
    let radius = length();
    optimizer.freeze_now().unwrap();
    steps(&mut optimizer, &weights, &gradients[4..6]);
    assert!((length() / radius - 1.0).abs() < 1e-12);
    optimizer.scale_radii(0.25).unwrap();
    steps(&mut optimizer, &weights, &gradients[6..7]);
    assert!((length() / (0.25 * radius) - 1.0).abs() < 1e-12);
    assert!(optimizer.scale_radii(0.0).is_err());
}

/// Of some parameters, by their names; the others stay where they are, through a state as well.
#[test]
fn radii_of_some_parameters_are_set() {
    for backend in [Backend::Reference, Backend::Auto, Backend::Cuda] {
        let mut numbers = Numbers(6);
        let start = [(); 2].map(|()| numbers.tensor(&[4, 3], Kind::Double));
        let config = || OptimizerConfig {
            backend,
            lawn: Some(LawnConfig {
                scope: Scope::AllWeights,
                granularity: Granularity::Row,
                ..LawnConfig::new(1)
            }),
            ..OptimizerConfig::new(
                RuleConfig::from(SgdConfig::default()),
                Schedule::constant(0.1),
            )
        };
        let (parameters_of, weights) = parameters(&start);
        let mut optimizer = config().build(parameters_of).unwrap();
        let gradients = |numbers: &mut Numbers| -> Vec<Option<Tensor>> {
            [(); 2]
                .map(|()| Some(numbers.tensor(&[4, 3], Kind::Double)))
                .into()
        };
        assert_eq!(optimizer.frozen_at_step(), None);
        for _ in 0..2 {
            set_gradients(&mut optimizer, &weights, &gradients(&mut numbers));
            optimizer.step().unwrap();
        }
        assert_eq!(optimizer.frozen_at_step(), Some(1));
        let rows = |weight: &Tensor| values(&Granularity::Row.norm(&weight.detach()));
        let before = [rows(&weights[0]), rows(&weights[1])];
        optimizer.set_radii("p0", 2.0).unwrap();
        optimizer.scale_radii_of("?1", 0.5).unwrap();
        let state = optimizer.state();
        let (again, others) = parameters(&weights);
        let mut resumed = config().build(again).unwrap();
        resumed.load_state(&state).unwrap();
        let next = gradients(&mut numbers);
        for (optimizer, weights) in [(&mut optimizer, &weights), (&mut resumed, &others)] {
            set_gradients(optimizer, weights, &next);
            optimizer.step().unwrap();
            for row in rows(&weights[0]) {
                assert!((row - 2.0).abs() < 1e-12, "{backend:?}: {row}");
            }
            for (row, before) in rows(&weights[1]).iter().zip(&before[1]) {
                assert!((row / before - 0.5).abs() < 1e-12, "{backend:?}: {row}");
            }
        }
        let unmatched = optimizer.scale_radii_of("q*", 0.5);
        assert!(matches!(unmatched, Err(Error::UnmatchedPattern { .. })));
        assert!(optimizer.set_radii("p0", f64::INFINITY).is_err());
        optimizer.unfreeze().unwrap();
        assert_eq!(optimizer.frozen_at_step(), None);
        assert!(matches!(
            optimizer.set_radii("p0", 1.0),
            Err(Error::NoRadii { .. })
        ));
        optimizer.freeze_now().unwrap();
        set_gradients(&mut optimizer, &weights, &next);
        optimizer.step().unwrap();
        assert_eq!(optimizer.frozen_at_step(), Some(3));
    }
}
