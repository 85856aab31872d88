//! What may be set between steps: the factor of all learning rates, and learning rate and weight
//! decay of some parameters.

use crate::decay::WeightDecay;
use crate::error::{Error, require};
use crate::optimizer::Optimizer;
use crate::parameters::group::Regrouping;
use crate::parameters::pattern::matches;

impl Optimizer {
    /// Multiplies the rates of the schedule from the next step on, in the place of an earlier
    /// factor: for a rate that depends on how training goes, as with
    /// [`Plateau`](crate::Plateau). It is part of the state.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for one that is not a finite number of at least 0.
    pub fn set_rate_factor(&mut self, factor: f64) -> Result<(), Error> {
        let valid = factor.is_finite() && factor >= 0.0;
        require(
            valid,
            "rate_factor",
            "a finite number of at least 0",
            factor,
        )?;
        self.settle();
        self.rate_factor = factor;
        Ok(())
    }

    /// What multiplies the rates of the schedule.
    #[must_use]
    pub fn rate_factor(&self) -> f64 {
        self.rate_factor
    }

    /// Sets the factor to the learning rate, or the weight decay, of the parameters whose name
    /// matches a pattern, from the next step on; what is `None` stays. It is part of the state,
    /// and [`treatments`](Self::treatments) has it. Of a pattern the last that was set counts, so
    /// that a rate may be set before every step. An accelerator is waited for only where another
    /// weight decay makes its kernels leave a parameter out, or take it in.
    ///
    /// Parameters are frozen and thawed without it: a step leaves those alone that require no
    /// gradient at the moment.
    ///
    /// # Errors
    ///
    /// [`Error::UnmatchedPattern`]; [`Error::Setting`]; [`Error::DecayOnConstrained`]. Nothing has
    /// changed then.
    pub fn set_group(
        &mut self,
        pattern: &str,
        learning_rate_scale: Option<f64>,
        decay: Option<WeightDecay>,
    ) -> Result<(), Error> {
        let one = Regrouping {
            pattern: pattern.to_owned(),
            learning_rate_scale,
            decay,
        };
        self.require_regrouping(&one)?;
        if !self.apply(&one) {
            return Ok(());
        }
        remember(&mut self.regrouped, one);
        let constraint = self.config.constraint().map(|constraint| constraint.form());
        let rule = &*self.config.rule;
        if self
            .backend
            .renumber(&self.slots, rule, constraint.as_ref())
        {
            return Ok(());
        }
        // What a device knows is told to it anew, from the slots.
        let radii = self.backend.radii(&self.slots);
        self.look_at_device();
        for (slot, radii) in self.slots.iter_mut().zip(radii) {
            slot.radii = radii;
        }
        self.hand_on();
        self.backend.load(&mut self.slots);
        Ok(())
    }

    /// Refuses what cannot be set.
    pub(crate) fn require_regrouping(&self, one: &Regrouping) -> Result<(), Error> {
        let scale = one.learning_rate_scale.unwrap_or(1.0);
        let valid = scale.is_finite() && scale >= 0.0;
        let expected = "a finite number of at least 0";
        require(valid, "learning_rate_scale", expected, scale)?;
        let decay = one.decay.unwrap_or_default();
        decay.validate()?;
        let mut found = (self.slots.iter())
            .filter(|slot| matches(&one.pattern, &slot.name))
            .peekable();
        if found.peek().is_none() {
            let mut names = self.slots.iter().map(|slot| slot.name.as_str());
            let known: Vec<&str> = names.by_ref().take(5).collect();
            return Err(Error::UnmatchedPattern {
                pattern: one.pattern.clone(),
                known: known.join(", "),
            });
        }
        match found.find(|slot| slot.is_constrained()) {
            Some(slot) if !decay.is_none() => Err(Error::DecayOnConstrained {
                name: slot.name.clone(),
                found: decay,
            }),
            _ => Ok(()),
        }
    }

    /// Sets what was found to be allowed; answers whether it was otherwise before.
    fn apply(&mut self, one: &Regrouping) -> bool {
        let mut changes = false;
        for (slot, treatment) in self.slots.iter_mut().zip(&mut self.treatments) {
            if matches(&one.pattern, &slot.name) {
                let before = (treatment.learning_rate_scale, treatment.decay);
                let scale = one.learning_rate_scale;
                treatment.learning_rate_scale = scale.unwrap_or(treatment.learning_rate_scale);
                treatment.decay = one.decay.unwrap_or(treatment.decay);
                slot.regroup(treatment);
                changes |= before != (treatment.learning_rate_scale, treatment.decay);
            }
        }
        self.freed = std::cell::OnceCell::new();
        changes
    }

    /// Sets what a state says was set, and nothing else; the backend has yet to
    /// [load](crate::backend::interface::Backend::load) the slots.
    pub(crate) fn regroup(&mut self, all: Vec<Regrouping>) {
        for (planned, treatment) in self.planned.iter().zip(&mut self.treatments) {
            treatment.decay = planned.decay;
            treatment.learning_rate_scale = planned.learning_rate_scale;
        }
        for (slot, treatment) in self.slots.iter_mut().zip(&self.treatments) {
            slot.regroup(treatment);
        }
        self.regrouped = Vec::new();
        for one in all {
            self.apply(&one);
            remember(&mut self.regrouped, one);
        }
        self.hand_on();
    }

    /// Hands on what was set to the backend, which then has to be told what the slots know.
    fn hand_on(&mut self) {
        let constraint = self.config.constraint().map(|constraint| constraint.form());
        let rule = &*self.config.rule;
        self.backend.regroup(&self.slots, rule, constraint.as_ref());
    }
}

/// Adds what was set, in the place of what was set of the same parameters before.
fn remember(all: &mut Vec<Regrouping>, one: Regrouping) {
    for earlier in all
        .iter_mut()
        .filter(|earlier| earlier.pattern == one.pattern)
    {
        if one.learning_rate_scale.is_some() {
            earlier.learning_rate_scale = None;
        }
        if one.decay.is_some() {
            earlier.decay = None;
        }
    }
    all.retain(|one| one.learning_rate_scale.is_some() || one.decay.is_some());
    all.push(one);
}
