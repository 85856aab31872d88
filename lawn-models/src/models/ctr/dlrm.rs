//! The deep learning recommendation model of Naumov et al. 2019, arXiv 1906.00091.

use lawn_core::Layer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::Path;

use super::CtrShape;
use super::embeddings::{Embeddings, EmbeddingsConfig, Tables};
use super::error::{
    CtrModelError, MOST_LAYERS, WIDEST, require, require_rate, require_width, require_widths,
};
use super::interaction::Interaction;
use super::mlp::{Mlp, MlpConfig};
use crate::models::Table;
use crate::models::layers::{Distribution, Initial, LayerNorm, behind};
use crate::models::model::{LookUps, Mode, Model};
use crate::models::ways::Ways;
use crate::random::{Purpose, stream};

/// Whose rules the initial values of a [`Dlrm`] follow.
///
/// | | embeddings | weights of the bottom | weights of the top | biases |
/// |---|---|---|---|---|
/// | `dlrm` | U(±1 / √rows) | N(0, 2 / (inputs + outputs)) | the same | N(0, 1 / outputs) |
/// | `algoperf` | U(0, 1 / √rows) | uniform, of the same variance | as above | the same |
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub enum DlrmInit {
    /// Those of the authors' code.
    #[default]
    Dlrm,
    /// Those of AlgoPerf's workload `criteo1tb`.
    Algoperf,
}

impl DlrmInit {
    fn table(self) -> fn(i64) -> Distribution {
        match self {
            Self::Dlrm => |rows| Distribution::Uniform {
                bound: (rows as f64).sqrt().recip(),
            },
            Self::Algoperf => |rows| Distribution::Positive {
                bound: (rows as f64).sqrt().recip(),
            },
        }
    }

    fn bottom(self) -> fn(i64, i64) -> Initial {
        match self {
            Self::Dlrm => Self::top,
            Self::Algoperf => |inputs, outputs| Initial {
                weight: Distribution::glorot(inputs, outputs),
                ..Self::top(inputs, outputs)
            },
        }
    }

    fn top(inputs: i64, outputs: i64) -> Initial {
        Initial {
            weight: Distribution::glorot_normal(inputs, outputs),
            bias: Distribution::Normal {
                deviation: (outputs as f64).sqrt().recip(),
            },
        }
    }
}

/// Settings of a [`Dlrm`].
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct DlrmConfig {
    /// Features that a row of a column is embedded in.
    #[schemars(range(min = 1, max = WIDEST))]
    pub width: i64,
    /// How the tables of the columns lie.
    pub tables: Tables,
    /// Widths of the layers that the dense features go through; the last is that of the
    /// embeddings where dot products are taken.
    #[schemars(length(max = MOST_LAYERS), inner(range(min = 1, max = WIDEST)))]
    pub bottom: Vec<i64>,
    /// What is made of both.
    pub interaction: Interaction,
    /// Widths of the layers before the one that gives the logit.
    #[schemars(length(max = MOST_LAYERS), inner(range(min = 1, max = WIDEST)))]
    pub top: Vec<i64>,
    /// Whether embeddings and hidden layers are normalized.
    pub layer_norm: bool,
    /// Whether hidden layers but the first add what comes into them.
    pub residual: bool,
    /// Rate of the dropout before the last layer.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// Whose rules the initial values follow.
    pub init: DlrmInit,
}

impl Default for DlrmConfig {
    /// That of MLPerf's benchmark DLRM: embeddings of 128, bottom 512-256-128, pairs without the
    /// diagonal, top 1024-1024-512-256.
    fn default() -> Self {
        Self {
            width: 128,
            tables: Tables::default(),
            bottom: vec![512, 256, 128],
            interaction: Interaction::default(),
            top: vec![1024, 1024, 512, 256],
            layer_norm: false,
            residual: false,
            dropout: 0.0,
            init: DlrmInit::default(),
        }
    }
}

/// AlgoPerf's nets for the workload `criteo1tb`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum DlrmSmallForm {
    /// DLRM-small.
    #[default]
    Plain,
    /// Embeddings and hidden layers normalized.
    LayerNorm,
    /// Residual layers on the concatenation.
    Residual,
}

/// Settings of AlgoPerf's DLRM-small and its variants: a [`Dlrm`] whose columns share one table.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct DlrmSmallConfig {
    /// Which of them.
    pub form: DlrmSmallForm,
    /// Rate of the dropout before the last layer.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout: f64,
}

impl DlrmSmallConfig {
    /// Its sizes.
    ///
    /// ```
    /// use lawn_models::models::ctr::{DlrmSmallConfig, Interaction};
    ///
    /// let config = DlrmSmallConfig::default().dlrm();
    /// assert_eq!(config.interaction, Interaction::DotDiagonal);
    /// ```
    pub fn dlrm(&self) -> DlrmConfig {
        let plain = DlrmConfig {
            tables: Tables::Shared,
            interaction: Interaction::DotDiagonal,
            layer_norm: self.form == DlrmSmallForm::LayerNorm,
            dropout: self.dropout,
            init: DlrmInit::Algoperf,
            ..DlrmConfig::default()
        };
        match self.form {
            DlrmSmallForm::Plain | DlrmSmallForm::LayerNorm => plain,
            DlrmSmallForm::Residual => DlrmConfig {
                bottom: vec![256; 3],
                interaction: Interaction::Concatenation,
                top: vec![256; 4],
                residual: true,
                ..plain
            },
        }
    }
}

impl DlrmConfig {
    pub(super) fn validate(&self) -> Result<(), CtrModelError> {
        require_width("width", self.width)?;
        require_widths("bottom", &self.bottom)?;
        require_widths("top", &self.top)?;
        require_rate("dropout", self.dropout)?;
        let fits = self.interaction == Interaction::Concatenation
            || self.bottom.last() == Some(&self.width);
        let found = format!("{:?}", self.bottom);
        require(
            fits,
            "bottom",
            found,
            "one that ends in `width`, for dot products",
        )?;
        let uneven = |widths: &[i64]| widths.windows(2).any(|pair| pair[0] != pair[1]);
        let added = !self.residual || !(uneven(&self.bottom) || uneven(&self.top));
        require(
            added,
            "residual",
            self.residual,
            "false where `bottom` or `top` has two widths",
        )
    }

    fn bottom(&self, shape: &CtrShape) -> MlpConfig {
        let widths = if shape.dense > 0 {
            &self.bottom[..]
        } else {
            &[]
        };
        MlpConfig {
            layer_norm: self.layer_norm,
            residual: self.residual,
            ..MlpConfig::new(shape.dense, widths, self.init.bottom())
        }
    }

    fn top(&self, shape: &CtrShape) -> MlpConfig {
        let (bottom, columns) = (self.bottom(shape).outputs(), shape.columns.len() as i64);
        let features = self.interaction.outputs(bottom, columns, self.width);
        let widths: Vec<i64> = self.top.iter().copied().chain([1]).collect();
        MlpConfig {
            ends_in_relu: false,
            layer_norm: self.layer_norm,
            residual: self.residual,
            dropout: self.dropout,
            dropout_once: true,
            ..MlpConfig::new(features, &widths, DlrmInit::top)
        }
    }

    pub(super) fn parameters(&self, shape: &CtrShape) -> i64 {
        let norm = if self.has_embedding_norm() {
            2 * self.width
        } else {
            0
        };
        let tables = self.tables.rows(&shape.columns) * self.width;
        tables + norm + self.bottom(shape).parameters() + self.top(shape).parameters()
    }

    fn has_embedding_norm(&self) -> bool {
        self.layer_norm && self.interaction != Interaction::Concatenation
    }
}

/// Dot products of embeddings and of the dense features' MLP, and an MLP on them.
///
/// ```text
/// x     = bottom(dense)                        [N, width]
/// logit = top(interaction(x, E_1[row_1], …, E_C[row_C]))
/// ```
/// See [`Interaction`], [`Mlp`] and [`Embeddings`] for their symbols and [`ctr`](super) for inputs
/// and logits. Without dense features there is no bottom.
///
/// Source: Naumov et al. 2019, arXiv 1906.00091, section 2; AlgoPerf's forms: mlcommons/
/// algorithmic-efficiency, workload `criteo1tb`. *Differs from* AlgoPerf's code in that row numbers
/// are taken as they are, not modulo the rows, and from its JAX form in that the residual form is
/// never normalized.
///
/// ```
/// use lawn_models::models::ctr::{Dlrm, DlrmConfig};
/// use lawn_models::models::{CtrShape, Mode, Model};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let shape = CtrShape { dense: 2, columns: vec![3, 5], ..CtrShape::default() };
/// let config = DlrmConfig { width: 16, bottom: vec![32, 16], top: vec![32], ..DlrmConfig::default() };
/// let net = Dlrm::new(&store.root(), &config, &shape, 0);
/// let dense = Tensor::zeros([7, 2], (Kind::Float, Device::Cpu));
/// let rows = Tensor::zeros([7, 2], (Kind::Int64, Device::Cpu));
/// assert_eq!(net.forward(&[dense, rows], Mode::Evaluate).size(), [7]);
/// ```
#[derive(Debug)]
pub struct Dlrm {
    embeddings: Embeddings,
    norm: Option<LayerNorm>,
    bottom: Mlp,
    interaction: Interaction,
    top: Mlp,
}

impl Dlrm {
    /// Makes its variables under `path`; `seed` alone decides their values, and what is dropped
    /// in training.
    pub fn new(path: &Path, config: &DlrmConfig, shape: &CtrShape, seed: u64) -> Self {
        let mut rng = stream(seed, Purpose::Weights, 0);
        let rng = &mut rng;
        let embedding = path / "embedding";
        let tables = EmbeddingsConfig {
            width: config.width,
            tables: config.tables,
            initial: config.init.table(),
        };
        Self {
            embeddings: Embeddings::new(&embedding, shape, &tables, rng),
            norm: (config.has_embedding_norm())
                .then(|| LayerNorm::new(&(embedding / "norm"), config.width)),
            bottom: Mlp::new(&(path / "bottom"), &config.bottom(shape), seed, rng),
            interaction: config.interaction,
            top: Mlp::new(&(path / "top"), &config.top(shape), seed, rng),
        }
    }
}

impl Model for Dlrm {
    fn forward(&self, inputs: &[Tensor], mode: Mode) -> Tensor {
        let has_dense = inputs[0].size()[1] > 0;
        let bottom = has_dense.then(|| self.bottom.forward(inputs[0].shallow_clone(), mode));
        let first = bottom.as_ref();
        let features = match (self.interaction, &self.norm) {
            (Interaction::Concatenation, _) => {
                let embedded = self.embeddings.forward(&inputs[1]).flatten(1, 2);
                first.map_or_else(
                    || embedded.shallow_clone(),
                    |first| Tensor::cat(&[first, &embedded], 1),
                )
            }
            (products, None) => {
                let vectors = self.embeddings.forward_behind(first, &inputs[1]);
                products.pairs(&vectors, has_dense)
            }
            (products, Some(norm)) => {
                let embedded = norm.forward(&self.embeddings.forward(&inputs[1]));
                products.pairs(&behind(first, &embedded), has_dense)
            }
        };
        self.top.forward(features, mode).squeeze_dim(1)
    }

    fn look_ups(&self, inputs: &[Tensor]) -> Vec<LookUps> {
        self.embeddings.look_ups(&inputs[1])
    }

    fn tables(&self) -> Vec<&Table> {
        self.embeddings.tables()
    }

    fn layers(&self) -> Vec<Layer> {
        let first = [self.embeddings.layer()].into_iter();
        let norm = self.norm.as_ref().map(LayerNorm::layer);
        let embedded = first.chain(norm).collect();
        let inputs = Ways::default().part([embedded, self.bottom.layers()]);
        inputs.then(self.top.layers()).layers()
    }
}
