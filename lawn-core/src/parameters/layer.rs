//! A model's layers, as far as norm constraints need to know them.

use serde::{Deserialize, Serialize};

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
    /// Of a layer that does not take just what the one before it in the list gives: a parameter of
    /// each that it takes from, and none for the input of the net. See
    /// [`Parameters::groups_by_depth`](crate::Parameters::groups_by_depth).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Vec<String>>,
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

    /// The same after other layers than the one before it: those of these parameters, or the input
    /// of the net where there are none.
    ///
    /// ```
    /// use lawn_core::Layer;
    ///
    /// // A wide part beside a deep one, whose outputs are added.
    /// let layers = [
    ///     Layer::homogeneous(["wide.weight"]).after([""; 0]),
    ///     Layer::homogeneous(["deep.0.weight"]).after([""; 0]),
    ///     Layer::homogeneous(["deep.1.weight"]),
    ///     Layer::homogeneous(["output.bias"]).after(["wide.weight", "deep.1.weight"]),
    /// ];
    /// assert_eq!(layers[2].after, None);
    /// ```
    #[must_use]
    pub fn after<N: Into<String>>(mut self, parameters: impl IntoIterator<Item = N>) -> Self {
        self.after = Some(parameters.into_iter().map(Into::into).collect());
        self
    }

    fn new<N: Into<String>>(map: Map, parameters: impl IntoIterator<Item = N>) -> Self {
        Self {
            map,
            parameters: parameters.into_iter().map(Into::into).collect(),
            after: None,
        }
    }
}
