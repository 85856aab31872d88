//! Radii: taken at the freeze, taken anew, and compared with the weights after a state was
//! loaded.

use tch::{Kind, Tensor};

use crate::backend::kernel::norms::unit_norms;
use crate::backend::slot::Slot;
use crate::constraint::form::{Hold, has_direction};
use crate::constraint::interface::NormConstraint;
use crate::error::{Error, require};
use crate::optimizer::{Optimizer, ZERO_AT_FREEZE};
use crate::parameters::parameter::known;
use crate::parameters::pattern::matches;
use crate::units::host;

/// A freeze that only comes when it is told.
const NEVER: u64 = u64::MAX;

impl Optimizer {
    /// Takes the radii anew, from the weights as they are: for weights that were
    /// changed on purpose after the freeze, or a state that is continued with others.
    ///
    /// Nothing else changes: buffers, schedule and phase stay. Waits for an accelerator.
    ///
    /// # Errors
    ///
    /// [`Error::NoRadii`] before the freeze; [`Error::Radius`] for a norm that is not
    /// finite; [`Error::ParameterChanged`]; [`Error::Evaluating`], [`Error::Averaged`]. Nothing has
    /// changed then.
    pub fn take_radii(&mut self) -> Result<(), Error> {
        let _guard = tch::no_grad_guard();
        self.require_training()?;
        if !self.frozen {
            return Err(Error::NoRadii {
                found: self.steps(),
            });
        }
        self.slots.iter().try_for_each(Slot::require_unchanged)?;
        self.settle();
        self.freeze()?;
        (self.unverified, self.rescaled) = (false, false);
        self.report_free_units(ZERO_AT_FREEZE);
        Ok(())
    }

    /// Fixes the norms from the next step on, whatever the constraint says of when: for a freeze
    /// by a condition that the loop over the steps knows of. The freeze is one moment for all
    /// parameters under the constraint: which these are is said before, by scope and groups. Nothing
    /// without a constraint, or after the freeze. The step is part of the state.
    ///
    /// Waits for an accelerator.
    ///
    /// # Errors
    ///
    /// [`Error::Evaluating`], [`Error::Averaged`].
    pub fn freeze_now(&mut self) -> Result<(), Error> {
        self.require_training()?;
        if self.config.constraint().is_some() && !self.frozen {
            self.settle();
            self.freeze_at = Some(self.progress.steps);
        }
        Ok(())
    }

    /// Lets go of all radii, never of some: the norms are free until [`freeze_now`](Self::freeze_now), whatever
    /// the constraint says of when. Buffers and schedule stay, and so does what the constraint
    /// remembers of each unit. That is part of the state.
    ///
    /// Waits for an accelerator.
    ///
    /// # Errors
    ///
    /// [`Error::Evaluating`], [`Error::Averaged`].
    pub fn unfreeze(&mut self) -> Result<(), Error> {
        self.require_training()?;
        if self.config.constraint().is_some() {
            self.settle();
            self.look_at_device();
            self.freeze_at = Some(NEVER);
            self.thaw();
            (self.unverified, self.rescaled) = (false, false);
            self.backend.load(&mut self.slots);
            self.report_free_units(ZERO_AT_FREEZE);
        }
        Ok(())
    }

    /// Multiplies all radii: the next step brings the norms to the new ones, or below them where
    /// they are bounds. Waits for an accelerator.
    ///
    /// # Errors
    ///
    /// [`Error::NoRadii`] before the freeze; [`Error::Setting`] for a factor that is not a finite
    /// number above 0; [`Error::Evaluating`], [`Error::Averaged`].
    pub fn scale_radii(&mut self, factor: f64) -> Result<(), Error> {
        self.change_radii(None, ("factor", factor), |radius| radius * factor)
    }

    /// The same for the parameters whose name matches a pattern; the others keep theirs.
    ///
    /// # Errors
    ///
    /// Those of [`scale_radii`](Self::scale_radii), and [`Error::UnmatchedPattern`] where no
    /// parameter under the constraint matches. Nothing has changed then.
    pub fn scale_radii_of(&mut self, pattern: &str, factor: f64) -> Result<(), Error> {
        self.change_radii(Some(pattern), ("factor", factor), |radius| radius * factor)
    }

    /// Gives every unit of the parameters whose name matches a pattern this radius, in the place of
    /// its own; a unit that has none stays free. The next step brings the norms there, or below it
    /// where it is a bound. Waits for an accelerator.
    ///
    /// # Errors
    ///
    /// Those of [`scale_radii_of`](Self::scale_radii_of), for the radius in the place of the factor.
    pub fn set_radii(&mut self, pattern: &str, radius: f64) -> Result<(), Error> {
        self.change_radii(Some(pattern), ("radius", radius), |_| radius)
    }

    /// Puts what `change` makes of each radius in its place, of all parameters or of those that
    /// match a pattern.
    fn change_radii(
        &mut self,
        pattern: Option<&str>,
        (setting, value): (&'static str, f64),
        change: impl Fn(f64) -> f64,
    ) -> Result<(), Error> {
        self.require_training()?;
        let valid = value.is_finite() && value > 0.0;
        require(valid, setting, "a finite number above 0", value)?;
        if !self.frozen {
            return Err(Error::NoRadii {
                found: self.steps(),
            });
        }
        let is_meant = |slot: &Slot| {
            let matches = pattern.is_none_or(|pattern| matches(pattern, &slot.name));
            slot.is_constrained() && matches
        };
        if let Some(pattern) = pattern.filter(|_| !self.slots.iter().any(is_meant)) {
            let constrained = self.slots.iter().filter(|slot| slot.is_constrained());
            let names: Vec<&str> = constrained.map(|slot| slot.name.as_str()).collect();
            return Err(Error::UnmatchedPattern {
                pattern: pattern.to_owned(),
                known: known(names.into_iter()),
            });
        }
        if self.unverified {
            self.require_loaded_weights()?;
            self.unverified = false;
        }
        self.settle();
        let known = self.backend.radii(&self.slots);
        self.look_at_device();
        for (slot, radii) in self.slots.iter_mut().zip(known) {
            let Some(radius) = &slot.radius else { continue };
            let changed = |radius: f64| match radius > 0.0 && is_meant(slot) {
                true => change(radius),
                false => radius,
            };
            let changed: Vec<f64> = radii.into_iter().map(changed).collect();
            let changed = Tensor::from_slice(&changed).reshape(radius.size());
            slot.set_radius(Some(changed.to_device(slot.weight.device())));
        }
        self.backend.load(&mut self.slots);
        self.rescaled = true;
        Ok(())
    }

    /// Steps before the freeze, once the norms are fixed, or bounded, whatever brought that about:
    /// the constraint, or [`freeze_now`](Self::freeze_now). Nothing before it, without a
    /// constraint, or after [`unfreeze`](Self::unfreeze). Skipped steps do not count.
    #[must_use]
    pub fn frozen_at_step(&self) -> Option<u64> {
        self.free_steps().filter(|_| self.frozen)
    }

    /// Steps before the freeze: those of the constraint, unless it was told otherwise. None
    /// without a constraint.
    pub(crate) fn free_steps(&self) -> Option<u64> {
        let constraint = self.config.constraint()?;
        Some(self.freeze_at.unwrap_or_else(|| constraint.free_steps()))
    }

    /// Fixes the radii.
    pub(crate) fn freeze(&mut self) -> Result<(), Error> {
        let Some(form) = self.config.constraint().map(NormConstraint::form) else {
            return Ok(());
        };
        let norms = self.backend.unit_norms(&self.slots, &form);
        let constraint = self.config.constraint().expect("it has a form");
        let radii: Vec<Option<Tensor>> = (norms.into_iter())
            .map(|norms| {
                let norms = norms?;
                let of = |norm: f64| constraint.radius(norm);
                let radii: Vec<f64> = host(&norms).into_iter().map(of).collect();
                Some(Tensor::from_slice(&radii).reshape(norms.size()))
            })
            .collect();
        for (slot, radius) in self.slots.iter().zip(&radii) {
            let norms = radius.as_ref().map(host).unwrap_or_default();
            if let Some(&found) = norms.iter().find(|norm| !norm.is_finite()) {
                return Err(Error::Radius {
                    name: slot.name.clone(),
                    found,
                });
            }
        }
        self.look_at_device();
        for (slot, radius) in self.slots.iter_mut().zip(radii) {
            let device = slot.weight.device();
            slot.set_radius(radius.map(|radius| radius.to_device(device)));
            if slot.memories.is_empty() && form.remembered().is_some() {
                slot.memories = vec![0.0; slot.radii.len()];
            }
        }
        self.backend.load(&mut self.slots);
        self.frozen = true;
        Ok(())
    }

    /// Takes over into the slots what a device knows of updates, and of what the constraint
    /// remembers. Waits for it.
    pub(crate) fn look_at_device(&mut self) {
        let updates = self.backend.updates(&self.slots);
        let memories = self.backend.memories(&self.slots);
        for ((slot, updates), memories) in self.slots.iter_mut().zip(updates).zip(memories) {
            slot.updates = updates;
            slot.memories = memories;
        }
    }

    /// Forgets the radii again, for a freeze whose step was not taken.
    pub(crate) fn thaw(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.set_radius(None));
        self.frozen = false;
    }

    /// Refuses weights that cannot be those of the state that was loaded.
    pub(crate) fn require_loaded_weights(&self) -> Result<(), Error> {
        let form = self.config.constraint().map(NormConstraint::form);
        // Norms that are bounded say nothing about the weights.
        let Some(form) = form.filter(|form| form.hold == Hold::Sphere) else {
            return Ok(());
        };
        let constrained = self.slots.iter();
        let constrained = constrained.filter_map(|slot| Some((slot, slot.form(Some(&form))?)));
        for (slot, form) in constrained {
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
