use lawn_core::Layer;
use tch::nn::Path;
use tch::{Kind, Tensor};

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

impl Linear {
    /// Makes `weight` with the given values, `[outputs, inputs]`, and `bias` with zeros.
    pub fn new(path: &Path, weight: &Tensor) -> Self {
        let zeros = Tensor::zeros([weight.size()[0]], (Kind::Float, path.device()));
        Self {
            names: ["weight", "bias"].map(|name| path.path(name)),
            weight: path.var_copy("weight", weight),
            bias: path.var_copy("bias", &zeros),
        }
    }

    /// `[N, inputs]` to `[N, outputs]`.
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

    /// Its description.
    pub fn layer(&self) -> Layer {
        Layer::homogeneous(&self.names)
    }
}
