use std::ffi::{c_char, c_void};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::models::layers::native::{made, raw};

unsafe extern "C" {
    fn lawn_pairs_suits(vectors: *mut c_void) -> bool;
    fn lawn_pairs(
        vectors: *mut c_void,
        diagonal: i64,
        keeps_first: bool,
        found: *mut *mut c_void,
    ) -> *mut c_char;
}

/// What a DLRM makes of its bottom's output and of the embedded columns.
///
/// ```text
/// dot             [x, ⟨z_i, z_j⟩ for i < j]       z = x, E_1[row_1], …, E_C[row_C]
/// dot_diagonal    [x, ⟨z_i, z_j⟩ for i ≤ j]
/// concatenation   [x, E_1[row_1], …, E_C[row_C]]
/// ```
/// Pairs stand in the order of i, then of j. Where there are no dense features, x is left out.
///
/// *Differs from* libtorch's operations in that on the CPU in f32 no gradient of the gradient is
/// known: `backward` panics if it is asked for one.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Interaction {
    /// Dot products of all pairs.
    #[default]
    Dot,
    /// Dot products of all pairs, and of each with itself.
    DotDiagonal,
    /// No products.
    Concatenation,
}

impl Interaction {
    /// Features that come out of a bottom with `bottom` features, 0 where there is none, and
    /// `columns` columns of `width` features.
    pub fn outputs(self, bottom: i64, columns: i64, width: i64) -> i64 {
        let vectors = columns + i64::from(bottom > 0);
        match self {
            Self::Dot => bottom + vectors * (vectors - 1) / 2,
            Self::DotDiagonal => bottom + vectors * (vectors + 1) / 2,
            Self::Concatenation => bottom + columns * width,
        }
    }

    /// Of vectors `[N, V, width]` the pairs, behind the first vector if it is kept.
    pub(super) fn pairs(self, vectors: &Tensor, keeps_first: bool) -> Tensor {
        let diagonal = i64::from(self == Self::Dot);
        // SAFETY: the tensor is borrowed during the call.
        if unsafe { lawn_pairs_suits(raw(vectors)) } {
            // SAFETY: as above.
            return made(|found| unsafe { lawn_pairs(raw(vectors), diagonal, keeps_first, found) });
        }
        let count = vectors.size()[1];
        // Made on the device, which is not waited for: i · count + j of all i < j, or i ≤ j.
        let on = (Kind::Int64, vectors.device());
        let places = Tensor::triu_indices(count, count, diagonal, on);
        let pairs = places.get(0) * count + places.get(1);
        let products = vectors.bmm(&vectors.transpose(1, 2)).flatten(1, 2);
        let products = products.index_select(1, &pairs);
        if keeps_first {
            Tensor::cat(&[vectors.select(1, 0), products], 1)
        } else {
            products
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    #[should_panic(expected = "modified by an inplace operation")]
    fn vectors_do_not_change_before_their_gradients() {
        let vectors = Tensor::ones([2, 3, 4], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let found = Interaction::Dot.pairs(&vectors, false);
        tch::no_grad(|| {
            let _ = vectors.shallow_clone().fill_(2.0);
        });
        found.sum(Kind::Float).backward();
    }

    /// The kernels of f32 against libtorch's operations in f64, over more samples than a piece
    /// has.
    #[test]
    fn pairs_and_their_gradients_are_products_of_all_vectors() {
        let values = Tensor::randn([75, 5, 6], (Kind::Double, Device::Cpu));
        for (interaction, keeps_first) in [
            (Interaction::Dot, true),
            (Interaction::Dot, false),
            (Interaction::DotDiagonal, true),
            (Interaction::DotDiagonal, false),
        ] {
            let run = |kind| {
                let vectors = values.to_kind(kind).detach().set_requires_grad(true);
                let found = interaction.pairs(&vectors, keeps_first);
                let weights = Tensor::arange(found.numel() as i64, (kind, Device::Cpu)).sin();
                (&found * weights.view(&found.size()[..]))
                    .sum(kind)
                    .backward();
                [found, vectors.grad()].map(|one| one.to_kind(Kind::Double))
            };
            let [single, exact] = [run(Kind::Float), run(Kind::Double)];
            for (found, expected) in single.iter().zip(&exact) {
                let error = (found - expected).abs().max().double_value(&[]);
                assert!(error < 1e-4, "{interaction:?} {keeps_first}: {error}");
            }
        }
    }
}
