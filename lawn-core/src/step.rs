//! One step for all parameters.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tch::{Kind, Tensor};

use crate::backend::choice::Path;
use crate::backend::fused::Fused;
use crate::backend::multi_tensor::MultiTensor;
use crate::backend::reference::staged::stage;
use crate::backend::reference::update::{Request, commit, update};
use crate::config::{Clock, OptimizerConfig};
use crate::constraint::lawn::{LawnConfig, Phase};
use crate::diagnostics::{Findings, Measurement};
use crate::error::Error;
use crate::error::require;
use crate::optimizer::Optimizer;
use crate::optimizer::{ZERO_AT_FREEZE, ZERO_SINCE};
use crate::options::StepOptions;
use crate::parameters::slot::{Slot, place, working_kind};
use crate::report::StepReport;
use crate::report::{Limits, Reading};

impl Optimizer {
    /// Takes one step from the gradients that `backward` left.
    ///
    /// The gradients themselves are not changed. A parameter without one is
    /// left alone, and so is one that requires none at the moment, whatever gradient an
    /// earlier `backward` left. If any is not finite the step is skipped: nothing changes
    /// but [`skipped`](Self::skipped).
    ///
    /// The first step after a state was loaded past the freeze holds the norms of the
    /// weights to the radii of the state; it waits for an accelerator.
    ///
    /// *Differs from* PyTorch, where a step without any gradient does nothing in silence
    /// while the scheduler goes on, and one with a left-over gradient moves a parameter
    /// that requires none.
    ///
    /// # Errors
    ///
    /// [`Error::AddedLater`], [`Error::ParameterChanged`], [`Error::NoGradient`],
    /// [`Error::SparseGradient`], [`Error::LearningRate`], at the freeze
    /// [`Error::Radius`], after a load [`Error::OtherWeights`], and of a rule of one's
    /// own [`Error::RuleAnswer`]. Nothing has changed then. [`Error::Interrupted`] after
    /// a panic in the middle of an earlier step.
    ///
    /// # Panics
    ///
    /// If a rule of one's own does, and nothing has changed then either; if libtorch
    /// fails, as where a device has no memory left.
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
        let _guard = tch::no_grad_guard();
        if self.interrupted {
            return Err(Error::Interrupted);
        }
        if self.depends_on_skipped(&options) {
            self.settle();
        }
        let learning_rate = self.rate_at(self.progress);
        self.require_valid(&options, learning_rate)?;
        self.diagnostics = Findings::Known(Vec::new());
        self.freed = OnceCell::new();
        let gradients = self.gradients()?;
        let updated = gradients.iter().flatten().count();
        if updated == 0 {
            return Err(Error::NoGradient);
        }
        if self.unverified {
            self.require_loaded_weights()?;
            self.unverified = false;
        }
        let phase = self.phase();
        let freezes = phase == Phase::Constrained && !self.frozen;
        if freezes {
            self.freeze()?;
        }
        let limits = self.limits(phase);
        let known = self.least_steps();
        // Until all of it is written; a rule of one's own writes nothing before it is known.
        self.interrupted = self.watch.is_none();
        let (taken, rate, norm) = if let Some(multi_tensor) = &mut self.multi_tensor {
            let lawn = self.config.lawn.as_ref();
            let lawn = lawn.filter(|_| phase == Phase::Constrained);
            let begun = multi_tensor.step(
                &mut self.slots,
                &gradients,
                lawn,
                learning_rate,
                limits,
                &options,
            );
            if let Some(pending) = begun.diagnostics {
                self.diagnostics = pending.into();
            }
            self.progress.steps += 1;
            self.progress.samples += options.samples;
            (begun.taken, begun.rate, begun.norm.into())
        } else {
            let update = || self.update(&gradients, &options, phase, learning_rate, limits);
            let norm = match catch_unwind(AssertUnwindSafe(update)) {
                Ok(Ok(norm)) => norm,
                stopped => {
                    if freezes {
                        self.thaw();
                    }
                    match stopped {
                        Ok(stopped) => return Err(stopped.expect_err("others are above")),
                        Err(panic) => resume_unwind(panic),
                    }
                }
            };
            let taken = !limits.skips(norm);
            if taken {
                self.progress.steps += 1;
                self.progress.samples += options.samples;
            } else {
                self.progress.skipped += 1;
            }
            if self.slots.iter().any(|slot| slot.has_lost) {
                self.report_free_units(ZERO_SINCE);
            }
            let taken = Reading::Known(f64::from(u8::from(taken)));
            (taken, Reading::Known(learning_rate), Reading::Known(norm))
        };
        self.interrupted = false;
        if freezes {
            self.settle();
            if self.progress.steps == known {
                self.thaw();
            } else {
                self.report_free_units(ZERO_AT_FREEZE);
            }
        }
        Ok(StepReport {
            phase,
            updated,
            known,
            taken,
            rate,
            norm,
            limits,
        })
    }

    /// Whether the host must know which steps a device has skipped before it can
    /// begin this one: where that decides on the phase, or whether there is a
    /// learning rate, or which samples the rates looked up are for.
    fn depends_on_skipped(&self, options: &StepOptions) -> bool {
        let (least, most) = (self.least_steps(), self.progress.steps);
        let decides = |lawn: &LawnConfig| least < lawn.free_steps && lawn.free_steps <= most;
        let multi_tensor = self.multi_tensor.as_ref();
        let others = |multi_tensor: &MultiTensor| multi_tensor.samples() != options.samples;
        least < most
            && (self.config.lawn.as_ref().is_some_and(decides)
                || self.config.clock == Clock::Samples && multi_tensor.is_some_and(others)
                || !is_rate(self.rate_at(self.progress)))
    }

    /// Learns which steps a device has skipped; waits for it.
    pub(crate) fn settle(&mut self) {
        self.progress = self.known_progress();
        if let Some(multi_tensor) = &mut self.multi_tensor {
            multi_tensor.settle();
        }
    }

    fn limits(&self, phase: Phase) -> Limits {
        let OptimizerConfig {
            clip_norm,
            check_finite,
            ..
        } = self.config;
        let working = || self.slots.iter().map(|slot| working_kind(&slot.weight));
        let squares = phase == Phase::Constrained
            || self.config.rule.builtin().is_some_and(|rule| {
                let context = self.slots[0].context(None, 0.0);
                rule.form(&context).squares_gradients()
            });
        Limits {
            clip_norm,
            check_finite,
            reach: match check_finite || clip_norm.is_some() {
                true if squares && working().any(|kind| kind != Kind::Double) => SINGLE_REACH,
                true => DOUBLE_REACH,
                false => f64::INFINITY,
            },
            clips_alone: self.multi_tensor.is_none() || working().any(|kind| kind == Kind::Double),
        }
    }

    fn require_valid(&self, options: &StepOptions, learning_rate: f64) -> Result<(), Error> {
        if let Some(store) = &self.store {
            store.require_unchanged()?;
        }
        let scale = options.gradient_scale;
        let valid = scale.is_finite() && scale > 0.0;
        require(valid, "gradient_scale", "a finite number above 0", scale)?;
        let counted = self.config.clock == Clock::Steps || options.samples > 0;
        let expected = "at least 1 where the schedule counts samples";
        require(counted, "samples", expected, 0.0)?;
        if is_rate(learning_rate) {
            Ok(())
        } else {
            Err(Error::LearningRate {
                step: self.progress.steps,
                found: learning_rate,
            })
        }
    }

    /// Updates all parameters that have a gradient, unless the step is skipped;
    /// answers the global gradient norm.
    fn update(
        &mut self,
        gradients: &[Option<Tensor>],
        options: &StepOptions,
        phase: Phase,
        rate: f64,
        limits: Limits,
    ) -> Result<f64, Error> {
        let rule = &*self.config.rule;
        let lawn = self.config.lawn.as_ref();
        let lawn = lawn.filter(|_| phase == Phase::Constrained);
        let builtin = rule.builtin().filter(|_| self.path == Path::Kernels);
        let mut fused = builtin
            .as_ref()
            .map(|builtin| Fused::new(&self.slots, &self.weights, gradients, builtin, lawn, rate));
        let taken: Vec<bool> = (0..self.slots.len())
            .map(|index| fused.as_ref().is_some_and(|fused| fused.takes(index)))
            .collect();
        let others = gradients.iter().zip(&taken).filter(|(_, taken)| !**taken);
        let others_square = square(others.filter_map(|(gradient, _)| gradient.as_ref()));
        let norm = |fused: Option<&Fused<'_>>| {
            (others_square + fused.map_or(0.0, Fused::square)).sqrt() / options.gradient_scale
        };

        let mut factor = 1.0 / options.gradient_scale;
        if limits.check_finite || limits.clip_norm.is_some() {
            if let Some(fused) = &mut fused {
                fused.sum();
            }
            let norm = norm(fused.as_ref());
            if !norm.is_finite()
                && let Some(smaller) = fitting(gradients)
            {
                drop(fused);
                let options = StepOptions {
                    gradient_scale: options.gradient_scale * DOWN,
                    ..*options
                };
                return self.update(&smaller, &options, phase, rate, limits);
            }
            if limits.skips(norm) {
                return Ok(norm);
            }
            factor = limits.clip_factor(norm) / options.gradient_scale;
        }

        let mut measured = vec![Vec::new(); self.slots.len()];
        if let Some(fused) = &mut fused {
            fused.step(factor, options.diagnostics);
            for (index, measured) in measured
                .iter_mut()
                .enumerate()
                .filter(|_| options.diagnostics)
            {
                let outcomes = fused.outcomes(index).unwrap_or_default();
                *measured = outcomes.iter().map(Measurement::from_outcome).collect();
            }
        }
        let norm = norm(fused.as_ref());
        let held: Vec<bool> = (0..self.slots.len())
            .map(|index| fused.as_ref().is_some_and(|fused| fused.holds(index)))
            .collect();
        let lost: Vec<Vec<usize>> = (0..self.slots.len())
            .map(|index| fused.as_ref().map_or(Vec::new(), |fused| fused.lost(index)))
            .collect();
        drop(fused);
        let request = Request {
            rule,
            lawn,
            learning_rate: rate,
            factor,
            measure: options.diagnostics,
        };
        let mut staged = match &self.watch {
            Some(watch) => stage(&self.slots, gradients, &request, watch, limits.check_finite)?,
            None => Vec::new(),
        };
        self.interrupted = true;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let Some(gradient) = &gradients[index] else {
                continue;
            };
            if taken[index] {
                slot.held = held[index];
                slot.release(&lost[index]);
            } else {
                measured[index] = match staged.get_mut(index).and_then(Option::take) {
                    Some(staged) => commit(slot, staged),
                    None => update(slot, &request, gradient),
                };
            }
            slot.updates += 1;
        }
        let mut diagnostics = Vec::new();
        for (slot, measured) in self.slots.iter().zip(measured) {
            for (unit, measured) in measured.into_iter().enumerate() {
                let radius = slot.radii.get(unit).copied().unwrap_or(0.0);
                let named = measured.named(&slot.name, unit, radius, options.gradient_scale);
                diagnostics.push(named);
            }
        }
        self.diagnostics = Findings::Known(diagnostics);
        Ok(norm)
    }

    /// The gradient of each parameter that has one and requires it, once all parameters
    /// are known to be what they were.
    fn gradients(&mut self) -> Result<Vec<Option<Tensor>>, Error> {
        self.slots.iter().try_for_each(Slot::require_unchanged)?;
        if self.slots.iter().any(Slot::has_moved) {
            self.weights = place(&mut self.slots)?;
        }
        self.slots
            .iter()
            .zip(&mut self.treatments)
            .map(|(slot, treatment)| {
                treatment.trained = slot.weight.requires_grad();
                let gradient = slot.weight.grad();
                if !treatment.trained || !gradient.defined() {
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
}

/// The largest norm of gradients whose squares f32 can hold, and some way on.
const SINGLE_REACH: f64 = (1u64 << 62) as f64;

/// The same for f64: 2⁵⁰⁰.
const DOUBLE_REACH: f64 = f64::from_bits((1023 + 500) << 52);

/// 2⁻⁵⁶⁰, by which any gradient of f64 comes within reach, and no bit is lost.
const DOWN: f64 = f64::from_bits((1023 - 560) << 52);

/// The gradients times [`DOWN`], if they are finite and some are of f64, whose
/// squares overflow.
fn fitting(gradients: &[Option<Tensor>]) -> Option<Vec<Option<Tensor>>> {
    let present = || gradients.iter().flatten().filter(|g| g.numel() > 0);
    let finite = |g: &Tensor| g.isfinite().all().int64_value(&[]) != 0;
    let fits = present().any(|g| g.kind() == Kind::Double) && present().all(finite);
    fits.then(|| {
        let smaller = |g: &Option<Tensor>| g.as_ref().map(|g| g * DOWN);
        gradients.iter().map(smaller).collect()
    })
}

fn is_rate(eta: f64) -> bool {
    eta.is_finite() && eta >= 0.0
}

/// `Σ ⟨g,g⟩`; the one point at which a step waits for a device.
fn square<'a>(gradients: impl Iterator<Item = &'a Tensor>) -> f64 {
    let norms: Vec<Tensor> = gradients
        .filter(|g| g.numel() > 0)
        .map(crate::backend::reference::equations::norm)
        .collect();
    if norms.is_empty() {
        return 0.0;
    }
    Tensor::stack(&norms, 0)
        .square()
        .sum(Kind::Double)
        .double_value(&[])
}
