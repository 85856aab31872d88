use tch::Tensor;
use tch::nn::VarStore;

/// How tensors with channels lie in memory. Their dimensions are named in the same order.
///
/// libtorch's convolutions take the layout of their inputs and weights, and give it to their
/// results. Channels last is the faster one in half precision.
///
/// ```
/// use lawn_models::models::Layout;
/// use tch::{Device, Kind, Tensor};
///
/// let images = Tensor::zeros([2, 3, 8, 8], (Kind::Float, Device::Cpu));
/// assert_eq!(Layout::ChannelsLast.lay(&images).stride(), [192, 1, 24, 3]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[samples, channels, height, width]`, the last dimension closest.
    Contiguous,
    /// The channels closest, then the width.
    ChannelsLast,
}

impl Layout {
    /// The same values in this layout; what has not four dimensions stays as it is.
    pub fn lay(self, tensor: &Tensor) -> Tensor {
        match self {
            _ if tensor.dim() != 4 => tensor.shallow_clone(),
            Self::Contiguous => tensor.contiguous(),
            Self::ChannelsLast => tensor
                .permute([0, 2, 3, 1])
                .contiguous()
                .permute([0, 3, 1, 2]),
        }
    }

    /// Lays the weights of a model so. Before an optimizer is built of them: it keeps moments
    /// that lie as their weights do.
    pub fn lay_weights(self, store: &VarStore) {
        for mut variable in store.variables().into_values() {
            if variable.dim() == 4 {
                let laid = self.lay(&variable.detach());
                variable.set_data(&laid);
            }
        }
    }
}
