//! The optimizer: one step for all parameters.

use serde::Serialize;
use tch::{COptimizer, Kind, Tensor};

use crate::diagnostics::{Diagnostics, Measured};
use crate::error::require;
use crate::fused::Fused;
use crate::slot::{Slot, host};
use crate::treatment::{Constraint, Treatment};
use crate::{Backend, Clock, Error, LawnConfig, OptimizerConfig, Parameters, Phase, Rule, State};

/// Parameters, a rule, and what the rule remembers of them.
///
/// Built by [`OptimizerConfig::build`].
#[derive(Debug)]
pub struct Optimizer {
    pub(crate) config: OptimizerConfig<Box<dyn Rule>>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) treatments: Vec<Treatment>,
    pub(crate) steps: u64,
    pub(crate) samples: u64,
    pub(crate) skipped: u64,
    /// Whether the radii are fixed.
    pub(crate) frozen: bool,
    diagnostics: Vec<Diagnostics>,
    /// libtorch's own optimizer, for the one thing that tch offers nowhere
    /// else: to let go of gradients instead of filling them with zeros.
    gradients: COptimizer,
}

/// What [`Optimizer::step_with`] may be told about a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepOptions {
    /// How many samples the gradients are of; read where the schedule's
    /// [`Clock`] counts samples.
    pub samples: u64,
    /// What the loss was multiplied by, so that the gradients are divided by
    /// it: the scale of mixed precision, or the number of accumulated
    /// micro-batches.
    pub gradient_scale: f64,
    /// Whether [`Optimizer::diagnostics`] shall tell about this step.
    pub diagnostics: bool,
}

impl Default for StepOptions {
    fn default() -> Self {
        Self {
            samples: 0,
            gradient_scale: 1.0,
            diagnostics: false,
        }
    }
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StepReport {
    /// Steps taken so far, this one included unless it was skipped.
    pub step: u64,
    /// The phase it was taken in.
    pub phase: Phase,
    /// Its learning rate, before the factors of groups.
    pub learning_rate: f64,
    /// `‖g‖₂` over the gradients of all parameters, unscaled and before clipping.
    pub gradient_norm: f64,
    /// What clipping multiplied the gradients by; 1 where it did nothing.
    pub clip_factor: f64,
    /// Whether a gradient was not finite, so that nothing was changed.
    pub skipped: bool,
}

/// The norm of one parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WeightNorm {
    /// Name of the parameter.
    pub parameter: String,
    /// `‖w‖₂` of the whole tensor.
    pub norm: f64,
    /// Whether it is under a norm constraint in the next step.
    pub constrained: bool,
}

impl Optimizer {
    pub(crate) fn new(
        config: OptimizerConfig<Box<dyn Rule>>,
        parameters: Parameters,
        treatments: Vec<Treatment>,
    ) -> Result<Self, Error> {
        let mut gradients = COptimizer::sgd(0.0, 0.0, 0.0, 0.0, false)?;
        let mut slots = Vec::with_capacity(parameters.len());
        for (parameter, treatment) in parameters.into_vec().into_iter().zip(&treatments) {
            gradients.add_parameters(&parameter.tensor, 0)?;
            slots.push(Slot::new(
                parameter,
                treatment,
                &*config.rule,
                config.master_weights,
            ));
        }
        let (steps, samples, skipped, frozen) = (0, 0, 0, false);
        Ok(Self {
            config,
            slots,
            treatments,
            steps,
            samples,
            skipped,
            frozen,
            diagnostics: Vec::new(),
            gradients,
        })
    }

    /// Takes one step from the gradients that `backward` left.
    ///
    /// The gradients themselves are not changed. A parameter without one is
    /// left alone. If any is not finite the step is skipped: nothing changes
    /// but [`skipped`](Self::skipped).
    ///
    /// # Errors
    ///
    /// [`Error::SparseGradient`], [`Error::LearningRate`], and at the freeze
    /// [`Error::Radius`]. Nothing has changed then.
    pub fn step(&mut self) -> Result<StepReport, Error> {
        self.step_with(StepOptions::default())
    }

    /// [`step`](Self::step), told more about the gradients.
    ///
    /// # Errors
    ///
    /// Those of [`step`](Self::step), and [`Error::Setting`] for a gradient
    /// scale that is not a finite number above 0, or no samples where the
    /// schedule counts them.
    pub fn step_with(&mut self, options: StepOptions) -> Result<StepReport, Error> {
        let StepOptions {
            samples,
            gradient_scale,
            diagnostics,
        } = options;
        let valid = gradient_scale.is_finite() && gradient_scale > 0.0;
        require(
            valid,
            "gradient_scale",
            "a finite number above 0",
            gradient_scale,
        )?;
        let counted = self.config.clock == Clock::Steps || samples > 0;
        require(
            counted,
            "samples",
            "at least 1 where the schedule counts samples",
            0.0,
        )?;
        let learning_rate = self.learning_rate();
        if !(learning_rate.is_finite() && learning_rate >= 0.0) {
            return Err(Error::LearningRate {
                step: self.steps,
                found: learning_rate,
            });
        }
        let phase = self.phase();
        let _guard = tch::no_grad_guard();
        self.diagnostics.clear();

        let gradients = self.gradients()?;
        let freezes = phase == Phase::Constrained && !self.frozen;
        if freezes {
            self.freeze()?;
        }
        let lawn = self
            .config
            .lawn
            .as_ref()
            .filter(|_| phase == Phase::Constrained);
        let mut report = StepReport {
            step: self.steps,
            phase,
            learning_rate,
            gradient_norm: 0.0,
            clip_factor: 1.0,
            skipped: false,
        };
        let rule = &*self.config.rule;
        let builtin = rule
            .builtin()
            .filter(|_| self.config.backend == Backend::Auto);
        let mut fused = builtin
            .as_ref()
            .map(|builtin| Fused::new(&self.slots, &gradients, builtin, lawn, learning_rate));
        let taken: Vec<bool> = (0..self.slots.len())
            .map(|index| fused.as_ref().is_some_and(|fused| fused.takes(index)))
            .collect();
        let others = gradients.iter().zip(&taken).filter(|(_, taken)| !**taken);
        let others_square = square(others.filter_map(|(gradient, _)| gradient.as_ref()));
        let norm = |fused: Option<&Fused<'_>>| {
            (others_square + fused.map_or(0.0, Fused::square)).sqrt() / gradient_scale
        };
        if self.config.check_finite || self.config.clip_norm.is_some() {
            if let Some(fused) = &mut fused {
                fused.sum();
            }
            report.gradient_norm = norm(fused.as_ref());
            report.skipped = self.config.check_finite && !report.gradient_norm.is_finite();
            if let Some(clip) = self
                .config
                .clip_norm
                .filter(|&clip| report.gradient_norm > clip)
            {
                report.clip_factor = clip / report.gradient_norm;
            }
        }
        if report.skipped {
            drop(fused);
            if freezes {
                self.thaw();
            }
            self.skipped += 1;
            return Ok(report);
        }
        let factor = report.clip_factor / gradient_scale;
        let mut measured = vec![Vec::new(); self.slots.len()];
        if let Some(fused) = &mut fused {
            fused.step(factor, diagnostics);
            for (index, measured) in measured.iter_mut().enumerate().filter(|_| diagnostics) {
                let outcomes = fused.outcomes(index).unwrap_or_default();
                *measured = outcomes.iter().map(Measured::from_outcome).collect();
            }
        }
        report.gradient_norm = norm(fused.as_ref());
        drop(fused);
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let Some(gradient) = &gradients[index] else {
                continue;
            };
            if !taken[index] {
                measured[index] =
                    slot.update(rule, lawn, learning_rate, factor, gradient, diagnostics);
            }
            slot.updates += 1;
        }
        for (slot, measured) in self.slots.iter().zip(measured) {
            for (unit, measured) in measured.into_iter().enumerate() {
                let radius = slot.radii.get(unit).copied().unwrap_or(0.0);
                self.diagnostics
                    .push(measured.named(&slot.name, unit, radius, gradient_scale));
            }
        }
        if freezes {
            self.report_free_units();
        }
        self.steps += 1;
        self.samples += samples;
        report.step = self.steps;
        Ok(report)
    }

    /// Lets go of all gradients, so that the next `backward` writes new ones.
    ///
    /// # Panics
    ///
    /// If libtorch fails, which it has no reason to.
    pub fn zero_grad(&mut self) {
        self.gradients
            .zero_grad()
            .expect("gradients can be let go of");
    }

    /// Steps taken, without those that were skipped.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Steps skipped for a gradient that was not finite.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The phase of the next step.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match &self.config.lawn {
            Some(LawnConfig { free_steps, .. }) if self.steps >= *free_steps => Phase::Constrained,
            _ => Phase::Free,
        }
    }

    /// The learning rate of the next step, before the factors of groups.
    #[must_use]
    pub fn learning_rate(&self) -> f64 {
        self.config.schedule.lr_at(match self.config.clock {
            Clock::Steps => self.steps,
            Clock::Samples => self.samples,
        })
    }

    /// What is done to each parameter, and why; in the order of the parameters.
    #[must_use]
    pub fn treatments(&self) -> &[Treatment] {
        &self.treatments
    }

    /// The norm of every parameter, measured now, in f64.
    #[must_use]
    pub fn weight_norms(&self) -> Vec<WeightNorm> {
        let constrained = self.phase() == Phase::Constrained;
        let _guard = tch::no_grad_guard();
        let norms = self
            .slots
            .iter()
            .map(|slot| crate::reference::norm(&slot.weight));
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
    /// gradient, if [`StepOptions::diagnostics`] asked for it; else nothing.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostics] {
        &self.diagnostics
    }

    /// Checks that the optimizer has every one of these parameters, such as
    /// those of the model after something was added to it.
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

    /// All that a step depends on and the parameters do not hold, copied.
    #[must_use]
    pub fn state(&self) -> State {
        crate::snapshot::take(self)
    }

    /// Continues from a state, which must be of the same rule and parameters.
    ///
    /// Everything is checked before anything is changed. Hyper-parameters are
    /// this optimizer's own; those of the state are kept in it for the record.
    ///
    /// # Errors
    ///
    /// [`Error::StateVersion`], [`Error::StateMismatch`],
    /// [`Error::MissingEntry`], [`Error::ExtraEntry`], [`Error::EntryShape`],
    /// [`Error::EntryKind`], [`Error::EntryValue`], each naming the entry.
    pub fn load_state(&mut self, state: &State) -> Result<(), Error> {
        crate::snapshot::restore(self, state)
    }

    /// The gradient of each parameter that has one.
    fn gradients(&self) -> Result<Vec<Option<Tensor>>, Error> {
        self.slots
            .iter()
            .map(|slot| {
                let gradient = slot.weight.grad();
                if !gradient.defined() {
                    return Ok(None);
                }
                if gradient.is_sparse() {
                    return Err(Error::SparseGradient {
                        name: slot.name.clone(),
                    });
                }
                Ok(Some(gradient))
            })
            .collect()
    }

    /// Fixes the radii.
    fn freeze(&mut self) -> Result<(), Error> {
        let Some(lawn) = &self.config.lawn else {
            return Ok(());
        };
        let mut radii = Vec::new();
        for slot in &self.slots {
            let radius = slot
                .is_constrained()
                .then(|| slot.measure(lawn.granularity));
            if let Some(found) = radius
                .iter()
                .map(|r| r.max().double_value(&[]))
                .find(|max| !max.is_finite())
            {
                return Err(Error::Radius {
                    name: slot.name.clone(),
                    found,
                });
            }
            radii.push(radius);
        }
        for (slot, radius) in self.slots.iter_mut().zip(radii) {
            slot.set_radius(radius);
        }
        self.frozen = true;
        Ok(())
    }

    /// Forgets the radii again, for a freeze whose step was skipped.
    fn thaw(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.set_radius(None));
        self.frozen = false;
    }

    /// Counts the units without a radius into the treatments.
    pub(crate) fn report_free_units(&mut self) {
        for (slot, treatment) in self.slots.iter().zip(&mut self.treatments) {
            let Some(radius) = &slot.radius else { continue };
            treatment.free_units = radius.eq(0.0).sum(Kind::Int64).int64_value(&[]);
            if treatment.free_units == treatment.units {
                treatment.constraint = Constraint::Free;
                treatment.reason = "norm 0 at the freeze".to_owned();
            }
        }
    }
}

/// `Σ ⟨g,g⟩`; the one point at which a step waits for a device.
fn square<'a>(gradients: impl Iterator<Item = &'a Tensor>) -> f64 {
    let norms: Vec<Tensor> = gradients
        .filter(|g| g.numel() > 0)
        .map(crate::reference::norm)
        .collect();
    if norms.is_empty() {
        return 0.0;
    }
    Tensor::stack(&norms, 0)
        .square()
        .sum(Kind::Double)
        .double_value(&[])
}
