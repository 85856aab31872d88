//! The door to what computes the steps.

use std::cell::Cell;
use std::fmt;

use tch::Tensor;

use crate::backend::choice::Circumstances;
use crate::backend::clock::Clock;
use crate::backend::kernel::norms::unit_norms;
use crate::backend::launches::{Replay, StepLaunches};
use crate::backend::slot::Slot;
use crate::constraint::form::ConstraintForm;
use crate::diagnostics::Findings;
use crate::error::Error;
use crate::options::StepOptions;
use crate::parameters::layout::DisjointSpans;
use crate::report::{Limits, Reading};
use crate::rule::Rule;
use crate::rule::watched::Watch;

/// What computes the steps of an optimizer.
///
/// A step is given as plain data: the rule's [`form`](Rule::form), the [`ConstraintForm`],
/// numbers, and the slots of the parameters. A backend may keep a part of the slots elsewhere,
/// as on a device. The methods after [`step`](Self::step) find that part; without them it is
/// in the slots.
pub(crate) trait Backend: fmt::Debug + Send {
    /// Takes one step of all parameters that have a gradient, or skips it.
    ///
    /// # Errors
    ///
    /// [`Error::RuleAnswer`]; nothing is written then.
    fn step(&mut self, slots: &mut [Slot], request: &StepRequest<'_>) -> Result<StepRecord, Error>;

    /// Whether it takes gradients of some rows of a table.
    fn takes_rows(&self) -> bool {
        true
    }

    /// Takes over learning rates and decays of parameters that were set in the slots since it was
    /// made, where it goes on as it was but for these numbers; answers whether it does. If not,
    /// nothing has changed, and [`regroup`](Self::regroup) follows. One that reads them from the
    /// slots has nothing to do.
    fn renumber(
        &mut self,
        _slots: &[Slot],
        _rule: &dyn Rule,
        _constraint: Option<&ConstraintForm>,
    ) -> bool {
        true
    }

    /// The same wherever the parameters belong from now on. [`load`](Self::load) follows.
    fn regroup(&mut self, _slots: &[Slot], _rule: &dyn Rule, _constraint: Option<&ConstraintForm>) {
    }

    /// The norms of the units of each parameter under the constraint, shaped as
    /// [`Granularity::dot`](crate::Granularity::dot)'s result; nothing for the others.
    fn unit_norms(&mut self, slots: &[Slot], form: &ConstraintForm) -> Vec<Option<Tensor>> {
        let norms = |slot: &Slot| {
            let form = slot.form(Some(form))?;
            Some(unit_norms(slot.working(), form.granularity))
        };
        slots.iter().map(norms).collect()
    }

    /// Takes over radii and counts of updates that were put into the slots.
    fn load(&mut self, _slots: &mut [Slot]) {}

    /// The buffers of a parameter as its rule has them.
    fn buffers(&self, slot: &Slot, _rule: &dyn Rule) -> Vec<Tensor> {
        slot.shared_buffers()
    }

    /// How often each parameter was updated; waits for a device that counts.
    fn updates(&self, slots: &[Slot]) -> Vec<u64> {
        slots.iter().map(|slot| slot.updates).collect()
    }

    /// The radii of each parameter, where they are fixed; 0 for a unit that has become
    /// free. Waits for a device that has them.
    fn radii(&self, slots: &[Slot]) -> Vec<Vec<f64>> {
        slots.iter().map(|slot| slot.radii.clone()).collect()
    }

    /// What a constraint remembers of each unit of each parameter; nothing where it remembers
    /// nothing. Waits for a device that has it.
    fn memories(&self, slots: &[Slot]) -> Vec<Vec<f64>> {
        slots.iter().map(|slot| slot.memories.clone()).collect()
    }

    /// The launches of a step of one phase, the same in each such step whatever the gradients: what a
    /// graph can hold.
    ///
    /// # Errors
    ///
    /// In words, why it has none.
    fn launches(
        &self,
        _slots: &[Slot],
        _constrained: bool,
        _limits: Limits,
    ) -> Result<StepLaunches, String> {
        Err("its steps are not taken by the kernels of CUDA".to_owned())
    }

    /// Carries out such launches, and nothing else of a step.
    ///
    /// # Panics
    ///
    /// If they are none of its own, as it is now.
    fn launch_again(&self, _launches: &StepLaunches) {
        unreachable!("it has none to be told of");
    }

    /// The count of steps that a device has taken, if the host goes on without knowing it.
    fn clock(&self) -> Option<&Clock> {
        None
    }

    /// The same, to count anew.
    fn clock_mut(&mut self) -> Option<&mut Clock> {
        None
    }
}

/// What a step is made of.
#[derive(Clone, Copy)]
pub(crate) struct StepRequest<'a> {
    /// The model's gradient of each parameter, where it has one.
    pub(crate) gradients: &'a [Option<Tensor>],
    /// The rows of a table that its gradient is of, where it is of some; `[n]`, i64, each once.
    /// The update is for these rows alone.
    pub(crate) rows: &'a [Option<Tensor>],
    pub(crate) rule: &'a dyn Rule,
    /// In the constrained phase.
    pub(crate) constraint: Option<&'a ConstraintForm>,
    /// The scheduled one. Steps that a device may have skipped count as taken.
    pub(crate) learning_rate: f64,
    pub(crate) limits: Limits,
    pub(crate) options: StepOptions,
    /// Where the weights lie.
    pub(crate) weights: &'a DisjointSpans,
    /// Set by the backend before its first write: a panic after it leaves a step half done.
    pub(crate) writes: &'a Cell<bool>,
    /// What carries the launches out in its place; given only to a backend that has
    /// [launches](Backend::launches).
    pub(crate) replay: Option<Replay<'a>>,
}

/// What the host knows of a step.
pub(crate) struct StepRecord {
    /// The global gradient norm, of unscaled gradients.
    pub(crate) norm: Reading,
    /// Its learning rate.
    pub(crate) rate: Reading,
    /// Steps taken since the host last knew, this one included.
    pub(crate) taken: Reading,
    /// What [`StepOptions::diagnostics`] asked for.
    pub(crate) findings: Findings,
}

/// A backend in the list of them.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// Whether it can take the steps.
    pub(crate) suits: fn(&Circumstances) -> bool,
    pub(crate) new: fn(Setup<'_>) -> Box<dyn Backend>,
}

/// What a backend is made for.
pub(crate) struct Setup<'a> {
    pub(crate) rule: &'a dyn Rule,
    pub(crate) slots: &'a mut [Slot],
    pub(crate) constraint: Option<&'a ConstraintForm>,
    /// What the rule answers, if it is one of the user's own.
    pub(crate) watch: Option<Watch>,
}
