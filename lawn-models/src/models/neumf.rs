//! GMF, MLP and NeuMF of He et al. 2017, arXiv 1708.05031.

use lawn_core::Layer;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::Path;

use super::layers::{Dropout, Linear, TwoLookups, normal, uniform};
use super::model::{LookUps, Mode, Model};
use super::ways::Ways;
use crate::random::{Purpose, stream};

/// Standard deviation of the initial embeddings, section 4.1.
const EMBEDDING_DEVIATION: f64 = 0.01;

/// The models of He et al. 2017.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum NcfModelKind {
    /// Generalized matrix factorization, section 3.2.
    Gmf,
    /// Multi-layer perceptron, section 3.3.
    Mlp,
    /// Both with one output layer, section 3.4.
    Neumf,
}

/// Sizes of a [`NeuMf`].
#[derive(Clone, Debug, PartialEq)]
pub struct NeuMfConfig {
    /// Which of its two parts there are.
    pub model: NcfModelKind,
    /// Number of users.
    pub users: i64,
    /// Number of items.
    pub items: i64,
    /// Width of the GMF embeddings (predictive factors).
    pub factors: i64,
    /// Widths of the MLP tower, input first: each of its two embeddings is half of the
    /// first, which is even.
    pub layers: Vec<i64>,
    /// Rate of the dropout after each layer of the tower, below 1.
    pub dropout: f64,
}

impl NeuMfConfig {
    /// Both parts with 8 factors and a tower of 64, 32, 16 and 8.
    pub fn new(users: i64, items: i64) -> Self {
        Self {
            model: NcfModelKind::Neumf,
            users,
            items,
            factors: 8,
            layers: vec![64, 32, 16, 8],
            dropout: 0.0,
        }
    }
}

/// A model that scores a user and an item by one logit.
///
/// ```text
/// GMF    logit = ⟨w, p_u ∘ q_i⟩ + c
/// MLP    h = relu(W_k … relu(W_1 [p′_u, q′_i] + b_1) … + b_k),  logit = ⟨w, h⟩ + c
/// NeuMF  logit = ⟨w, [p_u ∘ q_i, h]⟩ + c       with embeddings of its own for each
/// ```
/// p, q: `[users, factors]`, `[items, factors]`; p′, q′: half of `layers[0]`
/// wide; all f32. It takes two inputs, users `[N]` and items `[N]`, both i64, and gives
/// logits `[N]` f32.
///
/// Each h of the tower passes a dropout in training where the configuration has one, as in
/// NVIDIA's `ncf.py`.
///
/// Initial values are those of the authors' code: N(0, 0.01²) embeddings,
/// Glorot-uniform towers, LeCun-uniform output, zero biases.
///
/// ```
/// use lawn_models::models::{Mode, Model, NcfModelKind, NeuMf, NeuMfConfig};
/// use tch::{Device, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let config = NeuMfConfig { model: NcfModelKind::Gmf, ..NeuMfConfig::new(6040, 3706) };
/// let model = NeuMf::new(&store.root(), &config, 0);
/// let (users, items) = (Tensor::from_slice(&[0i64, 1, 2]), Tensor::from_slice(&[5i64, 5, 9]));
/// assert_eq!(model.forward(&[users, items], Mode::Train { first: 0 }).size(), [3]);
/// ```
#[derive(Debug)]
pub struct NeuMf {
    gmf: Option<Pair>,
    mlp: Option<Tower>,
    output: Linear,
}

/// Embeddings of users and items.
#[derive(Debug)]
struct Pair {
    names: [String; 2],
    users: Tensor,
    items: Tensor,
    lookups: TwoLookups,
}

#[derive(Debug)]
struct Tower {
    embeddings: Pair,
    /// Of what the first layer makes of the embeddings.
    lookups: TwoLookups,
    layers: Vec<Linear>,
    /// After each of them.
    dropouts: Vec<Dropout>,
}

impl NeuMf {
    /// Makes the variables under `path`; `seed` alone decides their values.
    pub fn new(path: &Path, config: &NeuMfConfig, seed: u64) -> Self {
        let mut rng = stream(seed, Purpose::Weights, 0);
        let mut width = 0;
        let gmf = (config.model != NcfModelKind::Mlp).then(|| {
            width += config.factors;
            Pair::new(&(path / "gmf"), config, config.factors, &mut rng)
        });
        let mlp = (config.model != NcfModelKind::Gmf).then(|| {
            width += config.layers[config.layers.len() - 1];
            Tower::new(&(path / "mlp"), config, seed, &mut rng)
        });
        let bound = (3.0 / width as f64).sqrt();
        let weight = uniform(&[1, width], bound, &mut rng);
        Self {
            gmf,
            mlp,
            output: Linear::new(&(path / "output"), &weight),
        }
    }
}

impl Model for NeuMf {
    fn forward(&self, inputs: &[Tensor], mode: Mode) -> Tensor {
        let (users, items) = (&inputs[0], &inputs[1]);
        let gmf = self.gmf.as_ref().map(|pair| pair.product(users, items));
        let tower = self.mlp.as_ref();
        let mlp = tower.map(|tower| tower.forward(users, items, mode));
        let features = match (gmf, mlp) {
            (Some(gmf), Some(mlp)) => Tensor::cat(&[gmf, mlp], 1),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => unreachable!("each model has a part"),
        };
        self.output.forward(&features).squeeze_dim(1)
    }

    fn look_ups(&self, inputs: &[Tensor]) -> Vec<LookUps> {
        let tower = self.mlp.as_ref().map(|tower| &tower.embeddings);
        let pairs = self.gmf.iter().chain(tower);
        pairs.flat_map(|pair| pair.look_ups(inputs)).collect()
    }

    fn layers(&self) -> Vec<Layer> {
        let gmf = self.gmf.iter().map(|pair| vec![pair.layer()]);
        let mlp = self.mlp.iter().map(Tower::layers);
        let towers = Ways::default().part(gmf.chain(mlp));
        towers.then([self.output.layer()]).layers()
    }
}

impl Pair {
    fn new(path: &Path, config: &NeuMfConfig, width: i64, rng: &mut ChaCha8Rng) -> Self {
        let names = ["user_embedding", "item_embedding"];
        let mut table = |name: &str, rows: i64| {
            let values = normal(&[rows, width], EMBEDDING_DEVIATION, rng);
            path.var_copy(name, &values)
        };
        Self {
            users: table(names[0], config.users),
            items: table(names[1], config.items),
            names: names.map(|name| path.path(name)),
            lookups: TwoLookups::default(),
        }
    }

    fn product(&self, users: &Tensor, items: &Tensor) -> Tensor {
        let tables = [&self.users, &self.items];
        self.lookups.product(tables, [users, items])
    }

    fn look_ups(&self, inputs: &[Tensor]) -> [LookUps; 2] {
        [0, 1].map(|side| LookUps {
            table: self.names[side].clone(),
            rows: inputs[side].shallow_clone(),
        })
    }

    fn layer(&self) -> Layer {
        Layer::homogeneous(&self.names)
    }
}

impl Tower {
    fn new(path: &Path, config: &NeuMfConfig, seed: u64, rng: &mut ChaCha8Rng) -> Self {
        let widths = &config.layers;
        let embeddings = Pair::new(path, config, widths[0] / 2, rng);
        let layers = (1..widths.len()).map(|k| {
            let (inputs, outputs) = (widths[k - 1], widths[k]);
            let bound = (6.0 / (inputs + outputs) as f64).sqrt();
            let weight = uniform(&[outputs, inputs], bound, rng);
            Linear::new(&(path / format!("layer{k}")), &weight)
        });
        let dropout = |k: usize| Dropout::of_elements(config.dropout, seed, k as u64);
        Self {
            layers: layers.collect(),
            dropouts: (1..widths.len()).map(dropout).collect(),
            lookups: TwoLookups::default(),
            embeddings,
        }
    }

    fn forward(&self, users: &Tensor, items: &Tensor, mode: Mode) -> Tensor {
        let first = self.first(users, items);
        let mut hidden = self.dropouts[0].forward(&first, mode);
        for (layer, dropout) in self.layers[1..].iter().zip(&self.dropouts[1..]) {
            hidden = dropout.forward(&layer.forward_relu(&hidden), mode);
        }
        hidden
    }

    /// `relu(W_1 [p′_u, q′_i] + b_1)`, as `relu((P′ W_1uᵀ)[u] + (Q′ W_1iᵀ + b_1)[i])` where
    /// the tables have fewer rows than the batch: each row is then multiplied
    /// once, however often it occurs, and the wide concatenation never exists.
    fn first(&self, users: &Tensor, items: &Tensor) -> Tensor {
        let (p, q) = (&self.embeddings.users, &self.embeddings.items);
        let first = &self.layers[0];
        let rows = p.size()[0] + q.size()[0];
        if 2 * users.size()[0] <= rows {
            let joined = self.embeddings.lookups.each([p, q], [users, items]);
            return first.forward_relu(&Tensor::cat(&joined, 1));
        }
        let half = first.weight().size()[1] / 2;
        let by_user = p.linear::<&Tensor>(&first.weight().narrow(1, 0, half), None);
        let by_item = q.linear(&first.weight().narrow(1, half, half), Some(first.bias()));
        let tables = [&by_user, &by_item];
        self.lookups.relu_of_sum(tables, [users, items])
    }

    fn layers(&self) -> Vec<Layer> {
        let layers = self.layers.iter().map(Linear::layer);
        std::iter::once(self.embeddings.layer())
            .chain(layers)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::golden::{assert_close, fill, golden, gradient_norm, values};
    use tch::nn::VarStore;
    use tch::{Device, Kind, Reduction};

    fn model(kind: NcfModelKind, seed: u64) -> (VarStore, NeuMf) {
        let config = NeuMfConfig {
            model: kind,
            ..NeuMfConfig::new(50, 30)
        };
        let store = VarStore::new(Device::Cpu);
        let model = NeuMf::new(&store.root(), &config, seed);
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

    /// Of the sizes that are published, on the data that they are published for.
    #[test]
    fn parameter_counts_are_published_ones_to_the_digit() {
        let wide = (64, vec![256, 256, 128, 64]);
        let narrow = (8, vec![64, 32, 16, 8]);
        for (kind, [users, items], (factors, layers), expected) in [
            (NcfModelKind::Neumf, [6_040, 3_706], &narrow, 392_601),
            (NcfModelKind::Gmf, [6_040, 3_706], &narrow, 77_977),
            (NcfModelKind::Mlp, [6_040, 3_706], &narrow, 314_625),
            (NcfModelKind::Neumf, [55_187, 9_916], &narrow, 2_606_881),
            (NcfModelKind::Neumf, [138_493, 26_744], &wide, 31_832_577),
        ] {
            let config = NeuMfConfig {
                model: kind,
                factors: *factors,
                layers: layers.clone(),
                ..NeuMfConfig::new(users, items)
            };
            let store = VarStore::new(Device::Cpu);
            NeuMf::new(&store.root(), &config, 0);
            let found: usize = store.variables().values().map(Tensor::numel).sum();
            assert_eq!(found, expected, "{kind:?}");
        }
    }

    /// The towers meet at the output: what is as far from it has the same rate.
    #[test]
    fn layers_of_both_towers_have_the_rate_of_their_distance_from_the_output() {
        let (store, net) = model(NcfModelKind::Neumf, 0);
        let parameters = crate::models::parameters(&net, &store).unwrap();
        let groups = parameters.groups_by_depth(0.5).unwrap();
        let scale = |name: &str| {
            let one = groups.iter().find(|one| one.pattern == name);
            one.unwrap_or_else(|| panic!("{name}")).learning_rate_scale
        };
        let hidden = net.mlp.as_ref().unwrap().layers.len() as i32;
        let names: Vec<String> = net
            .layers()
            .iter()
            .flat_map(|one| one.parameters.clone())
            .collect();
        let of_last = &names[names.len() - 4];
        assert!(of_last.starts_with("mlp"), "{names:?}");
        assert_eq!(scale("output.weight"), 1.0);
        assert_eq!(scale(of_last), 0.5);
        for table in ["user_embedding", "item_embedding"] {
            assert_eq!(scale(&format!("gmf.{table}")), 0.5);
            let far = 0.5f64.powi(hidden + 1);
            assert_eq!(scale(&format!("mlp.{table}")), far);
        }
    }

    /// In training only, of each hidden layer, and decided by the number of the sample.
    #[test]
    fn dropout_changes_training_alone() {
        let of = |dropout| {
            let config = NeuMfConfig {
                dropout,
                ..NeuMfConfig::new(50, 30)
            };
            let store = VarStore::new(Device::Cpu);
            let model = NeuMf::new(&store.root(), &config, 2);
            fill(&store);
            model
        };
        let inputs = [index(40, 50), index(40, 30)];
        let part = |start, count| inputs.each_ref().map(|one| one.narrow(0, start, count));
        let (plain, dropping) = (of(0.0), of(0.5));
        let trained = dropping.forward(&inputs, Mode::Train { first: 0 });
        assert_eq!(
            plain.forward(&inputs, Mode::Train { first: 0 }),
            dropping.forward(&inputs, Mode::Evaluate)
        );
        assert_ne!(trained, dropping.forward(&inputs, Mode::Evaluate));
        let halves = [(0, 20), (20, 20)].map(|(start, count)| {
            let mode = Mode::Train {
                first: start as u64,
            };
            dropping.forward(&part(start, count), mode)
        });
        let difference = (Tensor::cat(&halves, 0) - trained).abs().max();
        assert!(difference.double_value(&[]) < 1e-6);
    }

    #[test]
    fn logits_loss_and_gradient_are_those_of_pytorch() {
        for (name, kind) in [
            ("gmf", NcfModelKind::Gmf),
            ("mlp", NcfModelKind::Mlp),
            ("neumf", NcfModelKind::Neumf),
            ("neumf_wide", NcfModelKind::Neumf),
        ] {
            let golden = golden(name);
            let (store, model) = match name {
                "neumf_wide" => {
                    let config = NeuMfConfig {
                        factors: 12,
                        layers: vec![20, 24, 6],
                        dropout: 0.0,
                        ..NeuMfConfig::new(50, 30)
                    };
                    let store = VarStore::new(Device::Cpu);
                    let model = NeuMf::new(&store.root(), &config, 0);
                    (store, model)
                }
                _ => model(kind, 0),
            };
            fill(&store);
            let place = Tensor::arange(120, (Kind::Int64, Device::Cpu));
            let (users, items) = ((&place * 7).remainder(50), (&place * 11).remainder(30));
            let labels = place.remainder(5).eq(0).to_kind(Kind::Float);
            let logits = model.forward(&[users, items], Mode::Train { first: 0 });
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
        let inputs = |count| [users.narrow(0, 0, count), items.narrow(0, 0, count)];
        let whole = model.forward(&inputs(100), Mode::Train { first: 0 });
        assert_eq!(whole.size(), [100]);
        // Forty rows are no more than half of the tables' eighty.
        let part = model.forward(&inputs(40), Mode::Train { first: 0 });
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

    #[test]
    fn its_layers_name_each_parameter_once() {
        for kind in [NcfModelKind::Gmf, NcfModelKind::Mlp, NcfModelKind::Neumf] {
            let (store, model) = model(kind, 0);
            let layers = model.layers().into_iter();
            let listed: Vec<String> = layers.flat_map(|one| one.parameters).collect();
            let parameters = lawn_core::Parameters::from_var_store(&store).unwrap();
            let made: Vec<String> = parameters.iter().map(|one| one.name.clone()).collect();
            assert_eq!(listed, made, "{kind:?}");
        }
    }
}
