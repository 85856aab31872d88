//! GMF, MLP and NeuMF of He et al. 2017, arXiv 1708.05031.

use rand_chacha::ChaCha8Rng;
use tch::nn::{Path, VarStore};
use tch::{Kind, Tensor};

use crate::config::{NcfConfig, NcfModelKind};
use crate::initial::{normal, uniform};
use crate::random::{Purpose, stream};

/// Standard deviation of the initial embeddings, section 4.1.
const EMBEDDING_DEVIATION: f64 = 0.01;

/// A model that scores a user and an item by one logit.
///
/// ```text
/// GMF    logit = ⟨w, p_u ∘ q_i⟩ + c
/// MLP    h = relu(W_k … relu(W_1 [p′_u, q′_i] + b_1) … + b_k),  logit = ⟨w, h⟩ + c
/// NeuMF  logit = ⟨w, [p_u ∘ q_i, h]⟩ + c       with embeddings of its own for each
/// ```
/// p, q: `[users, factors]`, `[items, factors]`; p′, q′: half of `layers[0]`
/// wide; all f32.
///
/// Initial values are those of the authors' code: N(0, 0.01²) embeddings,
/// Glorot-uniform towers, LeCun-uniform output, zero biases.
#[derive(Debug)]
pub(crate) struct NcfModel {
    gmf: Option<Pair>,
    mlp: Option<Tower>,
    output: Linear,
}

/// Embeddings of users and items.
#[derive(Debug)]
struct Pair {
    users: Tensor,
    items: Tensor,
}

#[derive(Debug)]
struct Tower {
    embeddings: Pair,
    layers: Vec<Linear>,
}

#[derive(Debug)]
struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl NcfModel {
    /// Makes the variables in `store`; `seed` alone decides their values.
    pub(crate) fn new(
        store: &VarStore,
        config: &NcfConfig,
        users: i64,
        items: i64,
        seed: u64,
    ) -> Self {
        let mut rng = stream(seed, Purpose::Weights, 0);
        let root = store.root();
        let mut width = 0;
        let gmf = (config.model != NcfModelKind::Mlp).then(|| {
            width += config.factors;
            Pair::new(&(&root / "gmf"), users, items, config.factors, &mut rng)
        });
        let mlp = (config.model != NcfModelKind::Gmf).then(|| {
            let path = &root / "mlp";
            let layers = &config.layers;
            width += layers[layers.len() - 1];
            Tower {
                embeddings: Pair::new(&path, users, items, layers[0] / 2, &mut rng),
                layers: (1..layers.len())
                    .map(|k| {
                        let (inputs, outputs) = (layers[k - 1], layers[k]);
                        let bound = (6.0 / (inputs + outputs) as f64).sqrt();
                        let path = &path / format!("layer{k}");
                        Linear::new(&path, inputs, outputs, bound, &mut rng)
                    })
                    .collect(),
            }
        });
        let bound = (3.0 / width as f64).sqrt();
        let output = Linear::new(&(&root / "output"), width, 1, bound, &mut rng);
        Self { gmf, mlp, output }
    }

    /// Logits `[N]` of users `[N]` and items `[N]`, both i64.
    pub(crate) fn forward(&self, users: &Tensor, items: &Tensor) -> Tensor {
        let gmf = self.gmf.as_ref().map(|pair| pair.product(users, items));
        let mlp = self.mlp.as_ref().map(|tower| tower.forward(users, items));
        let features = match (gmf, mlp) {
            (Some(gmf), Some(mlp)) => Tensor::cat(&[gmf, mlp], 1),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => unreachable!("each model has a part"),
        };
        self.output.forward(&features).squeeze_dim(1)
    }
}

impl Pair {
    fn new(path: &Path, users: i64, items: i64, width: i64, rng: &mut ChaCha8Rng) -> Self {
        let mut table = |name: &str, rows: i64| {
            let values = normal(&[rows, width], EMBEDDING_DEVIATION, rng);
            path.var_copy(name, &values)
        };
        Self {
            users: table("user_embedding", users),
            items: table("item_embedding", items),
        }
    }

    // `index_select` rather than `embedding`: the backward pass of the latter
    // takes three times as long on the CPU.
    fn product(&self, users: &Tensor, items: &Tensor) -> Tensor {
        self.users.index_select(0, users) * self.items.index_select(0, items)
    }
}

impl Tower {
    fn forward(&self, users: &Tensor, items: &Tensor) -> Tensor {
        let mut hidden = self.first(users, items).relu_();
        for layer in &self.layers[1..] {
            hidden = layer.forward(&hidden).relu_();
        }
        hidden
    }

    /// `W_1 [p′_u, q′_i] + b_1`, as `(P′ W_1uᵀ)[u] + (Q′ W_1iᵀ + b_1)[i]` where
    /// the tables have fewer rows than the batch: each row is then multiplied
    /// once, however often it occurs, and the wide concatenation never exists.
    fn first(&self, users: &Tensor, items: &Tensor) -> Tensor {
        let Pair { users: p, items: q } = &self.embeddings;
        let first = &self.layers[0];
        let rows = p.size()[0] + q.size()[0];
        if 2 * users.size()[0] <= rows {
            let joined = [p.index_select(0, users), q.index_select(0, items)];
            return first.forward(&Tensor::cat(&joined, 1));
        }
        let half = first.weight.size()[1] / 2;
        let by_user = p.linear::<&Tensor>(&first.weight.narrow(1, 0, half), None);
        let by_item = q.linear(&first.weight.narrow(1, half, half), Some(&first.bias));
        by_user.index_select(0, users) + by_item.index_select(0, items)
    }
}

impl Linear {
    fn new(path: &Path, inputs: i64, outputs: i64, bound: f64, rng: &mut ChaCha8Rng) -> Self {
        let weight = path.var_copy("weight", &uniform(&[outputs, inputs], bound, rng));
        let zeros = Tensor::zeros([outputs], (Kind::Float, path.device()));
        Self {
            weight,
            bias: path.var_copy("bias", &zeros),
        }
    }

    fn forward(&self, input: &Tensor) -> Tensor {
        input.linear(&self.weight, Some(&self.bias))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{assert_close, fill, golden, gradient_norm, values};
    use tch::{Device, Reduction};

    fn config(model: NcfModelKind) -> NcfConfig {
        NcfConfig {
            model,
            ..NcfConfig::default()
        }
    }

    fn model(kind: NcfModelKind, seed: u64) -> (VarStore, NcfModel) {
        let store = VarStore::new(Device::Cpu);
        let model = NcfModel::new(&store, &config(kind), 50, 30, seed);
        (store, model)
    }

    fn index(count: i64, bound: i64) -> Tensor {
        Tensor::arange(count, (Kind::Int64, Device::Cpu)).remainder(bound)
    }

    /// Counts by hand: 80 rows of 8; 80 rows of 32, 64·32 + 32 + 32·16 + 16 +
    /// 16·8 + 8; an output weight a feature and one bias.
    #[test]
    fn parameter_counts_are_those_of_the_paper() {
        let (gmf, mlp) = (80 * 8, 80 * 32 + 2080 + 528 + 136);
        for (kind, expected) in [
            (NcfModelKind::Gmf, gmf + 9),
            (NcfModelKind::Mlp, mlp + 9),
            (NcfModelKind::Neumf, gmf + mlp + 17),
        ] {
            let (store, _) = model(kind, 0);
            let found: usize = store.variables().values().map(Tensor::numel).sum();
            assert_eq!(found, expected, "{kind:?}");
        }
    }

    #[test]
    fn logits_loss_and_gradient_are_those_of_pytorch() {
        for (name, kind) in [
            ("gmf", NcfModelKind::Gmf),
            ("mlp", NcfModelKind::Mlp),
            ("neumf", NcfModelKind::Neumf),
        ] {
            let golden = golden(name);
            let (store, model) = model(kind, 0);
            fill(&store);
            let place = Tensor::arange(120, (Kind::Int64, Device::Cpu));
            let (users, items) = ((&place * 7).remainder(50), (&place * 11).remainder(30));
            let labels = place.remainder(5).eq(0).to_kind(Kind::Float);
            let logits = model.forward(&users, &items);
            let loss = logits.binary_cross_entropy_with_logits::<Tensor>(
                &labels,
                None,
                None,
                Reduction::Sum,
            );
            loss.backward();
            assert_close(name, &values(&logits)[..10], &golden.logits);
            assert_close(name, &values(&loss), &[golden.loss]);
            assert_close(name, &[gradient_norm(&store)], &[golden.gradient_norm]);
        }
    }

    #[test]
    fn a_split_first_layer_gives_the_same_logits() {
        let (_store, model) = model(NcfModelKind::Neumf, 1);
        let (users, items) = (index(100, 50), index(100, 30));
        let whole = model.forward(&users, &items);
        assert_eq!(whole.size(), [100]);
        // Forty rows are no more than half of the tables' eighty.
        let part = model.forward(&users.narrow(0, 0, 40), &items.narrow(0, 0, 40));
        let difference = (whole.narrow(0, 0, 40) - part)
            .abs()
            .max()
            .double_value(&[]);
        assert!(difference < 1e-6, "{difference}");
    }

    #[test]
    fn the_seed_decides_the_initial_values() {
        let value = |seed| {
            let (store, _) = model(NcfModelKind::Neumf, seed);
            store.variables()["mlp.user_embedding"].shallow_clone()
        };
        assert_eq!(value(4), value(4));
        assert_ne!(value(4), value(5));
        let deviation = value(4).std(true).double_value(&[]);
        assert!((deviation - 0.01).abs() < 1e-3, "{deviation}");
    }
}
