//! The parameters that the reference has, beside those of the kernels.

use tch::{Device, Kind, Tensor};

use super::Cuda;
use crate::backend::interface::StepRequest;
use crate::backend::reference::{StagedUpdate, UpdateRequest};
use crate::backend::slot::Slot;
use crate::error::Error;
use crate::rule::Rule;
use crate::units::{host, norm};

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

/// The step of what the reference has, once it is known whether it is taken.
pub(super) struct RestOfStep<'a> {
    pub(super) gradients: Vec<Option<&'a Tensor>>,
    pub(super) update: UpdateRequest<'a>,
    pub(super) staged: Vec<Option<StagedUpdate>>,
}

impl Cuda {
    /// The step of what the reference has; nothing if it is skipped. Waits for the device where
    /// that depends on the gradients.
    ///
    /// # Errors
    ///
    /// [`Error::RuleAnswer`].
    pub(super) fn rest_of_step<'a>(
        &self,
        slots: &[Slot],
        request: &StepRequest<'a>,
        gradients: Vec<Option<&'a Tensor>>,
        record: &Tensor,
    ) -> Result<Option<RestOfStep<'a>>, Error> {
        let limits = request.limits;
        let (mut norm, mut rate) = (0.0, request.learning_rate);
        if limits.largest().is_some() || limits.clip().is_some() {
            let told = host(record);
            (norm, rate) = (told[0], told[1]);
            if limits.skips(norm) {
                return Ok(None);
            }
        }
        let factor = limits.clip_factor(norm) / request.options.gradient_scale;
        let update = UpdateRequest {
            // The host's counts the steps that the device has skipped.
            learning_rate: rate,
            ..UpdateRequest::new(request, factor)
        };
        let buffers = |slot: &Slot, _: &dyn Rule| slot.shared_buffers();
        let staged = self.rest.stage(slots, &gradients, &update, buffers)?;
        Ok(Some(RestOfStep {
            gradients,
            update,
            staged,
        }))
    }
}
