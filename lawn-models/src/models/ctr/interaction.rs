use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// What a DLRM makes of its bottom's output and of the embedded columns.
///
/// ```text
/// dot             [x, ⟨z_i, z_j⟩ for i < j]       z = x, E_1[row_1], …, E_C[row_C]
/// dot_diagonal    [x, ⟨z_i, z_j⟩ for i ≤ j]
/// concatenation   [x, E_1[row_1], …, E_C[row_C]]
/// ```
/// Pairs stand in the order of i, then of j. Where there are no dense features, x is left out.
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

    /// `[N, width]`, where there is one, and `[N, C, width]` to `[N, outputs]`.
    pub(super) fn forward(self, bottom: Option<&Tensor>, embedded: &Tensor) -> Tensor {
        let pairs = match self {
            Self::Dot => dot(bottom, embedded, 1),
            Self::DotDiagonal => dot(bottom, embedded, 0),
            Self::Concatenation => embedded.flatten(1, 2),
        };
        match bottom {
            Some(bottom) => Tensor::cat(&[bottom, &pairs], 1),
            None => pairs,
        }
    }
}

/// Dot products of the pairs i + diagonal ≤ j.
fn dot(bottom: Option<&Tensor>, embedded: &Tensor, diagonal: i64) -> Tensor {
    let vectors = match bottom {
        Some(bottom) => Tensor::cat(&[&bottom.unsqueeze(1), embedded], 1),
        None => embedded.shallow_clone(),
    };
    let count = vectors.size()[1];
    let pairs = (0..count).flat_map(|i| (i + diagonal..count).map(move |j| i * count + j));
    let pairs = Tensor::from_slice(&pairs.collect::<Vec<_>>()).to_device(vectors.device());
    let products = vectors.bmm(&vectors.transpose(1, 2)).flatten(1, 2);
    products.index_select(1, &pairs)
}
