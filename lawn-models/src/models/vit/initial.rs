//! What the parameters of a vision transformer begin with.

use super::config::{VitConfig, VitForm};
use crate::models::init::Init;
use crate::models::layers::{ConvSizes, Distribution, Initial};

/// Standard deviation of what is learned from small values.
const SMALL: Distribution = Distribution::Normal { deviation: 0.02 };

/// Values so near to 0 that they only tell one feature from another.
const TINY: Distribution = Distribution::Normal { deviation: 1e-6 };

impl VitConfig {
    pub(super) fn initial_patch(&self, sizes: ConvSizes) -> Initial {
        let inputs = sizes.fan_in();
        let deviation = (1.0 / inputs as f64).sqrt();
        match self.init {
            Init::Torchvision => Initial::unbiased(Distribution::Normal { deviation }),
            Init::Timm => Initial::pytorch(inputs),
            Init::Paper => Initial::unbiased(Distribution::TruncatedNormal { deviation }),
            Init::Zeros => Initial::unbiased(Distribution::ZERO),
        }
    }

    pub(super) fn initial_class_token(&self) -> Distribution {
        match self.init {
            Init::Timm => TINY,
            Init::Torchvision | Init::Paper | Init::Zeros => Distribution::ZERO,
        }
    }

    pub(super) fn initial_positions(&self) -> Distribution {
        match self.init {
            Init::Zeros => Distribution::ZERO,
            Init::Torchvision | Init::Timm | Init::Paper => SMALL,
        }
    }

    /// Of queries, keys and values.
    pub(super) fn initial_projections(&self) -> Initial {
        let fused = self.form != VitForm::AlgoPerf;
        Initial::unbiased(match self.init {
            // PyTorch takes the three matrices for one.
            Init::Torchvision if fused => Distribution::glorot(self.width, 3 * self.width),
            Init::Torchvision | Init::Paper => Distribution::glorot(self.width, self.width),
            Init::Timm => SMALL,
            Init::Zeros => Distribution::ZERO,
        })
    }

    /// Of what the attention ends with.
    pub(super) fn initial_output(&self) -> Initial {
        Initial::unbiased(match self.init {
            Init::Torchvision => Initial::pytorch(self.width).weight,
            Init::Timm => SMALL,
            Init::Paper => Distribution::glorot(self.width, self.width),
            Init::Zeros => Distribution::ZERO,
        })
    }

    /// Of either layer of a perceptron.
    pub(super) fn initial_perceptron(&self) -> Initial {
        match self.init {
            Init::Torchvision | Init::Paper => Initial {
                weight: Distribution::glorot(self.width, self.hidden),
                bias: TINY,
            },
            Init::Timm => Initial::unbiased(SMALL),
            Init::Zeros => Initial::unbiased(Distribution::ZERO),
        }
    }

    /// Of the layer before the head.
    pub(super) fn initial_pre_logits(&self) -> Initial {
        let deviation = (1.0 / self.width as f64).sqrt();
        Initial::unbiased(match self.init {
            Init::Torchvision => Distribution::Normal { deviation },
            Init::Timm => SMALL,
            Init::Paper => Distribution::TruncatedNormal { deviation },
            Init::Zeros => Distribution::ZERO,
        })
    }

    pub(super) fn initial_head(&self) -> Initial {
        Initial::unbiased(match self.init {
            Init::Timm => SMALL,
            Init::Torchvision | Init::Paper | Init::Zeros => Distribution::ZERO,
        })
    }
}
