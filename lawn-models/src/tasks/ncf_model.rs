//! What the nets of the kind `ncf` are called in a sweep file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::models::NcfModelKind;

/// Greatest width of a layer or an embedding: beyond it, something is mistyped.
pub(super) const MOST_WIDTH: i64 = 1 << 24;

/// In a schema: a model without a tower, which `layers` says nothing of.
pub(super) fn has_no_tower() -> Value {
    let models = json!({ "enum": [NcfModel::Gmf, NcfModel::Mf] });
    json!({ "required": ["model"], "properties": { "model": models } })
}

/// In a schema: what the widths of a tower may be.
pub(super) fn widths_of_tower() -> Value {
    let width = json!({ "minimum": 1, "maximum": MOST_WIDTH });
    json!({ "properties": { "layers": { "minItems": 2, "items": width } } })
}

/// A net for implicit feedback.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum NcfModel {
    /// Generalized matrix factorization, He et al. 2017, section 3.2.
    Gmf,
    /// Multi-layer perceptron, section 3.3.
    Mlp,
    /// Both with one output layer, section 3.4.
    Neumf,
    /// Matrix factorization with biases, Rendle et al. 2020.
    Mf,
}

impl NcfModel {
    /// Whether it has the MLP tower, whose widths are `layers`.
    pub(super) fn has_tower(self) -> bool {
        matches!(self, Self::Mlp | Self::Neumf)
    }

    /// The net of He et al., if it is one.
    pub(super) fn of_he(self) -> Option<NcfModelKind> {
        match self {
            Self::Gmf => Some(NcfModelKind::Gmf),
            Self::Mlp => Some(NcfModelKind::Mlp),
            Self::Neumf => Some(NcfModelKind::Neumf),
            Self::Mf => None,
        }
    }
}

/// Weights that NeuMF begins with: those of a GMF and an MLP that were trained by themselves (He
/// et al. 2017, section 3.4.1).
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Pretrained {
    /// The GMF's, a safetensors file under the data root, such as the `model.safetensors` of a
    /// confirmation.
    pub gmf: PathBuf,
    /// The MLP's.
    pub mlp: PathBuf,
    /// The part of the output that is the GMF's, α.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 1))]
    pub alpha: f64,
}

fn half() -> f64 {
    0.5
}
