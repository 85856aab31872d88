use lawn_core::Layer;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::Path;

use super::CtrShape;
use super::embeddings::{Embeddings, EmbeddingsConfig, Tables};
use super::error::{
    CtrModelError, MOST_LAYERS, WIDEST, require_rate, require_width, require_widths,
};
use super::first_order::FirstOrder;
use super::mlp::{Mlp, MlpConfig};
use crate::models::Table;
use crate::models::layers::{Distribution, Initial};
use crate::models::model::{LookUps, Mode};

/// Settings of [`DeepFm`](super::DeepFm) and [`WideDeep`](super::WideDeep).
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct DeepConfig {
    /// Features that a row of a column is embedded in.
    #[schemars(range(min = 1, max = WIDEST))]
    pub width: i64,
    /// How the tables of the columns lie.
    pub tables: Tables,
    /// Widths of the deep part.
    #[schemars(length(max = MOST_LAYERS), inner(range(min = 1, max = WIDEST)))]
    pub layers: Vec<i64>,
    /// Rate of the dropout after each of its layers.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout: f64,
}

impl Default for DeepConfig {
    /// Embeddings of 10 and 400-400-400 without dropout: those of Zheng et al. 2022, arXiv
    /// 2204.06240, and of many comparisons before.
    fn default() -> Self {
        Self {
            width: 10,
            tables: Tables::default(),
            layers: vec![400, 400, 400],
            dropout: 0.0,
        }
    }
}

impl DeepConfig {
    pub(super) fn validate(&self) -> Result<(), CtrModelError> {
        require_width("width", self.width)?;
        require_widths("layers", &self.layers)?;
        require_rate("dropout", self.dropout)
    }

    fn mlp(&self, shape: &CtrShape) -> MlpConfig {
        let initial: fn(i64, i64) -> Initial =
            |inputs, outputs| Initial::unbiased(Distribution::glorot_normal(inputs, outputs));
        MlpConfig {
            dropout: self.dropout,
            ..MlpConfig::new(shape.width(self.width), &self.layers, initial)
        }
    }

    pub(super) fn parameters(&self, shape: &CtrShape) -> i64 {
        let mlp = self.mlp(shape);
        let tables = self.tables.rows(&shape.columns) * self.width;
        FirstOrder::parameters(shape, self.tables) + tables + mlp.parameters() + mlp.outputs()
    }
}

/// Embeddings, an MLP on them and on the dense features, and its weights of the logit.
#[derive(Debug)]
pub(super) struct DeepPart {
    embeddings: Embeddings,
    mlp: Mlp,
    /// `[1, features]`; the bias is that of the linear part.
    output: Tensor,
    output_name: String,
}

impl DeepPart {
    pub(super) fn new(
        path: &Path,
        config: &DeepConfig,
        shape: &CtrShape,
        seed: u64,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let tables = EmbeddingsConfig {
            width: config.width,
            tables: config.tables,
            initial: |_| Distribution::Normal { deviation: 0.01 },
        };
        let mlp = config.mlp(shape);
        let features = mlp.outputs();
        let output = path / "output";
        Self {
            embeddings: Embeddings::new(&(path / "embedding"), shape, &tables, rng),
            mlp: Mlp::new(&(path / "deep"), &mlp, seed, rng),
            output: {
                let initial = Distribution::glorot_normal(features, 1);
                output.var_copy("weight", &initial.draw(&[1, features], rng))
            },
            output_name: output.path("weight"),
        }
    }

    /// `[N, C]` to `[N, C, width]`.
    pub(super) fn embed(&self, rows: &Tensor) -> Tensor {
        self.embeddings.forward(rows)
    }

    /// Which rows of which table that looks up.
    pub(super) fn look_ups(&self, rows: &Tensor) -> Vec<LookUps> {
        self.embeddings.look_ups(rows)
    }

    /// The tables of these, in their order.
    pub(super) fn tables(&self) -> Vec<&Table> {
        self.embeddings.tables()
    }

    /// Dense features `[N, D]` and embedded ones `[N, C, width]` to `[N]`.
    pub(super) fn forward(&self, dense: &Tensor, embedded: &Tensor, mode: Mode) -> Tensor {
        let features = Tensor::cat(&[&embedded.flatten(1, 2), dense], 1);
        let features = self.mlp.forward(features, mode);
        features
            .linear::<&Tensor>(&self.output, None)
            .squeeze_dim(1)
    }

    pub(super) fn layers(&self) -> impl Iterator<Item = Layer> {
        let first = [self.embeddings.layer()].into_iter();
        let last = [Layer::homogeneous([&self.output_name])];
        first.chain(self.mlp.layers()).chain(last)
    }
}

/// The part of second order of a factorization machine: `[N, C, width]` to `[N]`.
///
/// ```text
/// Σ_{c < d} ⟨e_c, e_d⟩ = ½ Σ_k ((Σ_c e_ck)² − Σ_c e_ck²)
/// ```
pub(super) fn pairs(embedded: &Tensor) -> Tensor {
    let sum = embedded.sum_dim_intlist(1i64, false, None);
    let squares = embedded
        .square()
        .sum_dim_intlist([1i64, 2].as_slice(), false, None);
    (sum.square().sum_dim_intlist(1i64, false, None) - squares) * 0.5
}
