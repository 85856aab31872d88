//! Weights that a model is evaluated with in the place of those that it is trained with.

use crate::backend::slot::{Slot, working_kind};
use crate::constraint::interface::NormConstraint;
use crate::error::Error;
use crate::optimizer::Optimizer;
use crate::parameters::layout::address;
use crate::rule::Context;
use crate::swapped;

impl Optimizer {
    /// Puts the weights that the rule wants evaluated in the place of those that it trains, until
    /// [`train`](Self::train): the average of [`ScheduleFreeConfig`](crate::ScheduleFreeConfig).
    /// For all other rules they are the same, as they are for a parameter whose norms are held: that
    /// average is not of what a norm constraint makes of the iterates. Twice is as once.
    ///
    /// A step is refused meanwhile, and so are a state's taking up and radii taken anew. A state
    /// that is saved meanwhile is the same as before. But the weights to save with it are those of
    /// training.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterChanged`], [`Error::Averaged`]; nothing has changed then.
    pub fn eval(&mut self) -> Result<(), Error> {
        if self.evaluates {
            return Ok(());
        }
        self.require_own_weights()?;
        let _guard = tch::no_grad_guard();
        self.slots.iter().try_for_each(Slot::require_unchanged)?;
        let updates = self.backend.updates(&self.slots);
        let rule = &*self.config.rule;
        let form = self.config.constraint().map(NormConstraint::form);
        let held = form.as_ref().filter(|_| self.frozen);
        for (slot, updates) in self.slots.iter_mut().zip(updates) {
            let context = Context {
                updates: updates + 1,
                ..slot.context(held, 0.0)
            };
            let buffers = self.backend.buffers(slot, rule);
            let kind = working_kind(&slot.weight);
            let weight = slot.working().detach().to_kind(kind);
            if let Some(evaluated) = rule.evaluated(&context, &weight, &buffers) {
                slot.aside = Some(slot.weight.detach().copy());
                slot.weight.copy_(&evaluated);
            }
        }
        self.evaluates = true;
        Ok(())
    }

    /// Puts the weights that are trained back into their place, to the bit.
    pub fn train(&mut self) {
        let _guard = tch::no_grad_guard();
        for slot in &mut self.slots {
            if let Some(trained) = slot.aside.take() {
                slot.weight.copy_(&trained);
            }
        }
        self.evaluates = false;
    }

    /// Refuses what is only for weights that are trained.
    pub(crate) fn require_training(&self) -> Result<(), Error> {
        match self.evaluates {
            true => Err(Error::Evaluating),
            false => self.require_own_weights(),
        }
    }

    /// Refuses an average in the place of weights.
    fn require_own_weights(&self) -> Result<(), Error> {
        let addresses = self.slots.iter().map(|slot| address(&slot.weight));
        match swapped::first(addresses) {
            Some(index) => Err(Error::Averaged {
                name: self.slots[index].name.clone(),
            }),
            None => Ok(()),
        }
    }
}
