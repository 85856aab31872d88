//! Radii: taken at the freeze, taken anew, and compared with the weights after a state was
//! loaded.

use tch::Kind;

use crate::backend::kernel::norms::unit_norms;
use crate::backend::slot::Slot;
use crate::constraint::form::has_direction;
use crate::constraint::interface::NormConstraint;
use crate::error::Error;
use crate::optimizer::{Optimizer, ZERO_AT_FREEZE};
use crate::units::host;

impl Optimizer {
    /// Takes the radii anew, from the weights as they are: for weights that were
    /// changed on purpose after the freeze, or a state that is continued with others.
    ///
    /// Nothing else changes: buffers, schedule and phase stay. Waits for an accelerator.
    ///
    /// # Errors
    ///
    /// [`Error::NoRadii`] before the freeze; [`Error::Radius`] for a norm that is not
    /// finite; [`Error::ParameterChanged`]. Nothing has changed then.
    pub fn take_radii(&mut self) -> Result<(), Error> {
        let _guard = tch::no_grad_guard();
        if !self.frozen {
            return Err(Error::NoRadii {
                found: self.steps(),
            });
        }
        self.slots.iter().try_for_each(Slot::require_unchanged)?;
        self.settle();
        self.freeze()?;
        self.unverified = false;
        self.report_free_units(ZERO_AT_FREEZE);
        Ok(())
    }

    /// Fixes the radii.
    pub(crate) fn freeze(&mut self) -> Result<(), Error> {
        let Some(form) = self.config.constraint().map(NormConstraint::form) else {
            return Ok(());
        };
        let radii = self.backend.unit_norms(&self.slots, form.granularity);
        for (slot, radius) in self.slots.iter().zip(&radii) {
            let norms = radius.as_ref().map(host).unwrap_or_default();
            if let Some(&found) = norms.iter().find(|norm| !norm.is_finite()) {
                return Err(Error::Radius {
                    name: slot.name.clone(),
                    found,
                });
            }
        }
        let updates = self.backend.updates(&self.slots);
        for ((slot, radius), updates) in self.slots.iter_mut().zip(radii).zip(updates) {
            let device = slot.weight.device();
            slot.set_radius(radius.map(|radius| radius.to_device(device)));
            slot.updates = updates;
        }
        self.backend.load(&mut self.slots);
        self.frozen = true;
        Ok(())
    }

    /// Forgets the radii again, for a freeze whose step was not taken.
    pub(crate) fn thaw(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.set_radius(None));
        self.frozen = false;
    }

    /// Refuses weights that cannot be those of the state that was loaded.
    pub(crate) fn require_loaded_weights(&self) -> Result<(), Error> {
        let Some(form) = self.config.constraint().map(NormConstraint::form) else {
            return Ok(());
        };
        for slot in self.slots.iter().filter(|slot| slot.is_constrained()) {
            let norms = host(&unit_norms(slot.working(), form.granularity));
            let (relative, absolute) = rounding(slot, norms.len());
            // The next step lets go of a unit without a direction, so that it is not thrown
            // anywhere.
            let apart = |(_, (found, radius)): &(usize, (&f64, &f64))| {
                **radius > 0.0
                    && has_direction(*found * *found)
                    && (*found - *radius).abs() > relative * **radius + absolute
            };
            let mut units = norms.iter().zip(&slot.radii).enumerate();
            if let Some((unit, (&found, &expected))) = units.find(apart) {
                return Err(Error::OtherWeights {
                    name: slot.name.clone(),
                    unit,
                    expected,
                    found,
                });
            }
        }
        Ok(())
    }
}

/// How far rounding can move the norm of a unit from its radius: relative to the radius, and
/// absolute for subnormal numbers.
///
/// Wide enough for weights that were kept in fewer bits meanwhile.
fn rounding(slot: &Slot, units: usize) -> (f64, f64) {
    let narrow = |kind| slot.master.is_none() && slot.weight.kind() == kind;
    let elements = (slot.weight.numel() / units.max(1)) as f64;
    if narrow(Kind::BFloat16) {
        (f64::exp2(-8.0), 0.0)
    } else if narrow(Kind::Half) {
        (f64::exp2(-10.0), f64::exp2(-25.0) * elements.sqrt())
    } else {
        (1e-4, 0.0)
    }
}
