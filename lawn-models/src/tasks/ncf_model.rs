//! The nets that the kind `ncf` trains, and what they begin with.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::nn::VarStore;

use super::ncf::NcfConfig;
use crate::data::DataError;
use crate::models::{
    MatrixFactorization, MatrixFactorizationConfig, Model, NcfModelKind, NeuMf, NeuMfConfig,
    join_pretrained,
};
use crate::trial::{SettingsError, require};

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
    fn of_he(self) -> Option<NcfModelKind> {
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

/// Checks the sizes of a net, and that nothing is given that it does not have.
pub(super) fn validate(config: &NcfConfig) -> Result<(), SettingsError> {
    let width = |width: i64| (1..=MOST_WIDTH).contains(&width);
    let widths = format!("1 to {MOST_WIDTH}");
    require(width(config.factors), "factors", config.factors, &widths)?;
    let has_tower = config.model.has_tower();
    if has_tower {
        let listed = format!("{:?}", config.layers);
        let sound = config.layers.len() >= 2 && config.layers.iter().all(|&one| width(one));
        let allowed = format!("two or more widths of {widths}");
        require(sound, "layers", &listed, &allowed)?;
        require(
            config.layers[0] % 2 == 0,
            "layers",
            &listed,
            "an even first width, half of it for each embedding",
        )?;
    }
    require(
        (0.0..1.0).contains(&config.dropout),
        "dropout",
        config.dropout,
        "at least 0 and below 1",
    )?;
    let only = |applies: bool, setting: &str, allowed: &str| {
        if applies {
            return Ok(());
        }
        Err(SettingsError::NotApplicable {
            setting: setting.to_owned(),
            context: format!("model = \"{:?}\"", config.model).to_lowercase(),
            allowed: allowed.to_owned(),
        })
    };
    let tower = "leave it out, or set model = \"neumf\" or \"mlp\"";
    only(has_tower || config.dropout == 0.0, "dropout", tower)?;
    if let Some(Pretrained { alpha, .. }) = config.pretrained {
        let is_neumf = config.model == NcfModel::Neumf;
        only(
            is_neumf,
            "pretrained",
            "leave it out, or set model = \"neumf\"",
        )?;
        require(
            (0.0..=1.0).contains(&alpha),
            "pretrained.alpha",
            alpha,
            "0 to 1",
        )?;
    }
    Ok(())
}

/// Makes the net in `store`, with the weights that it begins with.
///
/// # Errors
/// [`DataError::Unusable`] for weights that are not those of such nets.
pub(super) fn assemble(
    config: &NcfConfig,
    store: &VarStore,
    [users, items]: [i64; 2],
    data_root: Option<&Path>,
    seed: u64,
) -> Result<Box<dyn Model>, DataError> {
    let NcfConfig { factors, .. } = *config;
    let Some(model) = config.model.of_he() else {
        let config = MatrixFactorizationConfig {
            users,
            items,
            factors,
        };
        return Ok(Box::new(MatrixFactorization::new(
            &store.root(),
            &config,
            seed,
        )));
    };
    let sizes = NeuMfConfig {
        model,
        users,
        items,
        factors,
        layers: config.layers.clone(),
        dropout: config.dropout,
    };
    let net = NeuMf::new(&store.root(), &sizes, seed);
    if let Some(Pretrained { gmf, mlp, alpha }) = &config.pretrained {
        let root = data_root.unwrap_or(Path::new(""));
        let [gmf, mlp] = [gmf, mlp].map(|path| root.join(path));
        join_pretrained(store, &sizes, [&gmf, &mlp], *alpha).map_err(|error| {
            let expected =
                format!("weights of a GMF and of an MLP for {users} users and {items} items");
            DataError::unusable(&gmf, error.to_string(), expected)
        })?;
    }
    Ok(Box::new(net))
}
