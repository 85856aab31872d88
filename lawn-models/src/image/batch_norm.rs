//! Batch normalization whose statistics have a batch size of their own.

use tch::Tensor;
use tch::nn::Path;

/// Weight of the newest statistics in the running ones, PyTorch's default.
const MOMENTUM: f64 = 0.1;

/// Keeps the divisor from 0, PyTorch's default.
const EPSILON: f64 = 1e-5;

/// Normalization over ghost batches.
///
/// ```text
/// y = γ (x − mean) / √(variance + ε) + β
/// ```
/// Training takes mean and variance over each run of `statistics_batch` samples
/// by itself, whatever the size of the batch, so that neither a larger batch nor
/// cutting one into micro-batches changes what is computed. Evaluation uses the
/// running averages, which each run moves once.
///
/// Source: Ioffe and Szegedy 2015, arXiv 1502.03167; ghost batches: Hoffer et
/// al. 2017, arXiv 1705.08741.
#[derive(Debug)]
pub(crate) struct GhostBatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_variance: Tensor,
    statistics_batch: i64,
}

impl GhostBatchNorm {
    /// γ = 1, β = 0.
    pub(crate) fn new(path: &Path, channels: i64, statistics_batch: i64) -> Self {
        Self {
            weight: path.ones("weight", &[channels]),
            bias: path.zeros("bias", &[channels]),
            running_mean: path.zeros_no_train("running_mean", &[channels]),
            running_variance: path.ones_no_train("running_var", &[channels]),
            statistics_batch,
        }
    }

    /// `[N, channels, height, width]` to the same.
    pub(crate) fn forward(&self, input: &Tensor, train: bool) -> Tensor {
        if !train || input.size()[0] <= self.statistics_batch {
            return self.normalize(input, train);
        }
        let ghosts = input.split(self.statistics_batch, 0);
        let outputs: Vec<Tensor> = ghosts
            .iter()
            .map(|ghost| self.normalize(ghost, true))
            .collect();
        Tensor::cat(&outputs, 0)
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
        let together = whole.forward(&input, true);
        let apart: Vec<Tensor> = [(0, 4), (4, 4)]
            .map(|(start, count)| part.forward(&input.narrow(0, start, count), true))
            .into();
        assert_eq!(together, Tensor::cat(&apart, 0));
        for (name, value) in whole_store.variables() {
            assert_eq!(value, part_store.variables()[&name], "{name}");
        }
        let (_store, coarse) = layer(8);
        assert_ne!(together, coarse.forward(&input, true));
    }

    #[test]
    fn evaluation_uses_the_running_averages() {
        let input = Tensor::from_slice(&[3f32, 5.0, 7.0]).view([1, 3, 1, 1]);
        let (_store, layer) = layer(2);
        // Means start at 0 and variances at 1.
        let output = layer.forward(&input, false);
        assert!((output - input).abs().max().double_value(&[]) < 1e-4);
    }
}
