use serde::{Deserialize, Serialize};

/// Kind of numbers that training computes in. Weights, optimizer state and evaluation are f32
/// in any case.
///
/// The half kinds are libtorch's autocast: matrix products and convolutions take them, sums,
/// norms and losses stay f32.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 8 bits of exponent, 23 of fraction.
    #[default]
    F32,
    /// 8 bits of exponent, 7 of fraction.
    Bf16,
    /// 5 bits of exponent, 10 of fraction. The loss is scaled, so that small gradients are not
    /// lost: a step whose gradient is not finite halves the scale, and is skipped.
    F16,
}

impl Precision {
    /// Whether it is what is computed in where nothing is said.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
