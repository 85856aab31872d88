//! A trained optimizer, whose state the tests of states are about.

use super::{Numbers, parameters, set_gradients};
use lawn_core::{AdamConfig, LawnConfig, Optimizer, OptimizerConfig, Schedule, Scope};
use tch::{Kind, Tensor};

/// Adam under LAWN, and its weights.
pub(crate) fn optimizer(free_steps: u64) -> (Optimizer, Vec<Tensor>) {
    let mut numbers = Numbers(1);
    let start = [
        numbers.tensor(&[3, 4], Kind::Float),
        numbers.tensor(&[5], Kind::Float),
    ];
    let (parameters, weights) = parameters(&start);
    let lawn = LawnConfig {
        scope: Scope::AllWeights,
        ..LawnConfig::new(free_steps)
    };
    let config = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.1));
    (config.with_lawn(lawn).build(parameters).unwrap(), weights)
}

/// The same after four steps, two of them constrained.
pub(crate) fn trained() -> (Optimizer, Vec<Tensor>) {
    let (mut optimizer, weights) = optimizer(2);
    for _ in 0..4 {
        let g: Vec<Option<Tensor>> = weights.iter().map(|w| Some(w.detach().copy())).collect();
        set_gradients(&mut optimizer, &weights, &g);
        optimizer.step().unwrap();
    }
    (optimizer, weights)
}
