use lawn_core::Layer;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;
use tch::nn::Path;

use super::initial::normal;

/// A convolution with filters of 3 × 3 pixels, a border of one zero and no bias.
///
/// ```
/// use lawn_models::models::layers::Conv3x3;
/// use rand::SeedableRng;
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let layer = Conv3x3::new(&(store.root() / "conv"), [3, 16], 2, &mut rng);
/// let images = Tensor::zeros([4, 3, 32, 32], (Kind::Float, Device::Cpu));
/// assert_eq!(layer.forward(&images).size(), [4, 16, 16, 16]);
/// ```
#[derive(Debug)]
pub struct Conv3x3 {
    name: String,
    /// `[outputs, inputs, 3, 3]` f32.
    weight: Tensor,
    stride: i64,
}

impl Conv3x3 {
    /// Filters between `[inputs, outputs]` channels, drawn from N(0, 2 / (9·inputs)) (He et
    /// al. 2015, arXiv 1502.01852).
    pub fn new(path: &Path, channels: [i64; 2], stride: i64, rng: &mut ChaCha8Rng) -> Self {
        let [inputs, outputs] = channels;
        let deviation = (2.0 / (9 * inputs) as f64).sqrt();
        let values = normal(&[outputs, inputs, 3, 3], deviation, rng);
        Self {
            name: path.path("weight"),
            weight: path.var_copy("weight", &values),
            stride,
        }
    }

    /// `[N, inputs, height, width]` to `[N, outputs, ⌈height / stride⌉, ⌈width / stride⌉]`.
    pub fn forward(&self, input: &Tensor) -> Tensor {
        let stride = [self.stride; 2];
        input.conv2d::<Tensor>(&self.weight, None, stride, [1, 1], [1, 1], 1)
    }

    /// Number of channels that it gives.
    pub fn outputs(&self) -> i64 {
        self.weight.size()[0]
    }

    /// Pixels from one place of the filter to the next.
    pub fn stride(&self) -> i64 {
        self.stride
    }

    /// Its description.
    pub fn layer(&self) -> Layer {
        Layer::homogeneous([&self.name])
    }
}
