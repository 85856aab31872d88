//! The nets that the kind `ncf` trains, and what they begin with.

use std::path::Path;

use tch::nn::VarStore;

use super::ncf_config::NcfConfig;
use super::ncf_model::{MOST_WIDTH, NcfModel, Pretrained};
use crate::data::DataError;
use crate::models::{
    MatrixFactorization, MatrixFactorizationConfig, Model, NeuMf, NeuMfConfig, join_pretrained,
};
use crate::trial::{SettingsError, require};

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
        if config.init_from.is_some() {
            return Err(SettingsError::NotApplicable {
                setting: "init_from".to_owned(),
                context: "`pretrained`, which says what the net begins with".to_owned(),
                allowed: "leave one of them out".to_owned(),
            });
        }
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
