use lawn_core::Layer;
use tch::{Kind, Tensor};

use super::dropout::Dropout;
use super::linear::Linear;
use crate::models::model::Mode;

/// Self-attention with several heads.
///
/// ```text
/// q, k, v = W_q x + b_q, W_k x + b_k, W_v x + b_v
/// y = W_o [softmax(q_h k_hᵀ / √(width / heads)) v_h  for each head h] + b_o
/// ```
/// Source: Vaswani et al. 2017, arXiv 1706.03762, section 3.2.2.
///
/// ```
/// use lawn_models::models::{Mode, layers::*};
/// use rand::SeedableRng;
/// use tch::{Device, Kind, Tensor, nn};
///
/// let (store, mut rng) = (nn::VarStore::new(Device::Cpu), rand_chacha::ChaCha8Rng::seed_from_u64(0));
/// let initial = Initial::unbiased(Distribution::glorot(8, 8));
/// let attention = Attention {
///     projections: Projections::Fused(Linear::drawn(&(store.root() / "qkv"), [8, 24], initial, &mut rng)),
///     output: Linear::drawn(&(store.root() / "proj"), [8, 8], initial, &mut rng),
///     heads: 2,
///     dropout: Dropout::of_elements(0.0, 0, 0),
/// };
/// let tokens = Tensor::ones([3, 5, 8], (Kind::Float, Device::Cpu));
/// assert_eq!(attention.forward(&tokens, Mode::Evaluate).size(), [3, 5, 8]);
/// ```
#[derive(Debug)]
pub struct Attention {
    /// What makes queries, keys and values.
    pub projections: Projections,
    /// W_o and b_o.
    pub output: Linear,
    /// Number of heads, which divides the width.
    pub heads: i64,
    /// Drops weights of the attention.
    pub dropout: Dropout,
}

/// What makes queries, keys and values, in that order.
#[derive(Debug)]
pub enum Projections {
    /// One matrix, `[3·width, width]`.
    Fused(Linear),
    /// Three matrices.
    Separate([Linear; 3]),
}

impl Projections {
    fn all(&self) -> &[Linear] {
        match self {
            Self::Fused(one) => std::slice::from_ref(one),
            Self::Separate(three) => three,
        }
    }

    /// `[N, tokens, width]` to three of `[N, heads, tokens, width / heads]`.
    fn forward(&self, x: &Tensor, heads: i64) -> [Tensor; 3] {
        let (n, tokens, width) = x.size3().expect("samples, tokens and features");
        let head = width / heads;
        match self {
            // One tensor that comes apart: backward puts the three gradients together in one
            // pass, where slices would each fill a tensor of the whole size.
            Self::Fused(one) => {
                let joined = one.forward(x).view([n, tokens, 3, heads, head]);
                let parts = joined.permute([2, 0, 3, 1, 4]).unbind(0);
                parts.try_into().expect("queries, keys and values")
            }
            Self::Separate(three) => [0, 1, 2].map(|part: usize| {
                let one = three[part].forward(x).view([n, tokens, heads, head]);
                one.transpose(1, 2)
            }),
        }
    }
}

impl Attention {
    /// `[N, tokens, width]` to the same.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let (n, tokens, width) = x.size3().expect("samples, tokens and features");
        let [q, k, v] = self.projections.forward(x, self.heads);
        let mixed = if self.dropout.rate() == 0.0 || mode == Mode::Evaluate {
            Tensor::scaled_dot_product_attention::<Tensor>(
                &q, &k, &v, None, 0.0, false, None, false,
            )
        } else {
            let scores = q.matmul(&k.transpose(2, 3)) / ((width / self.heads) as f64).sqrt();
            let weights = scores.softmax(-1, Kind::Float);
            self.dropout.forward(&weights, mode).matmul(&v)
        };
        self.output
            .forward(&mixed.transpose(1, 2).reshape([n, tokens, width]))
    }

    /// Its descriptions: the softmax lies between the projections and the output.
    pub fn layers(&self) -> [Layer; 2] {
        let names = self.projections.all().iter().flat_map(Linear::names);
        [Layer::other(names), self.output.layer()]
    }
}
