//! Optimizers over tensors of given shapes, ready to step.

use lawn_core::{Optimizer, OptimizerConfig, Parameter, Parameters, Role};
use tch::{Device, Kind, Tensor};

/// An optimizer over random weights with random gradients; the gradients stay,
/// as no step changes them, so that any number of steps can be timed.
pub(crate) fn ready(config: &OptimizerConfig, shapes: &[Vec<i64>]) -> Optimizer {
    let mut parameters = Vec::new();
    for (i, shape) in shapes.iter().enumerate() {
        let tensor = Tensor::randn(shape, (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let gradient = Tensor::randn(shape, (Kind::Float, Device::Cpu)) * 0.01;
        (&tensor * gradient).sum(Kind::Float).backward();
        // Roles as a model's: only matrices and filters are constrained.
        let role = if shape.len() >= 2 {
            Role::Weight
        } else {
            Role::Bias
        };
        parameters.push(Parameter {
            name: format!("p{i}"),
            role,
            tensor,
        });
    }
    let parameters = Parameters::new(parameters).expect("names are unique");
    config
        .clone()
        .build(parameters)
        .expect("the configuration is valid")
}
