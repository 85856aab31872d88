use std::ffi::{c_char, c_void};

use lawn_core::Layer;
use rand_chacha::ChaCha8Rng;
use tch::nn::Path;
use tch::{Kind, Tensor};

use super::initial::Initial;
use super::native::{made, raw};

unsafe extern "C" {
    fn lawn_linear_suits(input: *mut c_void, weight: *mut c_void, relu: bool) -> bool;
    fn lawn_linear(
        input: *mut c_void,
        weight: *mut c_void,
        bias: *mut c_void,
        relu: bool,
        found: *mut *mut c_void,
    ) -> *mut c_char;
}

/// A linear map.
///
/// ```text
/// y = W x + b        W: [outputs, inputs], b: [outputs], both f32
/// ```
///
/// ```
/// use lawn_models::models::layers::Linear;
/// use tch::{Device, Kind, Tensor, nn};
///
/// let store = nn::VarStore::new(Device::Cpu);
/// let weight = Tensor::ones([2, 3], (Kind::Float, Device::Cpu));
/// let layer = Linear::new(&(store.root() / "output"), &weight);
/// let input = Tensor::ones([1, 3], (Kind::Float, Device::Cpu));
/// assert_eq!(layer.forward(&input), Tensor::from_slice(&[3f32, 3.0]).view([1, 2]));
/// ```
#[derive(Debug)]
pub struct Linear {
    names: [String; 2],
    weight: Tensor,
    bias: Tensor,
}

/// Names of weight and bias.
const NAMES: [&str; 2] = ["weight", "bias"];

impl Linear {
    /// Makes `weight` with the given values, `[outputs, inputs]`, and `bias` with zeros.
    pub fn new(path: &Path, weight: &Tensor) -> Self {
        let zeros = Tensor::zeros([weight.size()[0]], (Kind::Float, path.device()));
        Self::with_values(path, NAMES, weight, &zeros)
    }

    /// Makes `weight` and `bias` between `[inputs, outputs]` features.
    pub fn drawn(path: &Path, sizes: [i64; 2], initial: Initial, rng: &mut ChaCha8Rng) -> Self {
        Self::named(path, NAMES, sizes, initial, rng)
    }

    /// As [`drawn`](Self::drawn), with other names than `weight` and `bias`.
    pub fn named(
        path: &Path,
        names: [&str; 2],
        sizes: [i64; 2],
        initial: Initial,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let [inputs, outputs] = sizes;
        let weight = initial.weight.draw(&[outputs, inputs], rng);
        let bias = initial.bias.draw(&[outputs], rng);
        Self::with_values(path, names, &weight, &bias)
    }

    fn with_values(path: &Path, names: [&str; 2], weight: &Tensor, bias: &Tensor) -> Self {
        Self {
            weight: path.var_copy(names[0], weight),
            bias: path.var_copy(names[1], bias),
            names: names.map(|name| path.path(name)),
        }
    }

    /// `[…, inputs]` to `[…, outputs]`.
    ///
    /// Large products in f32 go through the tiles of processors that have them (AMX), with errors of
    /// the size of libtorch's (`cpp/tiles.h`). Others are libtorch's operation.
    ///
    /// # Panics
    /// If the sizes do not fit. Where tiles are used, `backward` panics if it is asked for the
    /// gradient of the gradient.
    pub fn forward(&self, input: &Tensor) -> Tensor {
        self.native(input, false)
            .unwrap_or_else(|| input.linear(&self.weight, Some(&self.bias)))
    }

    /// The map and a ReLU behind it, `[…, inputs]` to `[…, outputs]`. NaN stays NaN.
    ///
    /// ```text
    /// y = max(W x + b, 0)
    /// ```
    /// For `[N, inputs]` on the CPU in f32 and outside of autocast, bias and ReLU are one pass over
    /// memory and so are their gradients (`cpp/linear.cpp`), and large products are those of
    /// [`forward`](Self::forward). Elsewhere these are libtorch's operations.
    ///
    /// # Panics
    /// If the sizes do not fit. Where it is one pass, `backward` panics if it is asked for the
    /// gradient of the gradient.
    pub fn forward_relu(&self, input: &Tensor) -> Tensor {
        self.native(input, true)
            .unwrap_or_else(|| self.forward(input).relu_())
    }

    /// By `cpp/linear.cpp`, where that suits.
    fn native(&self, input: &Tensor, relu: bool) -> Option<Tensor> {
        let [x, weight, bias] = [input, &self.weight, &self.bias].map(raw);
        // SAFETY: input and weight are borrowed during the call.
        if !unsafe { lawn_linear_suits(x, weight, relu) } {
            return None;
        }
        // SAFETY: input, weight and bias are borrowed during the call.
        Some(made(|found| unsafe {
            lawn_linear(x, weight, bias, relu, found)
        }))
    }

    /// `[outputs, inputs]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// `[outputs]`.
    pub fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// Names of its parameters.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Its description.
    pub fn layer(&self) -> Layer {
        Layer::homogeneous(&self.names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn layer() -> (tch::nn::VarStore, Linear) {
        let store = tch::nn::VarStore::new(Device::Cpu);
        let weight = Tensor::randn([5, 3], (Kind::Float, Device::Cpu));
        let layer = Linear::new(&store.root(), &weight);
        (store, layer)
    }

    #[test]
    fn nan_stays_nan() {
        let (_store, layer) = layer();
        let input = Tensor::randn([9, 3], (Kind::Float, Device::Cpu));
        let _ = input.get(7).fill_(f64::NAN);
        let output = layer.forward_relu(&input).isnan();
        assert_eq!(output.get(7).all().int64_value(&[]), 1);
        assert_eq!(output.sum(Kind::Int64).int64_value(&[]), 5);
    }

    #[test]
    #[should_panic(expected = "modified by an inplace operation")]
    fn weights_do_not_change_before_their_gradients() {
        let (_store, layer) = layer();
        let input = Tensor::ones([2, 3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let output = layer.forward_relu(&input);
        tch::no_grad(|| {
            let _ = layer.weight().shallow_clone().fill_(1.0);
        });
        output.sum(Kind::Float).backward();
    }

    /// The output is read again, too.
    #[test]
    #[should_panic(expected = "modified by an inplace operation")]
    fn outputs_do_not_change_before_their_gradients() {
        let (_store, layer) = layer();
        let input = Tensor::ones([2, 3], (Kind::Float, Device::Cpu));
        let output = layer.forward_relu(&input);
        tch::no_grad(|| {
            let _ = output.shallow_clone().fill_(1.0);
        });
        output.sum(Kind::Float).backward();
    }

    /// With 600 samples there is more than one piece of the bias's gradient.
    #[test]
    fn relu_at_once_is_relu_after() {
        let (store, layer) = layer();
        let input = Tensor::randn([600, 3], (Kind::Float, Device::Cpu));
        let run = |at_once: bool| {
            let input = input.detach().set_requires_grad(true);
            let output = if at_once {
                layer.forward_relu(&input)
            } else {
                layer.forward(&input).relu()
            };
            let weights = Tensor::arange(3000, (Kind::Float, Device::Cpu)).view([600, 5]);
            (&output * weights.sin()).sum(Kind::Float).backward();
            let gradients = [&input, layer.weight(), layer.bias()].map(Tensor::grad);
            store
                .trainable_variables()
                .iter_mut()
                .for_each(Tensor::zero_grad);
            (output, gradients)
        };
        let ((a, of_a), (b, of_b)) = (run(true), run(false));
        for (a, b) in [(&a, &b)].into_iter().chain(of_a.iter().zip(&of_b)) {
            assert!(a.allclose(b, 1e-4, 1e-4, false));
        }
    }

    /// Numbers of many sizes, from 1e-6 to 1e6.
    fn wide(sizes: [i64; 2]) -> Tensor {
        let size = Tensor::rand(sizes, (Kind::Double, Device::Cpu)) * 12.0 - 6.0;
        let sign = Tensor::randn(sizes, (Kind::Double, Device::Cpu));
        (sign * (size * std::f64::consts::LN_10).exp()).to_kind(Kind::Float)
    }

    /// A layer that is large enough for tiles, where the processor has them.
    fn large() -> (tch::nn::VarStore, Linear) {
        let store = tch::nn::VarStore::new(Device::Cpu);
        let layer = Linear::new(&store.root(), &wide([333, 429]));
        (store, layer)
    }

    /// The greatest and the mean error of a bᵀ, in roundings of Σ |a b| to f32.
    fn errors(found: &Tensor, a: &Tensor, b: &Tensor) -> [f64; 2] {
        let [found, a, b] = [found, a, b].map(|one| one.to_kind(Kind::Double));
        let error = (found - a.matmul(&b.tr())).abs() / a.abs().matmul(&b.abs().tr());
        let units = error / f64::from(f32::EPSILON / 2.0);
        [units.max(), units.mean(Kind::Double)].map(|one| one.double_value(&[]))
    }

    #[test]
    fn large_products_are_about_as_exact_as_libtorchs() {
        for samples in [100, 700, 1500] {
            let (store, layer) = large();
            let (x, v) = (wide([samples, 429]), wide([samples, 333]));
            let run = |native: bool| {
                let x = x.detach().set_requires_grad(true);
                let y = match native {
                    true => layer.forward(&x),
                    false => x.linear(layer.weight(), Some(layer.bias())),
                };
                (&y * &v).sum(Kind::Float).backward();
                let of_weight = layer.weight().grad().copy();
                let mut all = store.trainable_variables();
                all.iter_mut().for_each(Tensor::zero_grad);
                let w = layer.weight().detach();
                [
                    errors(&y.detach(), &x.detach(), &w),
                    errors(&x.grad(), &v, &w.tr()),
                    errors(&of_weight, &v.tr(), &x.detach().tr()),
                ]
            };
            let (ours, theirs) = (run(true), run(false));
            for ([most, mean], [their_most, their_mean]) in ours.into_iter().zip(theirs) {
                let near = most <= 2.0 * their_most && mean <= 2.0 * their_mean;
                assert!(near, "{samples}: {ours:?}, libtorch {theirs:?}");
            }
        }
    }

    /// Infinity and NaN, and what is near to infinity, are as in libtorch.
    #[test]
    fn large_products_of_numbers_at_the_borders_are_libtorchs() {
        let store = tch::nn::VarStore::new(Device::Cpu);
        let numbers = |sizes: [i64; 2]| Tensor::randn(sizes, (Kind::Float, Device::Cpu));
        let layer = Linear::new(&store.root(), &numbers([333, 429]));
        let x = numbers([1000, 429]);
        let ends = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX];
        for (number, end) in ends.into_iter().enumerate() {
            let _ = x.get(150 * number as i64).get(7).fill_(f64::from(end));
        }
        let expected = x.linear(layer.weight(), Some(layer.bias()));
        let found = layer.forward(&x);
        assert!(found.allclose(&expected, 1e-4, 1e-4, true));
        for (row, finite) in [(0, 0), (150, 0), (300, 0), (999, 1)] {
            assert_eq!(found.get(row).isfinite().any().int64_value(&[]), finite);
        }
    }

    #[test]
    fn a_large_product_takes_any_leading_dimensions() {
        let (_store, layer) = large();
        let x = wide([600, 429]).view([20, 30, 429]).set_requires_grad(true);
        let y = layer.forward(&x);
        assert_eq!(y.size(), [20, 30, 333]);
        let expected = layer.forward(&x.view([600, 429]));
        assert_eq!(y.view([600, 333]), expected);
        y.sum(Kind::Float).backward();
        assert_eq!(x.grad().size(), x.size());
    }
}
