//! The deep and cross network of Wang et al. 2020, arXiv 2008.13535.

use lawn_core::Layer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::Path;

use super::CtrShape;
use super::cross::Cross;
use super::embeddings::{Embeddings, EmbeddingsConfig, Tables};
use super::error::{
    CtrModelError, MOST_LAYERS, WIDEST, require, require_rate, require_width, require_widths,
};
use super::mlp::{Mlp, MlpConfig};
use crate::models::Table;
use crate::models::layers::{Distribution, Initial, Linear};
use crate::models::model::{LookUps, Mode, Model};
use crate::models::ways::Ways;
use crate::random::{Purpose, stream};

/// Where the deep part of a [`DcnV2`] stands.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub enum DcnStructure {
    /// Behind the crossing.
    #[default]
    Stacked,
    /// Beside it.
    Parallel,
}

/// Settings of a [`DcnV2`].
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct DcnV2Config {
    /// Features that a row of a column is embedded in.
    #[schemars(range(min = 1, max = WIDEST))]
    pub width: i64,
    /// How the tables of the columns lie.
    pub tables: Tables,
    /// Widths of layers that the dense features go through first; none where it is empty.
    #[schemars(length(max = MOST_LAYERS), inner(range(min = 1, max = WIDEST)))]
    pub bottom: Vec<i64>,
    /// Cross layers.
    #[schemars(range(min = 1, max = 64))]
    pub cross_layers: u32,
    /// Rank of the matrices of the cross layers, up to the number of features that are crossed; full
    /// where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = WIDEST))]
    pub rank: Option<i64>,
    /// Where the deep part stands.
    pub structure: DcnStructure,
    /// Widths of the deep part; none where it is empty.
    #[schemars(length(max = MOST_LAYERS), inner(range(min = 1, max = WIDEST)))]
    pub layers: Vec<i64>,
    /// Rate of the dropout after each of its layers.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout: f64,
}

impl Default for DcnV2Config {
    /// Embeddings of 16, three full cross layers, 1024-512-256 behind them.
    fn default() -> Self {
        Self {
            width: 16,
            tables: Tables::default(),
            bottom: Vec::new(),
            cross_layers: 3,
            rank: None,
            structure: DcnStructure::default(),
            layers: vec![1024, 512, 256],
            dropout: 0.0,
        }
    }
}

impl DcnV2Config {
    /// That of MLPerf's benchmark DLRM-DCNv2: embeddings of 128, dense features through
    /// 512-256-128, three cross layers of rank 512, 1024-1024-512-256 behind them.
    pub fn mlperf() -> Self {
        Self {
            width: 128,
            tables: Tables::Separate,
            bottom: vec![512, 256, 128],
            rank: Some(512),
            layers: vec![1024, 1024, 512, 256],
            ..Self::default()
        }
    }

    pub(super) fn validate(&self) -> Result<(), CtrModelError> {
        require_width("width", self.width)?;
        require_widths("bottom", &self.bottom)?;
        let allowed = (1..=64).contains(&self.cross_layers);
        require(allowed, "cross_layers", self.cross_layers, "1 to 64")?;
        self.rank
            .map_or(Ok(()), |rank| require_width("rank", rank))?;
        require_widths("layers", &self.layers)?;
        require_rate("dropout", self.dropout)
    }

    /// Refuses a rank that no matrix of the cross layers can have.
    pub(super) fn require(&self, shape: &CtrShape) -> Result<(), CtrModelError> {
        let features = self.features(shape);
        let Some(rank) = self.rank.filter(|&rank| rank > features) else {
            return Ok(());
        };
        let found = format!("{rank}, of {features} features that are crossed");
        let allowed = "up to their number, or none for full matrices";
        require(false, "rank", found, allowed)
    }

    fn bottom(&self, shape: &CtrShape) -> MlpConfig {
        let widths = if shape.dense > 0 {
            &self.bottom[..]
        } else {
            &[]
        };
        MlpConfig::new(shape.dense, widths, |inputs, _| Initial::pytorch(inputs))
    }

    /// Features that are crossed.
    fn features(&self, shape: &CtrShape) -> i64 {
        self.bottom(shape).outputs() + shape.columns.len() as i64 * self.width
    }

    fn deep(&self, shape: &CtrShape) -> MlpConfig {
        let initial: fn(i64, i64) -> Initial = |inputs, _| Initial::pytorch(inputs);
        MlpConfig {
            dropout: self.dropout,
            ..MlpConfig::new(self.features(shape), &self.layers, initial)
        }
    }

    /// Features before the last layer.
    fn last(&self, shape: &CtrShape) -> i64 {
        let deep = self.deep(shape).outputs();
        match self.structure {
            DcnStructure::Parallel if !self.layers.is_empty() => deep + self.features(shape),
            _ => deep,
        }
    }

    pub(super) fn parameters(&self, shape: &CtrShape) -> i64 {
        self.tables.rows(&shape.columns) * self.width
            + self.bottom(shape).parameters()
            + Cross::parameters(self.features(shape), self.cross_layers, self.rank)
            + self.deep(shape).parameters()
            + self.last(shape)
            + 1
    }
}

/// Embeddings and dense features, crossed explicitly, and an MLP.
///
/// ```text
/// x₀       = [bottom(dense), E_1[row_1], …, E_C[row_C]]
/// stacked    logit = ⟨w, deep(cross(x₀))⟩ + c
/// parallel   logit = ⟨w, [cross(x₀), deep(x₀)]⟩ + c
/// ```
/// See [`Cross`] and [`Embeddings`] for the symbols and [`ctr`](super) for inputs and logits.
///
/// Source: Wang et al. 2020, arXiv 2008.13535, section 3. Initial values are TorchRec's:
/// U(±1 / √rows) embeddings, Glorot-normal cross layers, PyTorch's U(±1 / √inputs) elsewhere.
///
/// ```
/// use lawn_models::models::ctr::{DcnStructure, DcnV2, DcnV2Config};
/// use lawn_models::models::{CtrShape, Mode, Model};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let shape = CtrShape { dense: 2, columns: vec![3, 5], ..CtrShape::default() };
/// let config = DcnV2Config {
///     rank: Some(4),
///     structure: DcnStructure::Parallel,
///     layers: vec![32, 16],
///     ..DcnV2Config::default()
/// };
/// let net = DcnV2::new(&store.root(), &config, &shape, 0);
/// let dense = Tensor::zeros([7, 2], (Kind::Float, Device::Cpu));
/// let rows = Tensor::zeros([7, 2], (Kind::Int64, Device::Cpu));
/// assert_eq!(net.forward(&[dense, rows], Mode::Evaluate).size(), [7]);
/// ```
#[derive(Debug)]
pub struct DcnV2 {
    embeddings: Embeddings,
    bottom: Mlp,
    cross: Cross,
    deep: Mlp,
    output: Linear,
    /// Whether what was crossed goes around the deep part.
    parallel: bool,
}

impl DcnV2 {
    /// Makes its variables under `path`; `seed` alone decides their values, and what is dropped
    /// in training.
    pub fn new(path: &Path, config: &DcnV2Config, shape: &CtrShape, seed: u64) -> Self {
        let mut rng = stream(seed, Purpose::Weights, 0);
        let rng = &mut rng;
        let tables = EmbeddingsConfig {
            width: config.width,
            tables: config.tables,
            initial: |rows| Distribution::Uniform {
                bound: (rows as f64).sqrt().recip(),
            },
        };
        let features = config.features(shape);
        Self {
            embeddings: Embeddings::new(&(path / "embedding"), shape, &tables, rng),
            bottom: Mlp::new(&(path / "bottom"), &config.bottom(shape), seed, rng),
            cross: Cross::new(
                &(path / "cross"),
                features,
                config.cross_layers,
                config.rank,
                rng,
            ),
            deep: Mlp::new(&(path / "deep"), &config.deep(shape), seed, rng),
            output: {
                let last = config.last(shape);
                Linear::drawn(&(path / "output"), [last, 1], Initial::pytorch(last), rng)
            },
            parallel: config.structure == DcnStructure::Parallel && !config.layers.is_empty(),
        }
    }
}

impl Model for DcnV2 {
    fn forward(&self, inputs: &[Tensor], mode: Mode) -> Tensor {
        let dense = self.bottom.forward(inputs[0].shallow_clone(), mode);
        let embedded = self.embeddings.forward(&inputs[1]).flatten(1, 2);
        let features = Tensor::cat(&[dense, embedded], 1);
        let crossed = self.cross.forward(&features);
        let last = if self.parallel {
            Tensor::cat(&[crossed, self.deep.forward(features, mode)], 1)
        } else {
            self.deep.forward(crossed, mode)
        };
        self.output.forward(&last).squeeze_dim(1)
    }

    fn look_ups(&self, inputs: &[Tensor]) -> Vec<LookUps> {
        self.embeddings.look_ups(&inputs[1])
    }

    fn tables(&self) -> Vec<&Table> {
        self.embeddings.tables()
    }

    fn layers(&self) -> Vec<Layer> {
        let embedded = vec![self.embeddings.layer()];
        let inputs = Ways::default().part([embedded, self.bottom.layers()]);
        let (cross, deep) = (self.cross.layers(), self.deep.layers());
        let features = match self.parallel {
            true => inputs.part([cross, deep]),
            false => inputs.then(cross).then(deep),
        };
        features.then([self.output.layer()]).layers()
    }
}
