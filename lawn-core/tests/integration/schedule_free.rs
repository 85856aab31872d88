//! Weights for evaluation in the place of those that are trained.

use crate::common::table::{Layout, Table, start};
use crate::common::{Numbers, distance, everything, parameters, set_gradients};
use lawn_core::{
    AdamConfig, Backend, Error, Granularity, LawnConfig, Optimizer, OptimizerConfig, RuleConfig,
    Schedule, ScheduleFreeConfig, Scope, UntouchedRows, WeightDecay,
};
use tch::{Kind, Tensor};

fn trained(kind: Kind, master_weights: bool) -> (Optimizer, Vec<Tensor>) {
    let mut numbers = Numbers(5);
    let shapes: [&[i64]; 3] = [&[3, 4], &[5], &[]];
    let start = shapes.map(|shape| numbers.tensor(shape, kind));
    let (parameters, weights) = parameters(&start);
    let config = OptimizerConfig {
        master_weights,
        ..OptimizerConfig::new(ScheduleFreeConfig::default(), Schedule::constant(0.05))
    };
    let decay = WeightDecay::Decoupled { rate: 0.1 };
    let mut optimizer = config.with_decay(decay).build(parameters).unwrap();
    for _ in 0..5 {
        let gradients: Vec<_> = (weights.iter())
            .map(|w| Some(numbers.tensor(&w.size(), kind)))
            .collect();
        set_gradients(&mut optimizer, &weights, &gradients);
        optimizer.step().unwrap();
    }
    (optimizer, weights)
}

#[test]
fn the_weights_of_training_come_back_to_the_bit() {
    for (kind, master_weights) in [
        (Kind::Double, false),
        (Kind::Float, false),
        (Kind::BFloat16, false),
        (Kind::BFloat16, true),
    ] {
        let (mut optimizer, weights) = trained(kind, master_weights);
        let before = everything(&optimizer, &weights);
        let trained: Vec<Tensor> = weights.iter().map(|w| w.detach().copy()).collect();
        optimizer.eval().unwrap();
        optimizer.eval().unwrap();
        assert!(optimizer.is_evaluating());
        assert!(
            weights.iter().zip(&trained).any(|(w, y)| !w.equal(y)),
            "{kind:?}"
        );
        optimizer.train();
        assert!(before == everything(&optimizer, &weights), "{kind:?}");
    }
}

#[test]
fn nothing_trains_meanwhile() {
    let (mut optimizer, weights) = trained(Kind::Float, false);
    let state = optimizer.state();
    optimizer.eval().unwrap();
    let before = everything(&optimizer, &weights);
    assert!(matches!(optimizer.step(), Err(Error::Evaluating)));
    assert!(matches!(
        optimizer.load_state(&state),
        Err(Error::Evaluating)
    ));
    assert!(before == everything(&optimizer, &weights));
    // What is remembered is that of training.
    assert_eq!(
        state.to_bytes().unwrap(),
        optimizer.state().to_bytes().unwrap()
    );
    optimizer.train();
    optimizer.step().unwrap();
}

#[test]
fn other_rules_have_one_set_of_weights() {
    let (parameters, weights) = parameters(&[Numbers(2).tensor(&[3, 2], Kind::Float)]);
    let config = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.1));
    let mut optimizer = config.build(parameters).unwrap();
    set_gradients(&mut optimizer, &weights, &[Some(weights[0].ones_like())]);
    optimizer.step().unwrap();
    let before = weights[0].detach().copy();
    optimizer.eval().unwrap();
    assert!(weights[0].equal(&before));
    assert!(matches!(optimizer.step(), Err(Error::Evaluating)));
}

/// The rows of a table have averages of their own, which are one as long as all rows move.
#[test]
fn a_table_moves_as_the_reference_has_it() {
    for untouched_rows in [UntouchedRows::Constrained, UntouchedRows::LeftAlone] {
        let run = |backend| {
            let config = OptimizerConfig {
                lawn: Some(LawnConfig {
                    scope: Scope::AllWeights,
                    untouched_rows,
                    granularity: Granularity::Row,
                    ..LawnConfig::new(3)
                }),
                backend,
                ..OptimizerConfig::new(
                    RuleConfig::from(ScheduleFreeConfig::default()),
                    Schedule::linear(0.0, 0.3, 3),
                )
            };
            let mut table = Table::new(config, &start());
            for (seed, ids) in [[0, 1, 2], [5, 5, 7], [3, 2, 6], [1, 4, 4], [7, 0, 3]]
                .iter()
                .enumerate()
            {
                table.step(ids, seed as u64, Layout::Dense);
            }
            let state = table.optimizer.state();
            let average = state.tensors["average/table"].shallow_clone();
            [table.weight.detach().copy(), average]
        };
        let (found, expected) = (run(Backend::Auto), run(Backend::Reference));
        for (found, expected) in found.iter().zip(&expected) {
            let apart = distance(found, expected);
            assert!(apart < 1e-6, "{untouched_rows:?}: {apart:e}");
        }
    }
}

/// Before the first step there is no average yet.
#[test]
fn an_average_starts_at_the_weights() {
    let (parameters, weights) = parameters(&[Numbers(2).tensor(&[3, 2], Kind::Float)]);
    let config = OptimizerConfig::new(ScheduleFreeConfig::default(), Schedule::constant(0.1));
    let mut optimizer = config.build(parameters).unwrap();
    let before = weights[0].detach().copy();
    optimizer.eval().unwrap();
    assert!(weights[0].equal(&before));
}

/// Beside held norms `x` runs away from the weights: what is evaluated of them is what is trained.
#[test]
fn what_a_norm_constraint_holds_is_evaluated_as_it_is_trained() {
    let constraint = |free_steps| LawnConfig {
        scope: Scope::Matrices,
        ..LawnConfig::new(free_steps)
    };
    let run = |free_steps| {
        let mut numbers = Numbers(8);
        let shapes: [&[i64]; 2] = [&[4, 6], &[6]];
        let start = shapes.map(|shape| numbers.tensor(shape, Kind::Double));
        let (parameters, weights) = parameters(&start);
        let config = OptimizerConfig::new(ScheduleFreeConfig::default(), Schedule::constant(0.05));
        let config = config.with_lawn(constraint(free_steps));
        let mut optimizer = config.build(parameters).unwrap();
        for _ in 0..300 {
            // A slope that never ends: without a constraint the iterates go ever further.
            let gradients: Vec<_> = (weights.iter()).map(|w| Some(w.ones_like())).collect();
            set_gradients(&mut optimizer, &weights, &gradients);
            optimizer.step().unwrap();
        }
        let trained: Vec<Tensor> = weights.iter().map(|w| w.detach().copy()).collect();
        optimizer.eval().unwrap();
        let evaluated: Vec<Tensor> = weights.iter().map(|w| w.detach().copy()).collect();
        optimizer.train();
        [trained, evaluated]
    };
    let [trained, evaluated] = run(20);
    assert!(evaluated[0].equal(&trained[0]), "the matrix is held");
    assert!(!evaluated[1].equal(&trained[1]), "the vector is free");
    let [trained, evaluated] = run(1000);
    assert!(!evaluated[0].equal(&trained[0]), "nothing is held yet");
}
