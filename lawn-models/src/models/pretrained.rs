//! NeuMF that begins with what GMF and MLP have learned.

use std::path::Path;

use tch::nn::VarStore;
use tch::{Device, Tensor};

use super::neumf::{NcfModelKind, NeuMf, NeuMfConfig};
use super::weights::{WeightsError, load_weights};

/// Fills the variables of a NeuMF from the weights of a GMF and an MLP of the same sizes.
///
/// ```text
/// output.weight = [α w_GMF, (1 − α) w_MLP],   output.bias = α c_GMF + (1 − α) c_MLP
/// ```
/// Embeddings and tower are taken as they are.
///
/// Source: He et al. 2017, section 3.4.1, equation 13; the bias as in the authors' code, where α is
/// 0.5.
///
/// `store` has the variables of a [`NeuMf`] with `config`, and nothing else; `gmf` and `mlp` are
/// safetensors files of the two models, as a confirmation leaves them in `model.safetensors`.
///
/// # Errors
/// As [`load_weights`], for a file that is not that of such a model. Nothing is changed then.
///
/// ```
/// use lawn_models::models::{NcfModelKind, NeuMf, NeuMfConfig, join_pretrained, save_weights};
/// use tch::{Device, nn};
///
/// let folder = tempfile::tempdir()?;
/// let of = |model, seed| {
///     let store = nn::VarStore::new(Device::Cpu);
///     NeuMf::new(&store.root(), &NeuMfConfig { model, ..NeuMfConfig::new(50, 30) }, seed);
///     store
/// };
/// let paths = ["gmf.safetensors", "mlp.safetensors"].map(|name| folder.path().join(name));
/// save_weights(&of(NcfModelKind::Gmf, 1), &paths[0])?;
/// save_weights(&of(NcfModelKind::Mlp, 2), &paths[1])?;
/// let store = of(NcfModelKind::Neumf, 3);
/// join_pretrained(&store, &NeuMfConfig::new(50, 30), [&paths[0], &paths[1]], 0.5)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn join_pretrained(
    store: &VarStore,
    config: &NeuMfConfig,
    [gmf, mlp]: [&Path; 2],
    alpha: f64,
) -> Result<(), WeightsError> {
    let read = |model, path| {
        let part = VarStore::new(Device::Cpu);
        let config = NeuMfConfig {
            model,
            ..config.clone()
        };
        NeuMf::new(&part.root(), &config, 0);
        load_weights(&part, path).map(|()| part.variables())
    };
    let gmf = read(NcfModelKind::Gmf, gmf)?;
    let mlp = read(NcfModelKind::Mlp, mlp)?;
    for (name, mut variable) in store.variables() {
        let values = match name.as_str() {
            "output.weight" => Tensor::cat(&[&gmf[&name] * alpha, &mlp[&name] * (1.0 - alpha)], 1),
            "output.bias" => &gmf[&name] * alpha + &mlp[&name] * (1.0 - alpha),
            _ if name.starts_with("gmf.") => gmf[&name].shallow_clone(),
            _ => mlp[&name].shallow_clone(),
        };
        tch::no_grad(|| variable.copy_(&values));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::save_weights;
    use crate::models::{Mode, Model};
    use tch::Kind;

    fn of(model: NcfModelKind, users: i64, seed: u64) -> (VarStore, NeuMf) {
        let store = VarStore::new(Device::Cpu);
        let config = NeuMfConfig {
            model,
            ..NeuMfConfig::new(users, 30)
        };
        let model = NeuMf::new(&store.root(), &config, seed);
        crate::models::golden::fill(&store);
        tch::no_grad(|| {
            for mut variable in store.variables().into_values() {
                let _ = variable.g_mul_scalar_(1.0 + seed as f64);
            }
        });
        (store, model)
    }

    /// The joined net's logit is the mean of both, weighted by α.
    #[test]
    fn logits_are_the_weighted_mean_of_both_nets() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["gmf", "mlp"].map(|name| folder.path().join(name));
        let (gmf_store, gmf) = of(NcfModelKind::Gmf, 50, 1);
        let (mlp_store, mlp) = of(NcfModelKind::Mlp, 50, 2);
        save_weights(&gmf_store, &paths[0]).unwrap();
        save_weights(&mlp_store, &paths[1]).unwrap();
        let place = Tensor::arange(20, (Kind::Int64, Device::Cpu));
        let inputs = [&place * 7, &place + 1];
        let inputs = inputs.map(|one| one.remainder(30));
        let logits = |net: &NeuMf| net.forward(&inputs, Mode::Evaluate);
        for alpha in [0.5, 0.2] {
            let (store, joined) = of(NcfModelKind::Neumf, 50, 0);
            let config = NeuMfConfig::new(50, 30);
            join_pretrained(&store, &config, [&paths[0], &paths[1]], alpha).unwrap();
            let expected = logits(&gmf) * alpha + logits(&mlp) * (1.0 - alpha);
            let difference = (logits(&joined) - expected).abs().max().double_value(&[]);
            assert!(difference < 1e-5, "{alpha}: {difference}");
        }
    }

    #[test]
    fn weights_of_other_sizes_are_refused_and_nothing_changes() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["gmf", "mlp"].map(|name| folder.path().join(name));
        save_weights(&of(NcfModelKind::Gmf, 50, 1).0, &paths[0]).unwrap();
        save_weights(&of(NcfModelKind::Mlp, 51, 2).0, &paths[1]).unwrap();
        let (store, _) = of(NcfModelKind::Neumf, 50, 0);
        let before = store.variables()["gmf.user_embedding"].copy();
        let config = NeuMfConfig::new(50, 30);
        let error = join_pretrained(&store, &config, [&paths[0], &paths[1]], 0.5).unwrap_err();
        assert!(error.to_string().contains("mlp.user_embedding"), "{error}");
        assert_eq!(store.variables()["gmf.user_embedding"], before);
    }
}
