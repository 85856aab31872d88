use std::ffi::{c_char, c_void};

use lawn_core::Layer;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;
use tch::nn::Path;

use crate::models::layers::Distribution;
use crate::models::layers::native::{made, raw};

unsafe extern "C" {
    fn lawn_cross_suits(features: *mut c_void) -> bool;
    fn lawn_cross(
        features: *mut c_void,
        weights: *const *mut c_void,
        layers: i64,
        factors: i64,
        found: *mut *mut c_void,
    ) -> *mut c_char;
}

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
    ///
    /// On the CPU in f32 and outside of autocast, what lies between the products is one pass with
    /// each (`cpp/cross.cpp`), and so are its gradients. Elsewhere these are libtorch's operations.
    ///
    /// # Panics
    /// If the sizes do not fit. Where it is one pass, `backward` panics if it is asked for the
    /// gradient of the gradient.
    pub fn forward(&self, input: &Tensor) -> Tensor {
        let Some(one) = self.layers.first() else {
            return input.shallow_clone();
        };
        // SAFETY: the input is borrowed during the call.
        if unsafe { lawn_cross_suits(raw(input)) } {
            let weights = self.layers.iter().flat_map(CrossLayer::weights);
            let weights: Vec<_> = weights.map(raw).collect();
            let [layers, factors] =
                [self.layers.len(), one.factors.len()].map(|count| count as i64);
            // SAFETY: input and weights are borrowed during the call, and there are as many weights
            // as layers times factors and a bias.
            return made(|found| unsafe {
                lawn_cross(raw(input), weights.as_ptr(), layers, factors, found)
            });
        }
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

    fn weights(&self) -> impl Iterator<Item = &Tensor> {
        self.factors.iter().chain([&self.bias])
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::parity::{error, fill, tensor, uniform, values};
    use rand::SeedableRng;
    use tch::nn::VarStore;
    use tch::{Device, Kind};

    fn cross(features: i64, rank: Option<i64>) -> (VarStore, Cross) {
        let store = VarStore::new(Device::Cpu);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let cross = Cross::new(&store.root(), features, 3, rank, &mut rng);
        fill(&store);
        (store, cross)
    }

    fn input(samples: i64, features: i64, kind: Kind) -> Tensor {
        let values = uniform("input", (samples * features) as usize);
        let input = tensor(values, &[samples, features], Kind::Double);
        input.to_kind(kind).set_requires_grad(true)
    }

    /// The output and all gradients, in floats of a kind: other kinds than f32 take libtorch's
    /// operations.
    fn run(samples: i64, features: i64, rank: Option<i64>, kind: Kind) -> Vec<Tensor> {
        let (mut store, cross) = cross(features, rank);
        store.set_kind(kind);
        let input = input(samples, features, kind);
        let output = cross.forward(&input);
        let weights = uniform("weights", output.numel());
        let weights = tensor(weights, &output.size(), Kind::Double).to_kind(kind);
        (&output * weights).sum(kind).backward();
        let all = cross.layers.iter().flat_map(CrossLayer::weights);
        [output.detach(), input.grad()]
            .into_iter()
            .chain(all.map(Tensor::grad))
            .collect()
    }

    /// Sizes for libtorch's products and for tiles, of whole and of broken pieces.
    #[test]
    fn one_pass_gives_what_the_equation_gives() {
        for (samples, features) in [(1, 1), (5, 3), (70, 33), (300, 96), (1100, 61)] {
            for rank in [None, Some(2), Some(40)] {
                let found = run(samples, features, rank, Kind::Float);
                let expected = run(samples, features, rank, Kind::Double);
                for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    let error = error(&values(found), &values(expected));
                    let case = format!("{samples} × {features}, {rank:?}, {number}");
                    assert!(error < 1e-5, "{case}: {error:e}");
                }
            }
        }
    }

    #[test]
    fn weights_alone_have_gradients_where_the_input_has_none() {
        let (_store, cross) = cross(6, Some(2));
        let input = input(4, 6, Kind::Float).detach();
        cross.forward(&input).sum(Kind::Float).backward();
        let all = cross.layers.iter().flat_map(CrossLayer::weights);
        assert!(all.into_iter().all(|one| one.grad().defined()));
        assert!(!tch::no_grad(|| cross.forward(&input)).requires_grad());
    }

    #[test]
    #[should_panic(expected = "modified by an inplace operation")]
    fn the_input_does_not_change_before_its_gradient() {
        let (_store, cross) = cross(6, None);
        let input = input(4, 6, Kind::Float);
        let output = cross.forward(&input);
        tch::no_grad(|| {
            let _ = input.shallow_clone().fill_(1.0);
        });
        output.sum(Kind::Float).backward();
    }

    #[test]
    #[should_panic(expected = "modified by an inplace operation")]
    fn weights_do_not_change_before_their_gradients() {
        let (_store, cross) = cross(6, Some(2));
        let output = cross.forward(&input(4, 6, Kind::Float));
        tch::no_grad(|| {
            let _ = cross.layers[1].factors[1].shallow_clone().fill_(1.0);
        });
        output.sum(Kind::Float).backward();
    }

    #[test]
    #[should_panic(expected = "no gradient of the gradient is known")]
    fn a_gradient_of_the_gradient_is_refused() {
        let (_store, cross) = cross(6, None);
        let input = input(4, 6, Kind::Float);
        let found = cross.forward(&input).square().sum(Kind::Float);
        let _ = Tensor::run_backward(&[found], &[&input], true, true);
    }

    #[test]
    #[should_panic(expected = "backward through the graph a second time")]
    fn a_graph_goes_backward_once() {
        let (_store, cross) = cross(6, None);
        let found = cross.forward(&input(4, 6, Kind::Float)).sum(Kind::Float);
        found.backward();
        found.backward();
    }

    #[test]
    #[should_panic(expected = "a matrix of a cross layer is [7, 7] f32 on the CPU, not [6, 6]")]
    fn features_are_as_many_as_the_layers_have() {
        let (_store, cross) = cross(6, None);
        let _ = cross.forward(&input(4, 7, Kind::Float));
    }
}
