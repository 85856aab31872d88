use lawn_core::Layer;
use rand_chacha::ChaCha8Rng;
use tch::nn::Path;
use tch::{Kind, Tensor};

use super::initial::Initial;

/// A linear map.
///
/// ```text
/// y = W x + b        W: [outputs, inputs], b: [outputs], both f32
/// ```
///
/// ```
/// use lawn_models::models::layers::Linear;
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let weight = Tensor::ones([2, 3], (Kind::Float, Device::Cpu));
/// let layer = Linear::new(&(store.root() / "output"), &weight);
/// let input = Tensor::ones([1, 3], (Kind::Float, Device::Cpu));
/// assert_eq!(layer.forward(&input), Tensor::from_slice(&[3f32, 3.0]).view([1, 2]));
/// ```
#[derive(Debug)]
pub struct Linear {
    names: [String; 2],
    weight: Tensor,
    bias: Tensor,
}

/// Names of weight and bias.
const NAMES: [&str; 2] = ["weight", "bias"];

impl Linear {
    /// Makes `weight` with the given values, `[outputs, inputs]`, and `bias` with zeros.
    pub fn new(path: &Path, weight: &Tensor) -> Self {
        let zeros = Tensor::zeros([weight.size()[0]], (Kind::Float, path.device()));
        Self::with_values(path, NAMES, weight, &zeros)
    }

    /// Makes `weight` and `bias` between `[inputs, outputs]` features.
    pub fn drawn(path: &Path, sizes: [i64; 2], initial: Initial, rng: &mut ChaCha8Rng) -> Self {
        Self::named(path, NAMES, sizes, initial, rng)
    }

    /// As [`drawn`](Self::drawn), with other names than `weight` and `bias`.
    pub fn named(
        path: &Path,
        names: [&str; 2],
        sizes: [i64; 2],
        initial: Initial,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let [inputs, outputs] = sizes;
        let weight = initial.weight.draw(&[outputs, inputs], rng);
        let bias = initial.bias.draw(&[outputs], rng);
        Self::with_values(path, names, &weight, &bias)
    }

    fn with_values(path: &Path, names: [&str; 2], weight: &Tensor, bias: &Tensor) -> Self {
        Self {
            weight: path.var_copy(names[0], weight),
            bias: path.var_copy(names[1], bias),
            names: names.map(|name| path.path(name)),
        }
    }

    /// `[…, inputs]` to `[…, outputs]`.
    pub fn forward(&self, input: &Tensor) -> Tensor {
        input.linear(&self.weight, Some(&self.bias))
    }

    /// `[outputs, inputs]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// `[outputs]`.
    pub fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// Names of its parameters.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Its description.
    pub fn layer(&self) -> Layer {
        Layer::homogeneous(&self.names)
    }
}
