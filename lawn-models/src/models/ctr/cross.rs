use lawn_core::Layer;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;
use tch::nn::Path;

use crate::models::layers::Distribution;

/// Crosses features with those that came in, one degree a layer.
///
/// ```text
/// full       x′ = x₀ ∘ (W x + b) + x              W: [n, n],             b: [n], f32
/// low rank   x′ = x₀ ∘ (U (V x) + b) + x          U: [n, r], V: [r, n],  b: [n], f32
/// ```
/// Source: Wang et al. 2020, arXiv 2008.13535, equations 1 and 2. Initial values are TorchRec's:
/// Glorot's normal distribution, biases 0. The variables are `0.weight`, `0.bias`, or `0.v`, `0.u`,
/// `0.bias`.
///
/// ```
/// use lawn_models::models::ctr::Cross;
/// use rand::SeedableRng;
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let cross = Cross::new(&(store.root() / "cross"), 6, 3, Some(2), &mut rng);
/// let features = Tensor::zeros([4, 6], (Kind::Float, Device::Cpu));
/// assert_eq!(cross.forward(&features).size(), [4, 6]);
/// ```
#[derive(Debug)]
pub struct Cross {
    layers: Vec<CrossLayer>,
}

/// One layer of a [`Cross`].
#[derive(Debug)]
struct CrossLayer {
    /// W, or V and U.
    factors: Vec<Tensor>,
    bias: Tensor,
    names: Vec<String>,
}

impl Cross {
    /// Makes `layers` layers between `features` features; of this rank, if one is given.
    pub fn new(
        path: &Path,
        features: i64,
        layers: u32,
        rank: Option<i64>,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let layers = (0..layers).map(|place| CrossLayer::new(&(path / place), features, rank, rng));
        Self {
            layers: layers.collect(),
        }
    }

    /// `[N, features]` to the same.
    pub fn forward(&self, input: &Tensor) -> Tensor {
        let layers = self.layers.iter();
        layers.fold(input.shallow_clone(), |x, layer| layer.forward(input, &x))
    }

    /// Their descriptions.
    pub fn layers(&self) -> Vec<Layer> {
        let layers = self.layers.iter();
        layers.map(|one| Layer::homogeneous(&one.names)).collect()
    }

    pub(super) fn parameters(features: i64, layers: u32, rank: Option<i64>) -> i64 {
        let products = rank.map_or(features, |rank| 2 * rank);
        i64::from(layers) * features * (products + 1)
    }
}

impl CrossLayer {
    fn new(path: &Path, features: i64, rank: Option<i64>, rng: &mut ChaCha8Rng) -> Self {
        let (names, factors) = match rank {
            None => (vec!["weight"], vec![[features, features]]),
            Some(rank) => (vec!["v", "u"], vec![[rank, features], [features, rank]]),
        };
        let draw = |(name, shape): (&&str, &[i64; 2])| {
            let initial = Distribution::glorot_normal(shape[1], shape[0]);
            path.var_copy(name, &initial.draw(shape, rng))
        };
        let factors = names.iter().zip(&factors).map(draw).collect();
        let bias = path.zeros("bias", &[features]);
        let names = names.iter().chain(&["bias"]).map(|name| path.path(name));
        Self {
            names: names.collect(),
            factors,
            bias,
        }
    }

    /// x′ of x₀ and x.
    fn forward(&self, first: &Tensor, input: &Tensor) -> Tensor {
        let (last, before) = self.factors.split_last().expect("a layer has a factor");
        let narrow = before.iter().fold(input.shallow_clone(), |x, factor| {
            x.linear::<&Tensor>(factor, None)
        });
        input.addcmul(first, &narrow.linear(last, Some(&self.bias)))
    }
}
