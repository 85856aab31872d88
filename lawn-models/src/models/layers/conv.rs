use lawn_core::Layer;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;
use tch::nn::Path;

use super::initial::Initial;

/// Sizes of a [`Conv2d`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSizes {
    /// Channels that it takes.
    pub inputs: i64,
    /// Channels that it gives.
    pub outputs: i64,
    /// Height and width of a filter.
    pub side: i64,
    /// Pixels from one place of a filter to the next.
    pub stride: i64,
    /// Zeros around the picture.
    pub border: i64,
    /// Whether it adds a bias to each channel.
    pub bias: bool,
}

impl ConvSizes {
    /// Filters at every pixel, with a border that keeps the size of the picture where `side`
    /// is odd, and no bias.
    pub fn new(inputs: i64, outputs: i64, side: i64) -> Self {
        Self {
            inputs,
            outputs,
            side,
            stride: 1,
            border: side / 2,
            bias: false,
        }
    }

    /// Inputs of one output: `inputs` · `side`².
    pub fn fan_in(&self) -> i64 {
        self.inputs * self.side * self.side
    }

    /// Outputs of one input: `outputs` · `side`², whatever the stride.
    pub fn fan_out(&self) -> i64 {
        self.outputs * self.side * self.side
    }
}

/// A convolution over pictures.
///
/// ```
/// use lawn_models::models::layers::{Conv2d, ConvSizes, Distribution, Initial};
/// use rand::SeedableRng;
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let sizes = ConvSizes { stride: 2, ..ConvSizes::new(3, 16, 3) };
/// let initial = Initial::unbiased(Distribution::he(sizes.fan_in()));
/// let layer = Conv2d::new(&(store.root() / "conv"), sizes, initial, &mut rng);
/// let images = Tensor::zeros([4, 3, 32, 32], (Kind::Float, Device::Cpu));
/// assert_eq!(layer.forward(&images).size(), [4, 16, 16, 16]);
/// ```
#[derive(Debug)]
pub struct Conv2d {
    names: Vec<String>,
    /// `[outputs, inputs, side, side]` f32.
    weight: Tensor,
    /// `[outputs]` f32.
    bias: Option<Tensor>,
    stride: i64,
    border: i64,
}

impl Conv2d {
    /// Makes `weight` and, where there is one, `bias`.
    pub fn new(path: &Path, sizes: ConvSizes, initial: Initial, rng: &mut ChaCha8Rng) -> Self {
        let shape = [sizes.outputs, sizes.inputs, sizes.side, sizes.side];
        let weight = path.var_copy("weight", &initial.weight.draw(&shape, rng));
        let mut names = vec![path.path("weight")];
        let bias = sizes.bias.then(|| {
            names.push(path.path("bias"));
            path.var_copy("bias", &initial.bias.draw(&[sizes.outputs], rng))
        });
        Self {
            names,
            weight,
            bias,
            stride: sizes.stride,
            border: sizes.border,
        }
    }

    /// `[N, inputs, height, width]` to
    /// `[N, outputs, (height + 2·border − side) / stride + 1, …]`.
    pub fn forward(&self, input: &Tensor) -> Tensor {
        let (stride, border) = ([self.stride; 2], [self.border; 2]);
        input.conv2d(&self.weight, self.bias.as_ref(), stride, border, [1, 1], 1)
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
        Layer::homogeneous(&self.names)
    }
}
