//! The gradients of parameters that the reference has.

use tch::{Device, Kind, Tensor};

use crate::units::norm;

/// 2⁻⁵⁶⁰, as in `cuda/units.h`.
const DOWN: f64 = f64::from_bits((1023 - 560) << 52);

/// `Σ ⟨g,g⟩`, and the same of gradients times 2⁻⁵⁶⁰, whose squares cannot overflow; `[2]`, f64, on
/// the device. Nothing waits.
pub(super) fn squares<'a>(gradients: impl Iterator<Item = &'a Tensor>, device: Device) -> Tensor {
    let options = (Kind::Double, device);
    let mut sums = Tensor::zeros([2], options);
    for gradient in gradients.filter(|gradient| gradient.numel() > 0) {
        let low = gradient.to_kind(Kind::Double) * DOWN;
        let both = Tensor::stack(&[norm(gradient), norm(&low)], 0);
        sums += both.square().to_device(device);
    }
    sums
}
