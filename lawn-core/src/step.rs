//! One step for all parameters.

use std::cell::{Cell, OnceCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tch::Kind;

use crate::backend::interface::StepRequest;
use crate::backend::launches::Replay;
use crate::backend::slot::{Slot, place, working_kind};
use crate::config::{Clock, OptimizerConfig};
use crate::constraint::Phase;
use crate::constraint::form::ConstraintForm;
use crate::constraint::interface::NormConstraint;
use crate::diagnostics::Findings;
use crate::error::{Error, require};
use crate::optimizer::{Optimizer, ZERO_AT_FREEZE, ZERO_SINCE};
use crate::options::StepOptions;
use crate::parameters::treatment::Treatment;
use crate::report::{Limits, Reading, StepReport};
use crate::tables::gradient::Gradient;

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
    /// [`Error::SparseGradient`], [`Error::NoRowCounts`], [`Error::LearningRate`], at the freeze
    /// [`Error::Radius`], after a load [`Error::OtherWeights`], and of a rule of one's
    /// own [`Error::RuleAnswer`]. Nothing has changed then. [`Error::Interrupted`] after
    /// a panic in the middle of an earlier step, [`Error::Evaluating`] after
    /// [`eval`](Self::eval), [`Error::Averaged`] after
    /// [`WeightAverage::swap`](crate::WeightAverage::swap).
    ///
    /// # Panics
    ///
    /// If a rule of one's own panics; nothing has changed then. If libtorch fails, for instance
    /// because a device has no memory left.
    pub fn step(&mut self) -> Result<StepReport, Error> {
        self.step_with(StepOptions::default())
    }

    /// [`step`](Self::step) with options.
    ///
    /// # Errors
    ///
    /// Those of [`step`](Self::step), and [`Error::Setting`] for a gradient
    /// scale that is not a finite number above 0, or no samples where the
    /// schedule counts them.
    pub fn step_with(&mut self, options: StepOptions) -> Result<StepReport, Error> {
        self.take_step(options, None)
    }

    /// Takes a step, whose launches `replay` carries out where it is given.
    pub(crate) fn take_step(
        &mut self,
        options: StepOptions,
        replay: Option<Replay<'_>>,
    ) -> Result<StepReport, Error> {
        let _guard = tch::no_grad_guard();
        if self.interrupted {
            return Err(Error::Interrupted);
        }
        self.require_training()?;
        if self.depends_on_skipped(&options) {
            self.settle();
        }
        let learning_rate = self.rate_at(self.progress);
        self.require_valid(&options, learning_rate)?;
        self.diagnostics = Findings::Known(Vec::new());
        self.freed = OnceCell::new();
        let phase = self.phase();
        let form = self.config.constraint().map(NormConstraint::form);
        let constraint = form.as_ref().filter(|_| phase == Phase::Constrained);
        let found = self.gradients(constraint, &options)?;
        let updated = found.iter().flatten().count();
        if updated == 0 {
            return Err(Error::NoGradient);
        }
        if self.unverified {
            self.require_loaded_weights()?;
            self.unverified = false;
        }
        let freezes = phase == Phase::Constrained && !self.frozen;
        if freezes {
            self.freeze()?;
        }
        let limits = self.limits(phase);
        let known = self.least_steps();
        let parts = found.into_iter().map(|gradient| match gradient {
            Some(Gradient { values, rows }) => (Some(values), rows),
            None => (None, None),
        });
        let (gradients, rows): (Vec<_>, Vec<_>) = parts.unzip();
        let writes = Cell::new(false);
        let request = StepRequest {
            gradients: &gradients,
            rows: &rows,
            rule: &*self.config.rule,
            constraint,
            learning_rate,
            limits,
            options,
            weights: &self.weights,
            writes: &writes,
            replay,
        };
        let step = || self.backend.step(&mut self.slots, &request);
        let record = match catch_unwind(AssertUnwindSafe(step)) {
            Ok(Ok(record)) => record,
            stopped => {
                self.interrupted = writes.get();
                if freezes {
                    self.thaw();
                }
                match stopped {
                    Ok(stopped) => return Err(stopped.err().expect("others are above")),
                    Err(panic) => resume_unwind(panic),
                }
            }
        };
        if matches!(record.taken, Reading::Known(0.0)) {
            self.progress.skipped += 1;
        } else {
            self.rescaled = false;
            self.progress.steps += 1;
            self.progress.samples += options.samples;
        }
        self.diagnostics = record.findings;
        let slots = self.slots.iter_mut();
        slots.for_each(|slot| slot.row_counts.forget());
        if self.slots.iter().any(|slot| slot.has_lost) {
            self.report_free_units(ZERO_SINCE);
        }
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
            taken: record.taken,
            rate: record.rate,
            norm: record.norm,
            limits,
        })
    }

    /// Whether the host must know which steps a device has skipped before it begins this one.
    /// It must where they decide on the phase, on whether there is a learning rate, or on which
    /// samples the rates are for.
    fn depends_on_skipped(&self, options: &StepOptions) -> bool {
        let (least, most) = (self.least_steps(), self.progress.steps);
        let decides = |free_steps: u64| least < free_steps && free_steps <= most;
        let clock = self.backend.clock();
        least < most
            && (self.free_steps().is_some_and(decides)
                || self.config.clock == Clock::Samples
                    && clock.is_some_and(|clock| clock.samples() != options.samples)
                || !is_rate(self.rate_at(self.progress)))
    }

    /// Learns which steps a device has skipped; waits for it.
    pub(crate) fn settle(&mut self) {
        self.progress = self.known_progress();
        if let Some(clock) = self.backend.clock_mut() {
            clock.reset();
        }
    }

    pub(crate) fn limits(&self, phase: Phase) -> Limits {
        let OptimizerConfig {
            clip_norm,
            check_finite,
            ..
        } = self.config;
        let working = || self.slots.iter().map(|slot| working_kind(&slot.weight));
        let rule = &self.config.rule;
        let squares = |slot: &Slot| rule.squares_gradients(&slot.context(None, 0.0));
        let squares = phase == Phase::Constrained || self.slots.iter().any(squares);
        Limits {
            clip_norm,
            check_finite,
            reach: match check_finite || clip_norm.is_some() {
                true if squares && working().any(|kind| kind != Kind::Double) => SINGLE_REACH,
                true => DOUBLE_REACH,
                false => f64::INFINITY,
            },
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

    /// The gradient of each parameter that has one and requires it, and the rows of a table that
    /// it is of, if it is of some. Refuses parameters that have changed.
    fn gradients(
        &mut self,
        constraint: Option<&ConstraintForm>,
        options: &StepOptions,
    ) -> Result<Vec<Option<Gradient>>, Error> {
        self.slots.iter().try_for_each(Slot::require_unchanged)?;
        if self.slots.iter().any(Slot::has_moved) {
            self.weights = place(&mut self.slots)?;
        }
        let (rule, takes_rows) = (&*self.config.rule, self.backend.takes_rows());
        let slots = self.slots.iter().zip(&mut self.treatments);
        let gradient = |(slot, treatment): (&Slot, &mut Treatment)| {
            treatment.trained = slot.weight.requires_grad();
            let found = slot.weight.grad();
            if !treatment.trained || !found.defined() {
                return Ok(None);
            }
            let updates = slot.row_updates(rule, constraint);
            let all_counted = options.all_rows_counted;
            let counted = slot.row_counts.told().filter(|_| all_counted);
            let rows = (takes_rows, counted);
            let mut gradient = Gradient::new(slot, found, updates, rule.name(), rows)?;
            if let Some(cow_clip) = &self.config.cow_clip {
                let scale = options.gradient_scale;
                gradient = cow_clip.clip(slot, gradient, scale, all_counted)?;
            }
            Ok(Some(gradient))
        };
        slots.map(gradient).collect()
    }
}

/// The largest norm of gradients whose squares f32 can hold, with a margin: 2⁶².
const SINGLE_REACH: f64 = (1u64 << 62) as f64;

/// The same for f64: 2⁵⁰⁰.
const DOUBLE_REACH: f64 = f64::from_bits((1023 + 500) << 52);

fn is_rate(eta: f64) -> bool {
    eta.is_finite() && eta >= 0.0
}
