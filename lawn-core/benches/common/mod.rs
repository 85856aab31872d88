//! Optimizers over tensors of given shapes, ready to step.
#![allow(dead_code, reason = "each benchmark uses some of it")]

use std::time::Duration;

use criterion::Criterion;
use lawn_core::{Optimizer, OptimizerConfig, Parameter, Parameters, Role};
use tch::{Device, Kind, Tensor};

/// Criterion with times that keep the whole of `cargo bench` under ten minutes; its own options
/// override them.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
}

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
    // Roles as a model's: only matrices and filters are constrained.
    let role = |tensor: &Tensor| match tensor.dim() {
        0 | 1 => Role::Bias,
        _ => Role::Weight,
    };
    let tensors: Vec<_> = tensors.iter().map(|one| (role(one), one)).collect();
    optimizer_of(config, &tensors)
}

/// The same of tensors with these roles.
pub(crate) fn optimizer_of(config: &OptimizerConfig, tensors: &[(Role, &Tensor)]) -> Optimizer {
    let parameter = |(i, (role, tensor)): (usize, &(Role, &Tensor))| Parameter {
        name: format!("p{i}"),
        role: *role,
        tensor: tensor.shallow_clone(),
    };
    let parameters = Parameters::new(tensors.iter().enumerate().map(parameter).collect());
    let parameters = parameters.expect("names are unique");
    config
        .clone()
        .build(parameters)
        .expect("the configuration is valid")
}
