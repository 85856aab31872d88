//! Values that PyTorch computed, and the formula its variables were filled by.
//!
//! `goldens/generate.py` wrote them and says how.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

/// What one model computes.
#[derive(Deserialize)]
pub(crate) struct Golden {
    #[serde(default)]
    pub(crate) evaluated: Vec<f64>,
    pub(crate) logits: Vec<f64>,
    pub(crate) loss: f64,
    pub(crate) gradient_norm: f64,
    #[serde(default)]
    pub(crate) running_mean: Vec<f64>,
    #[serde(default)]
    pub(crate) running_var: Vec<f64>,
}

#[derive(Deserialize)]
struct File {
    tolerance: f64,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

fn file() -> File {
    let text = include_str!("../../goldens/models.json");
    serde_json::from_str(text).expect("the goldens are JSON")
}

/// The values of one model.
pub(crate) fn golden(model: &str) -> Golden {
    entry(model)
}

/// What has a name in the file.
pub(crate) fn entry<T: DeserializeOwned>(name: &str) -> T {
    let value = file().rest.remove(name).expect("the goldens have the name");
    serde_json::from_value(value).expect("the goldens have its values")
}

/// Fills every variable from its shape and the place of its name.
pub(crate) fn fill(store: &VarStore) {
    let variables: BTreeMap<String, Tensor> = store.variables().into_iter().collect();
    for (place, (name, mut variable)) in variables.into_iter().enumerate() {
        let count = variable.numel() as i64;
        let index = Tensor::arange(count, (Kind::Double, Device::Cpu));
        let wave: Tensor = (index * 0.7 + place as f64).sin();
        let values = if variable.dim() >= 2 {
            wave * (2.0 / (count / variable.size()[0]) as f64).sqrt()
        } else if name.ends_with("running_var") || name.ends_with(".weight") {
            wave * 0.1 + 1.0
        } else {
            wave * 0.1
        };
        tch::no_grad(|| variable.copy_(&values.view(&variable.size()[..])));
    }
}

/// Global norm of the gradients of all trainable variables.
pub(crate) fn gradient_norm(store: &VarStore) -> f64 {
    let square = |tensor: &Tensor| tensor.grad().square().sum(Kind::Double).double_value(&[]);
    store
        .trainable_variables()
        .iter()
        .map(square)
        .sum::<f64>()
        .sqrt()
}

/// Compares values with those of PyTorch, within the tolerance that the file
/// names, relative to the largest of them.
pub(crate) fn assert_close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected
        .iter()
        .fold(0.0f64, |most, value| most.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        let error = (found - expected).abs() / scale;
        assert!(
            error <= file().tolerance,
            "{what}: {found}, PyTorch {expected}"
        );
    }
}

/// The greatest of some errors, and NaN if one is: `f64::max` would leave that out.
pub(crate) fn greatest(errors: impl IntoIterator<Item = f64>) -> f64 {
    errors.into_iter().fold(0.0, |most, one| {
        if most >= one || most.is_nan() {
            most
        } else {
            one
        }
    })
}

#[test]
fn an_error_that_is_nan_is_the_greatest() {
    assert_eq!(greatest([0.5, 2.0, 1.0]), 2.0);
    for errors in [[f64::NAN, 1.0], [1.0, f64::NAN]] {
        assert!(greatest(errors).is_nan());
    }
}

/// The elements of a tensor in f64.
pub(crate) fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).reshape([-1])).expect("a float tensor")
}
