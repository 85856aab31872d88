//! Elements that lie farther apart than 32 bits count, in the kernels of CUDA compiled for the CPU.

use crate::common::setting::lawn;
use crate::common::{Numbers, distance, set_gradients};
use lawn_core::{
    AdamConfig, Backend, Granularity, OptimizerConfig, Parameter, Parameters, Role, RuleConfig,
    Schedule, SgdConfig,
};
use tch::{Device, Kind, Tensor};

/// Elements from the first of a row to that of the next.
const APART: i64 = (1 << 31) + 3;

/// A weight of two rows far apart, in memory of which no more is touched.
fn far_apart(values: &Tensor, kind: Kind) -> Tensor {
    let [rows, columns] = [values.size()[0], values.size()[1]];
    let room = (rows - 1) * APART + columns;
    let all = Tensor::empty([room], (kind, Device::Cpu));
    let mut weight = all.as_strided([rows, columns], [APART, 1], 0);
    weight.copy_(values);
    weight.detach().set_requires_grad(true)
}

/// The weight after five steps, with the freeze among them.
fn run(rule: RuleConfig, granularity: Granularity, kind: Kind, backend: Backend) -> Tensor {
    let mut numbers = Numbers(5);
    let weight = far_apart(&numbers.tensor(&[2, 37], kind), kind);
    let parameter = Parameter {
        name: "w".into(),
        role: Role::Weight,
        tensor: weight.shallow_clone(),
    };
    let config = OptimizerConfig {
        backend,
        lawn: Some(lawn(2, granularity)),
        ..OptimizerConfig::new(rule, Schedule::constant(0.05))
    };
    let parameters = Parameters::new(vec![parameter]).unwrap();
    let mut optimizer = config.build(parameters).unwrap();
    let name = match backend {
        Backend::Cuda => "cuda",
        _ => "reference",
    };
    assert_eq!(optimizer.chosen_backend().name, name);
    for _ in 0..5 {
        let gradient = numbers.tensor(&[2, 37], kind);
        let weights = [weight.shallow_clone()];
        set_gradients(&mut optimizer, &weights, &[Some(gradient)]);
        assert!(!optimizer.step().unwrap().skipped());
    }
    assert_eq!(weight.stride(), [APART, 1]);
    weight.detach().contiguous()
}

#[test]
fn elements_far_apart_are_found_where_they_are() {
    let adam = AdamConfig {
        epsilon: 1e-3,
        ..AdamConfig::default()
    };
    for (rule, kind, most) in [
        (RuleConfig::from(adam), Kind::Float, 1e-5),
        (SgdConfig::default().into(), Kind::BFloat16, 2e-2),
    ] {
        for granularity in [Granularity::Layer, Granularity::Row] {
            let expected = run(rule, granularity, kind, Backend::Reference);
            let found = run(rule, granularity, kind, Backend::Cuda);
            let apart = distance(&found, &expected);
            assert!(apart < most, "{rule:?} {granularity:?} {kind:?}: {apart:e}");
        }
    }
}
