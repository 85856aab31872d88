use lawn_core::Layer;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;
use tch::nn::Path;

use crate::models::layers::{Dropout, Initial, LayerNorm, Linear};
use crate::models::model::Mode;

/// Sizes of an [`Mlp`].
#[derive(Clone, Debug)]
pub struct MlpConfig {
    /// Features that come in.
    pub inputs: i64,
    /// Features after each layer.
    pub widths: Vec<i64>,
    /// Whether a ReLU follows the last layer, too.
    pub ends_in_relu: bool,
    /// Whether each ReLU is normalized over its features.
    pub layer_norm: bool,
    /// Whether what comes into a layer is added to what comes out of it: of all but the first,
    /// and the last where no ReLU follows it.
    pub residual: bool,
    /// Rate of the dropout after each ReLU.
    pub dropout: f64,
    /// Whether there is dropout after the last ReLU only.
    pub dropout_once: bool,
    /// What a layer between so many features begins with.
    pub initial: fn(inputs: i64, outputs: i64) -> Initial,
}

impl MlpConfig {
    /// ReLU after each layer and nothing more.
    pub fn new(inputs: i64, widths: &[i64], initial: fn(i64, i64) -> Initial) -> Self {
        Self {
            inputs,
            widths: widths.to_vec(),
            ends_in_relu: true,
            layer_norm: false,
            residual: false,
            dropout: 0.0,
            dropout_once: false,
            initial,
        }
    }

    /// Layers that a ReLU follows.
    fn hidden(&self) -> usize {
        self.widths.len() - usize::from(!self.ends_in_relu)
    }

    /// Features that come out.
    pub fn outputs(&self) -> i64 {
        self.widths.last().copied().unwrap_or(self.inputs)
    }

    pub(super) fn parameters(&self) -> i64 {
        let inputs = [self.inputs].into_iter().chain(self.widths.iter().copied());
        let sizes = inputs.zip(&self.widths);
        let linear: i64 = sizes.map(|(inputs, outputs)| (inputs + 1) * outputs).sum();
        let normalized = &self.widths[..self.hidden() * usize::from(self.layer_norm)];
        linear + 2 * normalized.iter().sum::<i64>()
    }
}

/// Linear layers with ReLU between them.
///
/// ```text
/// h ← norm(relu(W h + b)) [+ h]
/// ```
/// W: `[outputs, inputs]`, b: `[outputs]`, both f32; the norm and the sum where the
/// [configuration](MlpConfig) has them. Its variables are `0.weight`, `0.bias`, `0.norm.weight`,
/// `0.norm.bias`, `1.weight`, …
///
/// ```
/// use lawn_models::models::Mode;
/// use lawn_models::models::ctr::{Mlp, MlpConfig};
/// use lawn_models::models::layers::Initial;
/// use rand::SeedableRng;
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let config = MlpConfig::new(3, &[8, 4], |inputs, _| Initial::pytorch(inputs));
/// let mlp = Mlp::new(&(store.root() / "deep"), &config, 0, &mut rng);
/// let input = Tensor::zeros([5, 3], (Kind::Float, Device::Cpu));
/// assert_eq!(mlp.forward(input, Mode::Evaluate).size(), [5, 4]);
/// ```
#[derive(Debug)]
pub struct Mlp {
    layers: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    linear: Linear,
    relu: bool,
    norm: Option<LayerNorm>,
    dropout: Dropout,
    residual: bool,
}

impl Mlp {
    /// Makes its variables under `path`. `seed` decides what is dropped.
    pub fn new(path: &Path, config: &MlpConfig, seed: u64, rng: &mut ChaCha8Rng) -> Self {
        let hidden = config.hidden();
        let mut inputs = config.inputs;
        let layers = config.widths.iter().enumerate().map(|(place, &outputs)| {
            let path = path / place;
            let relu = place < hidden;
            let initial = (config.initial)(inputs, outputs);
            let linear = Linear::drawn(&path, [inputs, outputs], initial, rng);
            let norm =
                (relu && config.layer_norm).then(|| LayerNorm::new(&(&path / "norm"), outputs));
            let drops = relu && (!config.dropout_once || place + 1 == hidden);
            let rate = if drops { config.dropout } else { 0.0 };
            let residual = config.residual && relu && place > 0;
            inputs = outputs;
            Block {
                linear,
                relu,
                norm,
                dropout: Dropout::of_elements(rate, seed, place as u64),
                residual,
            }
        });
        Self {
            layers: layers.collect(),
        }
    }

    /// `[N, inputs]` to `[N, outputs]`.
    pub fn forward(&self, input: Tensor, mode: Mode) -> Tensor {
        let layers = self.layers.iter();
        layers.fold(input, |input, layer| layer.forward(input, mode))
    }

    /// Their descriptions.
    pub fn layers(&self) -> Vec<Layer> {
        let each = self.layers.iter().flat_map(|one| {
            let norm = one.norm.as_ref().map(LayerNorm::layer);
            [one.linear.layer()].into_iter().chain(norm)
        });
        each.collect()
    }
}

impl Block {
    fn forward(&self, input: Tensor, mode: Mode) -> Tensor {
        let mut output = self.linear.forward(&input);
        if self.relu {
            output = output.relu_();
        }
        if let Some(norm) = &self.norm {
            output = norm.forward(&output);
        }
        if self.dropout.rate() > 0.0 {
            output = self.dropout.forward(&output, mode);
        }
        if self.residual {
            output + input
        } else {
            output
        }
    }
}
