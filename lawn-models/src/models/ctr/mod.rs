//! Nets that predict clicks: dense features and one row number a categorical column in, one logit
//! out.
//!
//! All take the inputs dense `[N, D]` f32 and rows `[N, C]` i64, and give logits `[N]` f32. Row
//! numbers count within the table of their column, from 0; hashing is a matter of the data. With
//! `D = 0` the dense input is `[N, 0]`.
//!
//! | name | net | source |
//! |---|---|---|
//! | `logistic` | [`Logistic`] | logistic regression |
//! | `wide_deep` | [`WideDeep`] | Cheng et al. 2016, arXiv 1606.07792 |
//! | `deepfm` | [`DeepFm`] | Guo et al. 2017, arXiv 1703.04247 |
//! | `dcn_v2` | [`DcnV2`] | Wang et al. 2020, arXiv 2008.13535 |
//! | `dlrm` | [`Dlrm`] | Naumov et al. 2019, arXiv 1906.00091 |
//! | `dlrm_small` | [`Dlrm`] as in AlgoPerf's workload `criteo1tb` and its variants | mlcommons/algorithmic-efficiency |
//!
//! Products of features (a dot product, a crossing) grow with their factors, as those of GMF do:
//! the final homogeneous sub-network goes on through them. So it is the whole net where no
//! layer is a normalization, embeddings included.

mod config;
mod cross;
mod dcn;
mod deep_part;
mod deepfm;
mod dlrm;
mod embeddings;
mod error;
mod first_order;
mod interaction;
mod logistic;
mod mlp;
#[cfg(test)]
mod tests;
mod wide_deep;

pub use config::CtrModelConfig;
pub use cross::Cross;
pub use dcn::{DcnStructure, DcnV2, DcnV2Config};
pub use deep_part::DeepConfig;
pub use deepfm::DeepFm;
pub use dlrm::{Dlrm, DlrmConfig, DlrmInit, DlrmSmallConfig, DlrmSmallForm};
pub use embeddings::{Embeddings, EmbeddingsConfig, Tables};
pub use error::CtrModelError;
pub use first_order::FirstOrder;
pub use interaction::Interaction;
pub use logistic::{Logistic, LogisticConfig};
pub use mlp::{Mlp, MlpConfig};
pub use wide_deep::WideDeep;

use super::TablePart;

/// Features of the data that a net is built for.
///
/// ```
/// use lawn_models::models::CtrShape;
///
/// let criteo = CtrShape { dense: 13, columns: vec![1 << 18; 26], ..CtrShape::default() };
/// assert_eq!(criteo.width(16), 13 + 26 * 16);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CtrShape {
    /// Dense features of a sample.
    pub dense: i64,
    /// Rows of the table of each categorical column.
    pub columns: Vec<i64>,
    /// Which rows of its tables this process has.
    pub part: TablePart,
}

impl CtrShape {
    /// Features of a sample whose columns are embedded in `width` features each.
    pub fn width(&self, width: i64) -> i64 {
        self.dense + self.columns.len() as i64 * width
    }
}
