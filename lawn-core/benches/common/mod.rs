//! Optimizers over tensors of given shapes, ready to step.

use lawn_core::{Optimizer, OptimizerConfig, Parameter, Parameters, Role};
use tch::{Device, Kind, Tensor};

/// Random weights with random gradients; the gradients stay, as no step changes
/// them, so that any number of steps can be timed.
pub(crate) fn tensors(shapes: &[Vec<i64>]) -> Vec<Tensor> {
    let one = |shape: &Vec<i64>| {
        let tensor = Tensor::randn(shape, (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let gradient = Tensor::randn(shape, (Kind::Float, Device::Cpu)) * 0.01;
        (&tensor * gradient).sum(Kind::Float).backward();
        tensor
    };
    shapes.iter().map(one).collect()
}

/// An optimizer over tensors that others may share.
pub(crate) fn optimizer(config: &OptimizerConfig, tensors: &[Tensor]) -> Optimizer {
    let parameter = |(i, tensor): (usize, &Tensor)| Parameter {
        name: format!("p{i}"),
        // Roles as a model's: only matrices and filters are constrained.
        role: if tensor.dim() >= 2 {
            Role::Weight
        } else {
            Role::Bias
        },
        tensor: tensor.shallow_clone(),
    };
    let parameters = Parameters::new(tensors.iter().enumerate().map(parameter).collect());
    let parameters = parameters.expect("names are unique");
    config
        .clone()
        .build(parameters)
        .expect("the configuration is valid")
}
