//! A model's layers, as far as norm constraints need to know them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{Parameters, Role};

/// How a layer answers to a scaling of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Map {
    /// `f(c x) = c f(x)` for `c > 0`: linear, convolution, embedding, ReLU,
    /// pooling, dropout, addition, concatenation; biases aside.
    Homogeneous,
    /// `f(c x) = f(x)`: batch, layer, group, RMS normalization.
    Normalization,
    /// Neither: sigmoid, tanh, GELU, softmax.
    Other,
}

/// One layer on the way from the input to the logits.
///
/// ```
/// use lawn_core::{AdamConfig, LawnConfig, Layer, OptimizerConfig, Parameters, Schedule};
/// # use tch::{Device, nn};
/// # let vs = nn::VarStore::new(Device::Cpu);
/// # let root = vs.root();
/// # let _ = nn::linear(&root / "head", 4, 2, Default::default());
/// # let _ = nn::linear(&root / "body", 3, 4, Default::default());
///
/// // The model made its head before its body, which ends in a sigmoid.
/// let mut parameters = Parameters::from_var_store(&vs)?;
/// parameters.set_layers(vec![
///     Layer::homogeneous(["body.weight", "body.bias"]),
///     Layer::other(Vec::<String>::new()),
///     Layer::homogeneous(["head.weight", "head.bias"]),
/// ])?;
/// let optimizer = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(1e-3))
///     .with_lawn(LawnConfig::new(100))
///     .build(parameters)?;
/// let constrained = optimizer.treatments().iter().filter(|t| t.units > 0);
/// assert!(constrained.map(|t| &t.parameter).eq(["head.weight"]));
/// # Ok::<(), lawn_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// What it does to the scale of its input.
    pub map: Map,
    /// Names of its parameters; empty for an activation or a pooling.
    #[serde(default)]
    pub parameters: Vec<String>,
}

impl Layer {
    /// A layer that passes the scale of its input on.
    pub fn homogeneous<N: Into<String>>(parameters: impl IntoIterator<Item = N>) -> Self {
        Self::new(Map::Homogeneous, parameters)
    }

    /// A layer that forgets the scale of its input.
    pub fn normalization<N: Into<String>>(parameters: impl IntoIterator<Item = N>) -> Self {
        Self::new(Map::Normalization, parameters)
    }

    /// A layer that does neither.
    pub fn other<N: Into<String>>(parameters: impl IntoIterator<Item = N>) -> Self {
        Self::new(Map::Other, parameters)
    }

    fn new<N: Into<String>>(map: Map, parameters: impl IntoIterator<Item = N>) -> Self {
        Self {
            map,
            parameters: parameters.into_iter().map(Into::into).collect(),
        }
    }
}

/// Names of the parameters in the final homogeneous sub-network: those after
/// the last layer that is not positively homogeneous.
///
/// There, and only there, the norm of the weights scales the logits.
pub(crate) fn final_homogeneous(parameters: &Parameters) -> HashSet<String> {
    if let Some(layers) = parameters.layers() {
        return layers
            .iter()
            .rev()
            .take_while(|layer| layer.map == Map::Homogeneous)
            .flat_map(|layer| layer.parameters.iter().cloned())
            .collect();
    }
    let all: Vec<_> = parameters.iter().collect();
    let start = all
        .iter()
        .rposition(|p| p.role == Role::Norm)
        .map_or(0, |last| last + 1);
    all[start..].iter().map(|p| p.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Parameter;
    use tch::{Device, Kind, Tensor};

    fn parameters(names: &[(&str, Role)]) -> Parameters {
        let one = |&(name, role): &(&str, Role)| Parameter {
            name: name.into(),
            role,
            tensor: Tensor::zeros([2, 2], (Kind::Float, Device::Cpu)),
        };
        Parameters::new(names.iter().map(one).collect()).unwrap()
    }

    fn sorted(set: HashSet<String>) -> Vec<String> {
        let mut names: Vec<_> = set.into_iter().collect();
        names.sort_unstable();
        names
    }

    const NAMES: [(&str, Role); 4] = [
        ("a", Role::Weight),
        ("n", Role::Norm),
        ("b", Role::Weight),
        ("c", Role::Weight),
    ];

    #[test]
    fn order_and_roles_stand_in_for_layers() {
        assert_eq!(sorted(final_homogeneous(&parameters(&NAMES))), ["b", "c"]);
        let plain = [("e", Role::Embedding), ("a", Role::Weight)];
        assert_eq!(sorted(final_homogeneous(&parameters(&plain))), ["a", "e"]);
    }

    #[test]
    fn layers_decide_where_they_are_given() {
        let mut parameters = parameters(&NAMES);
        let none: [&str; 0] = [];
        parameters
            .set_layers(vec![
                Layer::homogeneous(["a"]),
                Layer::normalization(["n"]),
                Layer::homogeneous(["b"]),
                Layer::other(none),
                Layer::homogeneous(["c"]),
                Layer::homogeneous(none),
            ])
            .unwrap();
        assert_eq!(sorted(final_homogeneous(&parameters)), ["c"]);
    }
}
