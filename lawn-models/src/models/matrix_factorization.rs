//! Matrix factorization with biases, as in Rendle et al. 2020, arXiv 2005.09683.

use lawn_core::Layer;
use tch::nn::Path;
use tch::{Device, Kind, Tensor};

use super::layers::{TwoLookups, normal};
use super::model::{LookUps, Mode, Model};
use crate::random::{Purpose, stream};

/// Standard deviation of the initial embeddings, of the authors' code.
const EMBEDDING_DEVIATION: f64 = 0.1;

/// Sizes of a [`MatrixFactorization`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatrixFactorizationConfig {
    /// Number of users.
    pub users: i64,
    /// Number of items.
    pub items: i64,
    /// Width of the embeddings.
    pub factors: i64,
}

/// A model that scores a user and an item by the product of their embeddings.
///
/// ```text
/// logit = b + b_u + b_i + ⟨p_u, q_i⟩
/// ```
/// p: `[users, factors]`, q: `[items, factors]`, b_u: `[users]`, b_i: `[items]`, b: `[1]`, all f32.
/// It takes two inputs, users `[N]` and items `[N]`, both i64, and gives logits `[N]` of the kind of
/// these tables.
///
/// Initial values are those of the authors' code: N(0, 0.1²) embeddings, zero biases.
///
/// Source: Rendle et al. 2020, *Neural Collaborative Filtering vs. Matrix Factorization
/// Revisited*, equation 3.
///
/// ```
/// use lawn_models::models::{MatrixFactorization, MatrixFactorizationConfig, Mode, Model};
/// use tch::{Device, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let config = MatrixFactorizationConfig { users: 6040, items: 3706, factors: 16 };
/// let model = MatrixFactorization::new(&store.root(), &config, 0);
/// let (users, items) = (Tensor::from_slice(&[0i64, 1, 2]), Tensor::from_slice(&[5i64, 5, 9]));
/// assert_eq!(model.forward(&[users, items], Mode::Evaluate).size(), [3]);
/// ```
#[derive(Debug)]
pub struct MatrixFactorization {
    embeddings: Side<2>,
    lookups: TwoLookups,
    biases: Side<3>,
}

/// Tensors with their names.
#[derive(Debug)]
struct Side<const N: usize> {
    names: [String; N],
    tensors: [Tensor; N],
}

impl<const N: usize> Side<N> {
    fn new(path: &Path, values: [(&str, Tensor); N]) -> Self {
        Self {
            names: values.each_ref().map(|(name, _)| path.path(name)),
            tensors: values.map(|(name, values)| path.var_copy(name, &values)),
        }
    }
}

impl MatrixFactorization {
    /// Makes the variables under `path`; `seed` alone decides their values.
    pub fn new(path: &Path, config: &MatrixFactorizationConfig, seed: u64) -> Self {
        let mut rng = stream(seed, Purpose::Weights, 0);
        let mut table = |rows| normal(&[rows, config.factors], EMBEDDING_DEVIATION, &mut rng);
        let zeros = |rows: i64| Tensor::zeros([rows], (Kind::Float, Device::Cpu));
        let path = path / "mf";
        Self {
            embeddings: Side::new(
                &path,
                [
                    ("user_embedding", table(config.users)),
                    ("item_embedding", table(config.items)),
                ],
            ),
            lookups: TwoLookups::default(),
            biases: Side::new(
                &path,
                [
                    ("user_bias", zeros(config.users)),
                    ("item_bias", zeros(config.items)),
                    ("bias", zeros(1)),
                ],
            ),
        }
    }
}

impl Model for MatrixFactorization {
    fn forward(&self, inputs: &[Tensor], _mode: Mode) -> Tensor {
        let (users, items) = (&inputs[0], &inputs[1]);
        let [p, q] = &self.embeddings.tensors;
        let [user_bias, item_bias, bias] = &self.biases.tensors;
        let product = self.lookups.product([p, q], [users, items]);
        let product = product.sum_dim_intlist(1, false, product.kind());
        product + user_bias.index_select(0, users) + item_bias.index_select(0, items) + bias
    }

    fn look_ups(&self, inputs: &[Tensor]) -> Vec<LookUps> {
        let named = self.embeddings.names.iter().zip(inputs);
        let look_ups = named.map(|(table, rows)| LookUps {
            table: table.clone(),
            rows: rows.shallow_clone(),
        });
        look_ups.collect()
    }

    fn layers(&self) -> Vec<Layer> {
        let names = self.embeddings.names.iter().chain(&self.biases.names);
        let names: Vec<String> = names.cloned().collect();
        vec![Layer::homogeneous(&names)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::golden::{assert_close, fill, golden, gradient_norm, values};
    use tch::Reduction;
    use tch::nn::VarStore;

    fn model(users: i64, items: i64, factors: i64) -> (VarStore, MatrixFactorization) {
        let store = VarStore::new(Device::Cpu);
        let config = MatrixFactorizationConfig {
            users,
            items,
            factors,
        };
        let model = MatrixFactorization::new(&store.root(), &config, 3);
        (store, model)
    }

    #[test]
    fn logits_loss_and_gradient_are_those_of_pytorch() {
        let golden = golden("mf");
        let (store, model) = model(50, 30, 16);
        fill(&store);
        let place = Tensor::arange(120, (Kind::Int64, Device::Cpu));
        let (users, items) = ((&place * 7).remainder(50), (&place * 11).remainder(30));
        let labels = place.remainder(5).eq(0).to_kind(Kind::Float);
        let logits = model.forward(&[users, items], Mode::Train { first: 0 });
        let sum = Reduction::Sum;
        let loss = logits.binary_cross_entropy_with_logits::<Tensor>(&labels, None, None, sum);
        loss.backward();
        assert_close("mf", &values(&logits)[..10], &golden.logits);
        assert_close("mf", &values(&loss), &[golden.loss]);
        assert_close("mf", &[gradient_norm(&store)], &[golden.gradient_norm]);
    }

    #[test]
    fn a_table_of_f64_gives_sums_of_f64() {
        let (mut store, model) = model(5, 4, 16);
        store.double();
        let tables = store.variables();
        let _ = tch::no_grad(|| {
            let mut table = tables["mf.user_embedding"].shallow_clone();
            // One that f32 rounds to another.
            table.fill_(1.0 + 1e-12)
        });
        let rows = |rows: [i64; 3]| Tensor::from_slice(&rows);
        let (users, items) = ([4, 0, 2], [1, 3, 3]);
        let logits = model.forward(&[rows(users), rows(items)], Mode::Evaluate);
        assert_eq!(logits.kind(), Kind::Double);
        let [p, q] = ["mf.user_embedding", "mf.item_embedding"].map(|name| &tables[name]);
        for (place, (user, item)) in users.into_iter().zip(items).enumerate() {
            let (p, q) = (p.get(user), q.get(item));
            let pairs = values(&p).into_iter().zip(values(&q));
            let sum: f64 = pairs.map(|(p, q)| p * q).sum();
            let found = logits.double_value(&[place as i64]);
            assert!((found - sum).abs() < 1e-15, "{found} is not {sum}");
        }
    }

    #[test]
    fn tables_are_no_matrices_however_narrow() {
        for factors in [1, 2, 16] {
            let (store, model) = model(50, 30, factors);
            let mut parameters = lawn_core::Parameters::from_var_store(&store).unwrap();
            parameters.set_layers(model.layers()).unwrap();
            let muon = lawn_core::OptimizerConfig::new(
                lawn_core::MuonConfig::default(),
                lawn_core::Schedule::constant(1e-2),
            );
            let optimizer = muon.build(parameters).unwrap();
            for one in optimizer.treatments() {
                assert!(!one.matrix, "{factors} factors: {one:?}");
                let role = match one.parameter.ends_with("embedding") {
                    true => lawn_core::Role::Embedding,
                    false => lawn_core::Role::Bias,
                };
                assert_eq!(one.role, role, "{factors} factors: {}", one.parameter);
            }
        }
    }

    #[test]
    fn initial_values_are_those_of_the_authors() {
        let (store, model) = model(2_000, 1_000, 8);
        let variables = store.variables();
        let deviation = variables["mf.user_embedding"].std(true).double_value(&[]);
        assert!((deviation - 0.1).abs() < 3e-3, "{deviation}");
        for bias in ["mf.user_bias", "mf.item_bias", "mf.bias"] {
            assert_eq!(variables[bias].abs().max().double_value(&[]), 0.0);
        }
        let count: usize = variables.values().map(Tensor::numel).sum();
        assert_eq!(count, 3_000 * 9 + 1);
        let listed: Vec<String> = model
            .layers()
            .into_iter()
            .flat_map(|one| one.parameters)
            .collect();
        let parameters = lawn_core::Parameters::from_var_store(&store).unwrap();
        let mut made: Vec<String> = parameters.iter().map(|one| one.name.clone()).collect();
        made.sort();
        let mut sorted = listed.clone();
        sorted.sort();
        assert_eq!(sorted, made);
    }
}
