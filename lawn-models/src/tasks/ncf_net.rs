//! The nets that the kind `ncf` trains, and what they begin with.

use std::path::Path;

use tch::Tensor;
use tch::nn::VarStore;

use super::kind::Surroundings;
use super::ncf_config::NcfConfig;
use super::ncf_model::{MOST_WIDTH, NcfModel, Pretrained};
use super::task::{Net, TableRows};
use crate::data::DataError;
use crate::device::require_room;
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
    let defaults = NcfConfig::default();
    let gmf = "leave it out, or set model = \"neumf\", \"gmf\" or \"mf\"";
    let has_factors = config.model != NcfModel::Mlp;
    only(
        has_factors || config.factors == defaults.factors,
        "factors",
        gmf,
    )?;
    let tower = "leave it out, or set model = \"neumf\" or \"mlp\"";
    only(
        has_tower || config.layers == defaults.layers,
        "layers",
        tower,
    )?;
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

/// Elements of the tables of all users and items, and those that making them takes beside.
fn room(config: &NcfConfig, [users, items]: [i64; 2]) -> i64 {
    let factors = (config.model != NcfModel::Mlp).then_some(config.factors);
    let tower = (config.model.has_tower()).then(|| config.layers[0] / 2);
    let width = factors.unwrap_or(0) + tower.unwrap_or(0);
    // A table is drawn beside its variable.
    let widest = factors.max(tower).unwrap_or(0);
    (users + items)
        .saturating_mul(width)
        .saturating_add(users.max(items).saturating_mul(widest))
}

/// The rows of each table in `store`, of so many users and items.
fn rows(store: &VarStore, [users, items]: [i64; 2]) -> TableRows {
    let named = store.variables().into_keys().filter_map(|name| {
        let (_, own) = name.rsplit_once('.')?;
        let rows = match own.split_once('_')?.0 {
            "user" => users,
            "item" => items,
            _ => return None,
        };
        Some((name, rows))
    });
    named.collect()
}

/// Of which net a file has the weights, where that can be told.
fn what_it_holds(path: &Path) -> Option<&'static str> {
    let named = Tensor::read_safetensors(path).ok()?;
    let has = |part: &str| named.iter().any(|(name, _)| name.starts_with(part));
    match [has("gmf."), has("mlp."), has("mf.")] {
        [true, true, false] => Some("a NeuMF"),
        [true, false, false] => Some("a GMF"),
        [false, true, false] => Some("an MLP"),
        [false, false, true] => Some("a matrix factorization"),
        _ => None,
    }
}

/// Makes the net for so many users and items, with the weights that it begins with; of its tables those
/// rows that are asked for.
///
/// # Errors
/// [`DataError::Unusable`] for weights that are not those of such nets, [`DataError::NoRoom`].
pub(super) fn assemble(
    config: &NcfConfig,
    sizes: [i64; 2],
    surroundings: Surroundings<'_>,
) -> Result<Net, DataError> {
    let store = VarStore::new(surroundings.device);
    // Ranks have whole tables.
    let part = surroundings.part.whole_or_few();
    let own = sizes.map(|rows| part.rows_of(rows));
    require_room(room(config, own), store.device()).map_err(DataError::NoRoom)?;
    let model = model(config, &store, own, &surroundings)?;
    let rows = match part.is_few() {
        true => rows(&store, sizes),
        false => TableRows::new(),
    };
    Ok(Net { store, model, rows })
}

/// The model with tables of so many rows, in `store`.
fn model(
    config: &NcfConfig,
    store: &VarStore,
    [users, items]: [i64; 2],
    surroundings: &Surroundings<'_>,
) -> Result<Box<dyn Model>, DataError> {
    let (factors, seed) = (config.factors, surroundings.seed);
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
        let root = surroundings.data_root.unwrap_or(Path::new(""));
        let [gmf, mlp] = [gmf, mlp].map(|path| root.join(path));
        join_pretrained(store, &sizes, [&gmf, &mlp], *alpha).map_err(|error| {
            let is_of_mlp = error.path() == mlp;
            let held = [&gmf, &mlp].map(|path| what_it_holds(path));
            let swapped = match held {
                [Some("an MLP"), Some("a GMF")] => "; the two are swapped",
                _ => "",
            };
            let own = |place: usize, key: &str| match held[place] {
                Some(net) => format!("; pretrained.{key} names the weights of {net}"),
                None => String::new(),
            };
            let found = format!("{error}{}{}", own(0, "gmf"), own(1, "mlp"));
            let expected = format!(
                "the weights of a GMF in pretrained.gmf and of an MLP in pretrained.mlp, for {users} \
                 users and {items} items{swapped}"
            );
            let path = if is_of_mlp { &mlp } else { &gmf };
            DataError::unusable(path, found, expected)
        })?;
    }
    Ok(Box::new(net))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{NcfModelKind, TablePart, save_weights};
    use tch::Device;

    #[test]
    fn sizes_that_a_net_does_not_have_are_refused_evenly() {
        let with = |model, factors, layers: &[i64]| {
            let config = NcfConfig {
                model,
                factors,
                layers: layers.to_vec(),
                ..NcfConfig::default()
            };
            validate(&config)
        };
        let NcfConfig {
            factors, layers, ..
        } = NcfConfig::default();
        for (model, wrong_factors, wrong_layers) in [
            (NcfModel::Mlp, true, false),
            (NcfModel::Gmf, false, true),
            (NcfModel::Mf, false, true),
            (NcfModel::Neumf, false, false),
        ] {
            with(model, factors, &layers).unwrap();
            let refused = [
                with(model, 2 * factors, &layers),
                with(model, factors, &[32, 16]),
            ];
            for ((refused, is_wrong), setting) in refused
                .into_iter()
                .zip([wrong_factors, wrong_layers])
                .zip(["factors", "layers"])
            {
                let found = refused.err().map(|error| error.setting().to_owned());
                assert_eq!(found, is_wrong.then(|| setting.to_owned()), "{model:?}");
            }
        }
    }

    #[test]
    fn files_of_parts_that_are_swapped_are_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let [gmf, mlp] = [NcfModelKind::Gmf, NcfModelKind::Mlp].map(|model| {
            let store = VarStore::new(Device::Cpu);
            let sizes = NeuMfConfig {
                model,
                ..NeuMfConfig::new(5, 7)
            };
            NeuMf::new(&store.root(), &sizes, 0);
            let path = folder.path().join(format!("{model:?}.safetensors"));
            save_weights(&store, &path).unwrap();
            path
        });
        let of = |gmf: &Path, mlp: &Path, users| {
            let config = NcfConfig {
                model: NcfModel::Neumf,
                pretrained: Some(Pretrained {
                    gmf: gmf.to_owned(),
                    mlp: mlp.to_owned(),
                    alpha: 0.5,
                }),
                ..NcfConfig::default()
            };
            let surroundings = Surroundings::without_data(TablePart::default());
            let made = assemble(&config, [users, 7], surroundings);
            made.map(drop).map_err(|error| error.to_string())
        };
        of(&gmf, &mlp, 5).unwrap();
        let said = of(&mlp, &gmf, 5).unwrap_err();
        for part in [
            "pretrained.gmf names the weights of an MLP",
            "pretrained.mlp names the weights of a GMF",
            "the two are swapped",
        ] {
            assert!(said.contains(part), "{said}");
        }
        let said = of(&gmf, &gmf, 5).unwrap_err();
        assert!(
            said.contains("pretrained.mlp names the weights of a GMF") && !said.contains("swapped"),
            "{said}"
        );
        assert!(of(&gmf, &mlp, 6).unwrap_err().contains("for 6 users"));
    }
}
