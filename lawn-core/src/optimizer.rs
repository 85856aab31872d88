//! The optimizer: parameters, a rule, and what the rule remembers of them.

use std::cell::OnceCell;

use serde::Serialize;
use tch::{COptimizer, Tensor};

use crate::backend::choice::Circumstances;
use crate::backend::clock::{Clock as DeviceClock, Counts};
use crate::backend::interface::{Backend, Setup};
use crate::backend::slot::{Slot, place};
use crate::backend::{self, ChosenBackend, taken_by_cuda};
use crate::config::{Clock, OptimizerConfig};
use crate::constraint::Phase;
use crate::constraint::form::ConstraintForm;
use crate::constraint::interface::{NormConstraint, require_at_most_one};
use crate::diagnostics::{Diagnostics, Findings};
use crate::error::{Error, require};
use crate::parameters::group::{Group, Regrouping};
use crate::parameters::layout::DisjointSpans;
use crate::parameters::parameter::Parameters;
use crate::parameters::parameter::Store;
use crate::parameters::treatment::plan;
use crate::parameters::treatment::{Constraint, Treatment};
use crate::rule::watched::{Watch, WatchedRule};
use crate::rule::{RowUpdates, Rule, RuleConfig};
use crate::units::{host, norm};

/// Parameters, a rule, and what the rule remembers of them.
///
/// Built by [`OptimizerConfig::build`].
#[derive(Debug)]
pub struct Optimizer {
    pub(crate) config: OptimizerConfig<Box<dyn Rule>>,
    pub(crate) slots: Vec<Slot>,
    /// What takes the steps.
    pub(crate) backend: Box<dyn Backend>,
    /// Which it is.
    chosen: ChosenBackend,
    /// Where their weights lie.
    pub(crate) weights: DisjointSpans,
    pub(crate) treatments: Vec<Treatment>,
    /// What they were before the freeze.
    pub(crate) planned: Vec<Treatment>,
    /// The rule, if it is built in.
    pub(crate) builtin: Option<RuleConfig>,
    /// Steps that a device may have skipped count as taken here.
    pub(crate) progress: Progress,
    /// What multiplies the rates of the schedule.
    pub(crate) rate_factor: f64,
    /// What was set for some parameters since it was built, in order.
    pub(crate) regrouped: Vec<Regrouping>,
    /// Whether the radii are fixed.
    pub(crate) frozen: bool,
    /// Steps before the freeze, where it was told to come at another than the constraint says.
    pub(crate) freeze_at: Option<u64>,
    /// Whether the radii are others than the norms of the weights, until the next step.
    pub(crate) rescaled: bool,
    /// Whether the radii are of a loaded state and were not yet compared with the weights.
    pub(crate) unverified: bool,
    /// Whether a panic has left a step half done.
    pub(crate) interrupted: bool,
    /// Whether weights for evaluation are in the place of those that are trained.
    pub(crate) evaluates: bool,
    pub(crate) diagnostics: Findings,
    /// The treatments, with the units that a device has let go of since the freeze. Made when
    /// someone asks for them.
    pub(crate) freed: OnceCell<Vec<Treatment>>,
    /// Where the parameters are from.
    pub(crate) store: Option<Store>,
    /// libtorch's own optimizer. tch offers no other way to let go of gradients instead of
    /// filling them with zeros.
    gradients: COptimizer,
}

/// How far an optimizer has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    /// Steps taken.
    pub(crate) steps: u64,
    /// Samples in them.
    pub(crate) samples: u64,
    /// Steps skipped.
    pub(crate) skipped: u64,
}

/// The norm of one parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WeightNorm {
    /// Name of the parameter.
    pub parameter: String,
    /// `‖w‖₂` of the whole tensor.
    pub norm: f64,
    /// Whether it is under a norm constraint in the next step.
    pub constrained: bool,
}

impl<R: Rule + 'static> OptimizerConfig<R> {
    /// The optimizer of these parameters.
    ///
    /// # Errors
    ///
    /// [`Error::NoParameters`], [`Error::NothingTrained`]; [`Error::Setting`] for a
    /// number outside of its domain; [`Error::UnmatchedPattern`],
    /// [`Error::OverlappingGroups`], [`Error::Unconstrainable`],
    /// [`Error::EmptyScope`] for a selection that cannot be meant;
    /// [`Error::UndecidedScope`] for one that names do not tell;
    /// [`Error::DecayOnConstrained`]; [`Error::TwoConstraints`].
    pub fn build(self, parameters: Parameters) -> Result<Optimizer, Error> {
        if parameters.is_empty() {
            return Err(Error::NoParameters);
        }
        self.rule.validate()?;
        self.schedule.validate()?;
        self.decay.validate()?;
        self.groups.iter().try_for_each(Group::validate)?;
        if let Some(clip) = self.clip_norm {
            require(clip > 0.0, "clip_norm", "a number above 0", clip)?;
        }
        if let Some(cow_clip) = &self.cow_clip {
            cow_clip.validate()?;
        }
        require_at_most_one(self.constraints())?;
        if let Some(constraint) = self.constraint() {
            constraint.validate()?;
        }
        let extent = self.constraint().map(NormConstraint::extent);
        let treatments = plan(&parameters, extent, self.decay, &self.groups)?;
        let builtin = RuleConfig::of(&self.rule);
        let mut watch = None;
        let config = self.map_rule(|rule| -> Box<dyn Rule> {
            match builtin {
                Some(builtin) => Box::new(builtin),
                None => Box::new(WatchedRule::new(
                    rule,
                    watch.insert(Watch::default()).clone(),
                )),
            }
        });
        Optimizer::new(config, parameters, treatments, builtin, watch)
    }
}

impl Optimizer {
    fn new(
        config: OptimizerConfig<Box<dyn Rule>>,
        parameters: Parameters,
        mut treatments: Vec<Treatment>,
        builtin: Option<RuleConfig>,
        watch: Option<Watch>,
    ) -> Result<Self, Error> {
        let mut gradients = COptimizer::sgd(0.0, 0.0, 0.0, 0.0, false)?;
        let (parameters, store) = parameters.into_parts();
        let mut slots = Vec::with_capacity(parameters.len());
        for (parameter, treatment) in parameters.into_iter().zip(&treatments) {
            gradients.add_parameters(&parameter.tensor, 0)?;
            slots.push(Slot::new(
                parameter,
                treatment,
                &*config.rule,
                config.master_weights,
            ));
        }
        let rule = &*config.rule;
        let form = config.constraint().map(NormConstraint::form);
        for (slot, treatment) in slots.iter().zip(&mut treatments) {
            slot.require_rows(rule)?;
            treatment.reason += &note(slot, rule, form.as_ref());
            if config.cow_clip.is_some() && slot.has_clipped_rows() {
                treatment.reason += "; CowClip clips its rows";
            }
        }
        let circumstances = Circumstances::of(config.backend, rule, &slots, form.as_ref())?;
        let setup = Setup {
            rule,
            slots: &mut slots,
            constraint: form.as_ref(),
            watch,
        };
        let (chosen, backend) = backend::build(&circumstances, setup);
        Ok(Self {
            config,
            backend,
            chosen,
            weights: place(&mut slots)?,
            slots,
            planned: treatments.clone(),
            treatments,
            builtin,
            progress: Progress::default(),
            rate_factor: 1.0,
            regrouped: Vec::new(),
            frozen: false,
            freeze_at: None,
            rescaled: false,
            unverified: false,
            interrupted: false,
            evaluates: false,
            diagnostics: Findings::Known(Vec::new()),
            freed: OnceCell::new(),
            store,
            gradients,
        })
    }

    /// Lets go of all gradients, so that the next `backward` writes new ones.
    ///
    /// # Panics
    ///
    /// If libtorch fails.
    pub fn zero_grad(&mut self) {
        let slots = self.slots.iter_mut();
        slots.for_each(|slot| slot.row_counts.forget());
        self.gradients
            .zero_grad()
            .expect("gradients can be let go of");
    }

    /// Where the schedule stands: steps taken, without those that were skipped.
    /// Waits for an accelerator.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.known_progress().steps
    }

    /// Steps skipped for a gradient that was not finite. Waits for an
    /// accelerator.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.known_progress().skipped
    }

    /// How far it has come; waits for a device that may have skipped steps.
    pub(crate) fn known_progress(&self) -> Progress {
        let skipped = (self.backend.clock()).map_or(Counts::default(), DeviceClock::skipped);
        Progress {
            steps: self.progress.steps - skipped.steps,
            samples: self.progress.samples - skipped.samples,
            skipped: self.progress.skipped + skipped.steps,
        }
    }

    /// Steps taken for sure: without those that a device may have skipped.
    pub(crate) fn least_steps(&self) -> u64 {
        self.progress.steps - self.backend.clock().map_or(0, DeviceClock::begun)
    }

    /// How often each parameter was updated.
    pub(crate) fn updates(&self) -> Vec<u64> {
        self.backend.updates(&self.slots)
    }

    /// Whether weights for evaluation are in the place of those that are trained; see
    /// [`eval`](Self::eval).
    #[must_use]
    pub fn is_evaluating(&self) -> bool {
        self.evaluates
    }

    /// The phase of the next step. Waits for an accelerator only where a skipped
    /// step would make the difference.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let Some(free_steps) = self.free_steps() else {
            return Phase::Free;
        };
        let over = self.progress.steps >= free_steps
            && (self.least_steps() >= free_steps || self.steps() >= free_steps);
        if over {
            Phase::Constrained
        } else {
            Phase::Free
        }
    }

    /// The learning rate of the next step, before the factors of groups. Waits
    /// for an accelerator.
    #[must_use]
    pub fn learning_rate(&self) -> f64 {
        self.rate_at(self.known_progress())
    }

    pub(crate) fn rate_at(&self, progress: Progress) -> f64 {
        let position = match self.config.clock {
            Clock::Steps => progress.steps,
            Clock::Samples => progress.samples,
        };
        self.config.schedule.lr_at(position) * self.rate_factor
    }

    /// What takes the steps, and where it is not the kernels of CUDA though a parameter is there, why.
    #[must_use]
    pub fn chosen_backend(&self) -> &ChosenBackend {
        &self.chosen
    }

    /// The parameters that the kernels of CUDA leave to libtorch's operations in some phase, or would
    /// leave to them there, in the order of the parameters: each then takes launches of its own.
    #[must_use]
    pub fn without_cuda_kernels(&self) -> Vec<&str> {
        let form = self.config.constraint().map(NormConstraint::form);
        let taken = taken_by_cuda(&*self.config.rule, &self.slots, form.as_ref());
        let all = self.slots.iter().zip(taken);
        all.filter(|(_, taken)| !taken)
            .map(|(slot, _)| slot.name.as_str())
            .collect()
    }

    /// What is done to each parameter, and why; in the order of the parameters.
    /// Waits for an accelerator after the freeze, which may have let go of units.
    #[must_use]
    pub fn treatments(&self) -> &[Treatment] {
        if self.backend.clock().is_none() || !self.frozen {
            return &self.treatments;
        }
        self.freed.get_or_init(|| {
            let mut treatments = self.treatments.clone();
            count_free_units(&self.radii(), &mut treatments, ZERO_SINCE);
            treatments
        })
    }

    /// The radii of each parameter, where they are fixed, as they are now; waits for
    /// an accelerator.
    pub(crate) fn radii(&self) -> Vec<Option<Vec<f64>>> {
        let radii = self.backend.radii(&self.slots);
        let fixed = |(slot, radii): (&Slot, Vec<f64>)| slot.radius.as_ref().map(|_| radii);
        self.slots.iter().zip(radii).map(fixed).collect()
    }

    /// The norm of every parameter, measured now, in f64.
    #[must_use]
    pub fn weight_norms(&self) -> Vec<WeightNorm> {
        let constrained = self.phase() == Phase::Constrained;
        let _guard = tch::no_grad_guard();
        let norms = self.slots.iter().map(|slot| norm(&slot.weight));
        // Stacked first, so that a device is waited for once and not for each.
        let norms = host(&Tensor::stack(&norms.collect::<Vec<_>>(), 0));
        self.slots
            .iter()
            .zip(norms)
            .map(|(slot, norm)| WeightNorm {
                parameter: slot.name.clone(),
                norm,
                constrained: constrained && slot.is_constrained(),
            })
            .collect()
    }

    /// What the last step did to each unit of each parameter that had a
    /// gradient, if [`StepOptions::diagnostics`](crate::StepOptions::diagnostics)
    /// asked for it; else nothing. Waits for an accelerator the first time after
    /// a step.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostics] {
        self.diagnostics.get()
    }

    /// Checks that the optimizer has every one of these parameters, such as
    /// those of the model after something was added to it.
    ///
    /// Each [`step`](Self::step) does so by itself for parameters
    /// [of a store](Parameters::from_var_store). Those of a list are not known
    /// to have grown: call this where the model may have.
    ///
    /// # Errors
    ///
    /// [`Error::AddedLater`] naming the first that it does not have.
    pub fn check(&self, parameters: &Parameters) -> Result<(), Error> {
        let known = |name: &str| self.slots.iter().any(|slot| slot.name == name);
        match parameters.iter().find(|parameter| !known(&parameter.name)) {
            Some(parameter) => Err(Error::AddedLater {
                name: parameter.name.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Counts the units without a radius in the treatments. `why` is the reason that a
    /// treatment gives.
    pub(crate) fn report_free_units(&mut self, why: &str) {
        if why == ZERO_AT_FREEZE {
            // The radii are new: what was reported of the earlier ones no longer holds.
            for (planned, treatment) in self.planned.iter().zip(&mut self.treatments) {
                *treatment = Treatment {
                    trained: treatment.trained,
                    decay: treatment.decay,
                    learning_rate_scale: treatment.learning_rate_scale,
                    ..planned.clone()
                };
            }
        }
        self.slots.iter_mut().for_each(|slot| slot.has_lost = false);
        self.freed = OnceCell::new();
        count_free_units(&self.radii(), &mut self.treatments, why);
    }
}

/// What the reason of a treatment says of what the rule does, and of the rows of a table.
fn note(slot: &Slot, rule: &dyn Rule, constraint: Option<&ConstraintForm>) -> String {
    let mut note = String::new();
    let treats = rule.treats(&slot.context(None, 0.0));
    if !treats.is_empty() {
        note = format!("; {treats}");
    }
    let touched = |constraint| slot.row_updates(rule, constraint) == RowUpdates::Touched;
    note += match (touched(None), touched(constraint)) {
        (true, _) => "; rows without a gradient are left alone",
        (false, true) => "; rows without a gradient are left alone from the freeze on",
        (false, false) => "",
    };
    note
}

/// Why a unit has no radius: it had no direction to keep.
pub(crate) const ZERO_AT_FREEZE: &str = "norm 0 at the freeze";
/// Why a unit has lost its radius.
pub(crate) const ZERO_SINCE: &str = "norm 0 since the freeze";

fn count_free_units(radii: &[Option<Vec<f64>>], treatments: &mut [Treatment], why: &str) {
    for (radii, treatment) in radii.iter().zip(treatments) {
        let Some(radii) = radii else { continue };
        treatment.free_units = radii.iter().filter(|radius| **radius == 0.0).count() as i64;
        let all = treatment.free_units == treatment.units;
        if all && treatment.constraint == Constraint::Constrained {
            treatment.constraint = Constraint::Free;
            treatment.reason = why.to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    use crate::{AdamConfig, Parameter, Role, Schedule, State};

    #[test]
    fn a_step_that_was_broken_off_is_not_gone_on_from() {
        let tensor = Tensor::ones([2, 3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let one = Parameter {
            name: "w".into(),
            role: Role::Weight,
            tensor: tensor.shallow_clone(),
        };
        let config = OptimizerConfig::new(AdamConfig::default(), Schedule::constant(0.1));
        let mut optimizer = config.build(Parameters::new(vec![one]).unwrap()).unwrap();
        let state = optimizer.state();
        tensor.square().sum(Kind::Float).backward();
        optimizer.step().unwrap();
        // As a failed allocation of libtorch leaves it.
        optimizer.interrupted = true;
        assert!(matches!(optimizer.step(), Err(Error::Interrupted)));
        optimizer.load_state(&state).unwrap();
        optimizer.step().unwrap();
    }

    #[test]
    fn what_threads_hand_to_each_other_can_be_sent() {
        fn sent<T: Send>() {}
        fn shared<T: Send + Sync>() {}
        sent::<Optimizer>();
        sent::<Parameters>();
        sent::<State>();
        sent::<crate::StepReport>();
        shared::<Error>();
        shared::<OptimizerConfig>();
        shared::<Diagnostics>();
    }
}
