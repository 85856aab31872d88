//! Batch normalization whose statistics have a batch size of their own.

use lawn_core::Layer;
use tch::Tensor;
use tch::nn::{Init, Path};

use crate::models::model::Mode;

/// Weight of the newest statistics in the running ones, PyTorch's default.
pub(crate) const MOMENTUM: f64 = 0.1;

/// Keeps the divisor from 0, PyTorch's default.
const EPSILON: f64 = 1e-5;

/// Normalization over ghost batches.
///
/// ```text
/// y = γ (x − mean) / √(variance + ε) + β
/// ```
/// Training takes mean and variance over each run of `statistics_batch` samples by
/// itself, so that the size of the batch does not change what is computed. Evaluation
/// uses the running averages, which each run moves once.
///
/// Source: Ioffe and Szegedy 2015, arXiv 1502.03167; ghost batches: Hoffer et
/// al. 2017, arXiv 1705.08741.
///
/// ```
/// use lawn_models::models::{Mode, layers::GhostBatchNorm};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let norm = GhostBatchNorm::new(&(store.root() / "norm"), 16, 2);
/// let input = Tensor::ones([4, 16, 8, 8], (Kind::Float, Device::Cpu));
/// assert_eq!(norm.forward(&input, Mode::Train { first: 0 }).size(), input.size());
/// ```
#[derive(Debug)]
pub struct GhostBatchNorm {
    names: [String; 2],
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_variance: Tensor,
    statistics_batch: i64,
}

impl GhostBatchNorm {
    /// γ = 1 and β = 0, `[channels]` each.
    pub fn new(path: &Path, channels: i64, statistics_batch: i64) -> Self {
        Self::with_scale(path, channels, statistics_batch, 1.0)
    }

    /// With another initial γ.
    pub fn with_scale(path: &Path, channels: i64, statistics_batch: i64, scale: f64) -> Self {
        Self {
            names: ["weight", "bias"].map(|name| path.path(name)),
            weight: path.var("weight", &[channels], Init::Const(scale)),
            bias: path.zeros("bias", &[channels]),
            running_mean: path.zeros_no_train("running_mean", &[channels]),
            running_variance: path.ones_no_train("running_var", &[channels]),
            statistics_batch,
        }
    }

    /// `[N, channels, height, width]` to the same.
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Tensor {
        let train = mode.is_train();
        if !train || input.size()[0] <= self.statistics_batch {
            return self.normalize(input, train);
        }
        // Backward puts the gradients of a split together in one pass, where each of many slices
        // would fill a tensor of the whole size.
        let ghosts = input.split_with_sizes(self.ghosts(input.size()[0]), 0);
        let outputs: Vec<Tensor> = ghosts.iter().map(|one| self.normalize(one, true)).collect();
        Tensor::cat(&outputs, 0)
    }

    /// Sizes of the ghost batches of so many samples. A last one of one sample, whose variance
    /// may have nothing to be taken over, goes with the one before it.
    fn ghosts(&self, samples: i64) -> Vec<i64> {
        let mut ghosts = Vec::new();
        let mut left = samples;
        while left > 0 {
            let goes_along = left == self.statistics_batch + 1;
            let count = left.min(self.statistics_batch) + i64::from(goes_along);
            ghosts.push(count);
            left -= count;
        }
        ghosts
    }

    /// Samples that share their statistics in training.
    pub fn statistics_batch(&self) -> i64 {
        self.statistics_batch
    }

    /// Its description.
    pub fn layer(&self) -> Layer {
        Layer::normalization(&self.names)
    }

    fn normalize(&self, input: &Tensor, train: bool) -> Tensor {
        input.batch_norm(
            Some(&self.weight),
            Some(&self.bias),
            Some(&self.running_mean),
            Some(&self.running_variance),
            train,
            MOMENTUM,
            EPSILON,
            true,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::nn::VarStore;
    use tch::{Device, Kind};

    const TRAIN: Mode = Mode::Train { first: 0 };

    fn layer(statistics_batch: i64) -> (VarStore, GhostBatchNorm) {
        let store = VarStore::new(Device::Cpu);
        let layer = GhostBatchNorm::new(&store.root(), 3, statistics_batch);
        (store, layer)
    }

    #[test]
    fn parts_of_whole_ghost_batches_change_nothing() {
        let input = Tensor::arange(8 * 3 * 4, (Kind::Float, Device::Cpu))
            .square()
            .view([8, 3, 2, 2]);
        let (whole_store, whole) = layer(2);
        let (part_store, part) = layer(2);
        let together = whole.forward(&input, TRAIN);
        let apart: Vec<Tensor> = [(0, 4), (4, 4)]
            .map(|(start, count)| part.forward(&input.narrow(0, start, count), TRAIN))
            .into();
        assert_eq!(together, Tensor::cat(&apart, 0));
        for (name, value) in whole_store.variables() {
            assert_eq!(value, part_store.variables()[&name], "{name}");
        }
        let (_store, coarse) = layer(8);
        assert_ne!(together, coarse.forward(&input, TRAIN));
    }

    /// The equation, written out in f64 for each ghost batch, and the running averages after it.
    #[test]
    fn ghost_batches_are_normalized_as_the_equation_says() {
        let options = (Kind::Double, Device::Cpu);
        let place = Tensor::arange(7 * 3 * 4, options);
        let input: Tensor = ((place * 1.7).sin() * 3.0 + 0.5).view([7, 3, 2, 2]);
        let (_store, mut layer) = layer(3);
        let [scale, shift] = [[1.5f32, 0.5, -2.0], [0.1, -0.2, 0.3]];
        tch::no_grad(|| {
            layer.weight.copy_(&Tensor::from_slice(&scale));
            layer.bias.copy_(&Tensor::from_slice(&shift));
        });
        let output = layer.forward(&input.to_kind(Kind::Float), TRAIN);
        let mut mean = Tensor::zeros([3], options);
        let mut variance = Tensor::ones([3], options);
        let by_channel = |one: &Tensor| one.to_kind(Kind::Double).view([1, 3, 1, 1]);
        let mut expected = Vec::new();
        // The last of one sample goes along.
        for (start, count) in [(0, 3), (3, 4)] {
            let ghost = input.narrow(0, start, count);
            let over = &[0i64, 2, 3][..];
            let own_mean = ghost.mean_dim(over, false, Kind::Double);
            let centred = &ghost - by_channel(&own_mean);
            let own_variance = centred.square().mean_dim(over, false, Kind::Double);
            let divisor = by_channel(&(&own_variance + 1e-5).sqrt());
            expected.push(by_channel(&layer.weight) * centred / divisor + by_channel(&layer.bias));
            let elements = (count * 4) as f64;
            mean = mean * 0.9 + own_mean * 0.1;
            // The running variance is the unbiased one.
            variance = variance * 0.9 + own_variance * (0.1 * elements / (elements - 1.0));
        }
        for (found, expected) in [
            (&output, &Tensor::cat(&expected, 0)),
            (&layer.running_mean, &mean),
            (&layer.running_variance, &variance),
        ] {
            let error = (found - expected).abs().max().double_value(&[]);
            assert!(error < 1e-6, "{error:e}");
        }
    }

    #[test]
    fn a_last_ghost_batch_of_one_goes_with_the_one_before() {
        let (_store, norm) = layer(4);
        assert_eq!(norm.ghosts(8), [4, 4]);
        assert_eq!(norm.ghosts(10), [4, 4, 2]);
        assert_eq!(norm.ghosts(9), [4, 5]);
        let values = Tensor::arange(9 * 3, (Kind::Float, Device::Cpu)).view([9, 3, 1, 1]);
        let output = norm.forward(&values, Mode::Train { first: 0 });
        for values in [&output, &norm.running_variance, &norm.running_mean] {
            assert_eq!(values.isfinite().all().int64_value(&[]), 1);
        }
    }

    #[test]
    fn evaluation_uses_the_running_averages() {
        let input = Tensor::from_slice(&[3f32, 5.0, 7.0]).view([1, 3, 1, 1]);
        let (_store, layer) = layer(2);
        // Means start at 0 and variances at 1.
        let output = layer.forward(&input, Mode::Evaluate);
        assert!((output - input).abs().max().double_value(&[]) < 1e-4);
    }
}
