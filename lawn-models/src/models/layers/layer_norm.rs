use lawn_core::Layer;
use tch::Tensor;
use tch::nn::Path;

/// Keeps the divisor from 0: what vision transformers take.
const EPSILON: f64 = 1e-6;

/// Normalization over the features of each token.
///
/// ```text
/// y = γ (x − mean) / √(variance + 10⁻⁶) + β
/// ```
/// Source: Ba et al. 2016, arXiv 1607.06450.
///
/// ```
/// use lawn_models::models::layers::LayerNorm;
/// use tch::{Device, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let norm = LayerNorm::new(&(store.root() / "norm"), 2);
/// let output = norm.forward(&Tensor::from_slice(&[1f32, 3.0]).view([1, 2]));
/// let expected = Tensor::from_slice(&[-1f32, 1.0]).view([1, 2]);
/// assert!((output - expected).abs().max().double_value(&[]) < 1e-5);
/// ```
#[derive(Debug)]
pub struct LayerNorm {
    names: [String; 2],
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    /// γ = 1 and β = 0, `[features]` each.
    pub fn new(path: &Path, features: i64) -> Self {
        Self {
            names: ["weight", "bias"].map(|name| path.path(name)),
            weight: path.ones("weight", &[features]),
            bias: path.zeros("bias", &[features]),
        }
    }

    /// `[…, features]` to the same.
    pub fn forward(&self, input: &Tensor) -> Tensor {
        let shape = self.weight.size();
        input.layer_norm(
            &shape[..],
            Some(&self.weight),
            Some(&self.bias),
            EPSILON,
            true,
        )
    }

    /// Its description.
    pub fn layer(&self) -> Layer {
        Layer::normalization(&self.names)
    }
}
