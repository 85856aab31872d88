//! The share of the kernels in a step: which parameters they take, and what they make of them.

use tch::{Kind, Tensor};

use super::average::NewAverage;
use super::layout::{block, in_layout, narrow_block, row_block, rows_in_layout};
use crate::backend::interface::StepRequest;
use crate::backend::kernel::width::{Width, has_units_in_one_piece, threads};
use crate::backend::kernel::{
    AverageStep, Block, Factors, Isa, Job, Kernel, Memory, NarrowBlock, Outcome, RowBlock, Runner,
    Scalars, Sums,
};
use crate::backend::slot::Slot;
use crate::constraint::form::ConstraintForm;
use crate::diagnostics::Measurement;
use crate::libtorch::versions::bump_versions;
use crate::rule::Context;
use crate::rule::form::{Direction, Form};
use crate::units::{Granularity, host, norm, rounding};

/// The parameters of one step that the kernels take.
#[derive(Debug)]
pub(super) struct KernelShare<'a> {
    /// All parameters of the optimizer.
    slots: &'a [Slot],
    /// Whether the constraint remembers something of each unit.
    remembers: bool,
    single: Runner<'a, Block<f32>>,
    double: Runner<'a, Block<f64>>,
    narrow: Runner<'a, NarrowBlock>,
    single_rows: Runner<'a, RowBlock<f32>>,
    double_rows: Runner<'a, RowBlock<f64>>,
    /// For each parameter, which runner's which job it is.
    places: Vec<Option<(Walk, usize)>>,
    /// `⟨w,w⟩` of each table of which some rows take the step, before it; 0 for the others, and
    /// where no diagnostics are asked for.
    tables: Vec<f64>,
    /// What becomes of averages of iterates.
    averages: Vec<NewAverage<'a>>,
    /// Gradients, some of them copies, and their rows, which must live as long as the pointers
    /// into them.
    _kept: Vec<Tensor>,
}

/// How the kernels walk through a parameter, and so which runner has it.
#[derive(Clone, Copy, Debug)]
enum Walk {
    /// All of it.
    Whole(Width),
    /// Some rows of a table of f32.
    SingleRows,
    /// The same of f64.
    DoubleRows,
}

impl<'a> KernelShare<'a> {
    /// Takes what it can of the parameters that have a gradient.
    pub(super) fn new(slots: &'a [Slot], request: &StepRequest<'_>) -> Self {
        let StepRequest {
            gradients,
            rows,
            rule,
            constraint,
            learning_rate,
            weights,
            ..
        } = *request;
        let (mut single, mut double, mut narrow) = (Vec::new(), Vec::new(), Vec::new());
        let (mut single_rows, mut double_rows) = (Vec::new(), Vec::new());
        let mut kept = Vec::new();
        let mut places = Vec::with_capacity(slots.len());
        let mut tables = vec![0.0; slots.len()];
        let mut averages = Vec::new();
        let parameters = slots.iter().zip(gradients).zip(rows).enumerate();
        for (index, ((slot, gradient), rows)) in parameters {
            let context = slot.context(constraint, learning_rate);
            // Kernels write as many buffers as their form is made with.
            let form = rule.form(&context);
            let form = form.filter(|form| form.direction.buffers() == slot.buffers.len());
            let form = form.and_then(|form| for_kernels(form, slot, &context));
            let Some((form, gradient)) = form.as_ref().zip(gradient.as_ref()) else {
                places.push(None);
                continue;
            };
            let averaging = match form.direction {
                Direction::Averaged(averaging) => Some(averaging),
                _ => None,
            };
            if let Some(rows) = rows {
                // Rows of their own have averages of their own, and a test is of all rows.
                if averaging.is_some() || form.radial.is_some() {
                    places.push(None);
                    continue;
                }
                let numbers = (form, &context, constraint, AverageStep::default());
                let gradient = rows_in_layout(slot, &context, gradient, rows);
                places.push(gradient.map(|mut g| {
                    if weights.meets(&g) {
                        g = g.copy();
                    }
                    let place = if slot.weight.kind() == Kind::Double {
                        let block = row_block(slot, &g, rows);
                        let job = push(&mut double_rows, slot, block, numbers);
                        (Walk::DoubleRows, job)
                    } else {
                        let block = row_block(slot, &g, rows);
                        let job = push(&mut single_rows, slot, block, numbers);
                        (Walk::SingleRows, job)
                    };
                    kept.extend([g, rows.shallow_clone()]);
                    if request.options.diagnostics {
                        tables[index] = host(&norm(&slot.weight))[0].powi(2);
                    }
                    place
                }));
                continue;
            }
            let gradient = in_layout(slot, &context, gradient);
            let average =
                averaging.and_then(|averaging| NewAverage::new(slot, &context, &averaging));
            let gradient = gradient.filter(|_| averaging.is_some() == average.is_some());
            let step = average
                .as_ref()
                .map_or_else(AverageStep::default, |average| average.step);
            let numbers = (form, &context, constraint, step);
            averages.extend(average.filter(|_| gradient.is_some()));
            places.push(gradient.map(|(width, mut g)| {
                if weights.meets(&g) {
                    // What is read must not be written meanwhile.
                    g = g.copy();
                }
                let index = match width {
                    Width::Narrow(format) => {
                        push(&mut narrow, slot, narrow_block(slot, &g, format), numbers)
                    }
                    Width::Single => push(&mut single, slot, block(slot, &g), numbers),
                    Width::Double => push(&mut double, slot, block(slot, &g), numbers),
                };
                kept.push(g);
                (Walk::Whole(width), index)
            }));
        }
        let (isa, threads) = (Isa::best(), threads());
        Self {
            slots,
            remembers: constraint.is_some_and(|form| form.remembered().is_some()),
            single: Runner::new(isa, threads, single),
            double: Runner::new(isa, threads, double),
            narrow: Runner::new(isa, threads, narrow),
            single_rows: Runner::new(isa, threads, single_rows),
            double_rows: Runner::new(isa, threads, double_rows),
            places,
            tables,
            averages,
            _kept: kept,
        }
    }

    /// Whether the kernels have this parameter.
    pub(super) fn takes(&self, parameter: usize) -> bool {
        self.places[parameter].is_some()
    }

    /// What the units of this parameter did.
    fn outcomes(&self, parameter: usize) -> Option<&[Outcome]> {
        Some(match self.places[parameter]? {
            (Walk::Whole(Width::Narrow(_)), job) => self.narrow.outcomes_of(job),
            (Walk::Whole(Width::Single), job) => self.single.outcomes_of(job),
            (Walk::Whole(Width::Double), job) => self.double.outcomes_of(job),
            (Walk::SingleRows, job) => self.single_rows.outcomes_of(job),
            (Walk::DoubleRows, job) => self.double_rows.outcomes_of(job),
        })
    }

    /// What the step has made of each parameter that the kernels have.
    pub(super) fn results(&self, measure: bool) -> Vec<Option<ShareResult>> {
        let result = |parameter| {
            let outcomes = self.outcomes(parameter)?;
            let lost = outcomes.iter().enumerate().filter(|(_, o)| o.is_lost);
            // Rows that were projected each by itself are one unit.
            let rows = (outcomes.len() > 1 && self.projects(parameter)).then(|| of_rows(outcomes));
            let measured = outcomes.iter().filter(|_| measure && rows.is_none());
            let measured = measured.map(|outcome| match self.places[parameter] {
                Some((Walk::SingleRows | Walk::DoubleRows, _)) => {
                    of_table(outcome, self.tables[parameter])
                }
                _ => Measurement::from(outcome),
            });
            Some(ShareResult {
                holds: self.holds(parameter),
                lost: lost.map(|(unit, _)| unit).collect(),
                memories: match self.remembers {
                    true => outcomes.iter().map(|outcome| outcome.memory).collect(),
                    false => Vec::new(),
                },
                measured: measured.chain(rows.filter(|_| measure)).collect(),
            })
        };
        (0..self.slots.len()).map(result).collect()
    }

    /// Whether the step leaves this parameter's direction in place of its first moment.
    fn holds(&self, parameter: usize) -> bool {
        self.places[parameter].is_some_and(|(walk, job)| match walk {
            Walk::Whole(Width::Narrow(_)) => self.narrow.job(job).holds(),
            Walk::Whole(Width::Single) => self.single.job(job).holds(),
            Walk::Whole(Width::Double) => self.double.job(job).holds(),
            // Their steps are one pass.
            Walk::SingleRows | Walk::DoubleRows => false,
        })
    }

    /// Whether the rule projects its directions, and so may have cut it into its rows.
    fn projects(&self, parameter: usize) -> bool {
        self.places[parameter].is_some_and(|(walk, job)| match walk {
            Walk::Whole(Width::Narrow(_)) => self.narrow.job(job).projects(),
            Walk::Whole(Width::Single) => self.single.job(job).projects(),
            Walk::Whole(Width::Double) => self.double.job(job).projects(),
            Walk::SingleRows | Walk::DoubleRows => false,
        })
    }

    /// Sums over the gradients before anything is written.
    pub(super) fn sum(&mut self) {
        self.single.sum();
        self.double.sum();
        self.narrow.sum();
        self.single_rows.sum();
        self.double_rows.sum();
    }

    /// `Σ ⟨g,g⟩`, as far as it was summed.
    pub(super) fn square(&self) -> f64 {
        let whole = self.single.square() + self.double.square() + self.narrow.square();
        whole + self.single_rows.square() + self.double_rows.square()
    }

    /// Takes the step, with the gradients multiplied by `kappa`.
    pub(super) fn step(&mut self, kappa: f64, all_sums: bool) {
        let written = self.places.iter().zip(self.slots);
        bump_versions(written.filter_map(|(place, slot)| place.map(|_| &slot.weight)));
        self.averages.iter().for_each(NewAverage::write);
        // SAFETY: the borrowed slots keep the storages of weights and buffers alive, and the
        // gradients are kept here. The optimizer is borrowed for the whole step. By the contract
        // of `Optimizer::step` the model is not running meanwhile.
        unsafe {
            self.single.step(kappa, all_sums);
            self.double.step(kappa, all_sums);
            self.narrow.step(kappa, all_sums);
            self.single_rows.step(kappa, all_sums);
            self.double_rows.step(kappa, all_sums);
        }
    }
}

/// What a step has made of one parameter.
pub(super) struct ShareResult {
    /// Whether its direction is in place of its first moment.
    pub(super) holds: bool,
    /// Its units that have lost their direction, and so their radius.
    pub(super) lost: Vec<usize>,
    /// What the constraint remembers of each unit from now on, if it remembers anything.
    pub(super) memories: Vec<f64>,
    /// What the step did to each unit.
    pub(super) measured: Vec<Measurement>,
}

impl From<&Outcome> for Measurement {
    /// From the sums of the kernels.
    fn from(outcome: &Outcome) -> Self {
        let sums = outcome.sums;
        let Factors { p, q, o, .. } = outcome.factors;
        // w′ = p w + q d + o, d = b w + d⊥ and 1 = a w + 1⊥. The arc tangent is exact for small
        // angles, where the cosine has lost all digits.
        let share = |product: f64| match sums.ww > 0.0 {
            true => product / sums.ww,
            false => 0.0,
        };
        let (b, a) = (share(sums.wd), share(sums.w));
        let across = q * q * (sums.dd - b * b * sums.ww)
            + o * o * (outcome.elements - a * a * sums.ww)
            + 2.0 * q * o * (sums.d - a * b * sums.ww);
        let across = across.max(0.0).sqrt();
        let along = (p + q * b + o * a) * sums.ww.sqrt();
        Self {
            ww: sums.ww,
            wg: sums.wg,
            gg: sums.gg,
            rotation: across.atan2(along),
            trust: outcome.trust,
        }
    }
}

/// What the step did to a table, from the sums over the rows that took it and `⟨w,w⟩` of all.
fn of_table(outcome: &Outcome, whole: f64) -> Measurement {
    let sums = outcome.sums;
    let [wm, mm] = moved(outcome);
    Measurement::of_sums([whole, sums.wg, sums.gg, wm, mm, outcome.trust])
}

/// `⟨w,m⟩` and `⟨m,m⟩` of what was added to the rows of a table that took the step:
/// `m = (p − 1) w + q d + o`.
fn moved(outcome: &Outcome) -> [f64; 2] {
    let Sums {
        ww, wd, dd, w, d, ..
    } = outcome.sums;
    let Factors { p, q, o, .. } = outcome.factors;
    let p = p - 1.0;
    let of_mean = 2.0 * o * (p * w + q * d) + o * o * outcome.elements;
    [
        p * ww + q * wd + o * w,
        p * p * ww + 2.0 * p * q * wd + q * q * dd + of_mean,
    ]
}

/// What the step did to a parameter whose rows have factors of their own.
fn of_rows(outcomes: &[Outcome]) -> Measurement {
    let mut sums = [0.0; 6];
    for outcome in outcomes {
        let of = outcome.sums;
        let [wm, mm] = moved(outcome);
        let row = [of.ww, of.wg, of.gg, wm, mm, 0.0];
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    sums[5] = 1.0;
    Measurement::of_sums(sums)
}

/// The form as the kernels take it of this parameter, if they do.
fn for_kernels(mut form: Form, slot: &Slot, context: &Context) -> Option<Form> {
    if slot.weight.dim() < 2 {
        form.radial = None;
    }
    let in_rows = || has_units_in_one_piece(&slot.weight, Granularity::Row);
    // A constraint has its own units, and projects after the rule.
    let takes = form.radial.is_none() || (!context.constrained && in_rows());
    takes.then_some(form)
}

/// Adds a job and returns its index.
fn push<'a, M: Memory>(
    jobs: &mut Vec<Job<'a, M>>,
    slot: &'a Slot,
    block: M,
    (form, context, constraint, average): (&Form, &Context, Option<&ConstraintForm>, AverageStep),
) -> usize {
    let units = context.granularity.units(&slot.weight.size()) as usize;
    let unit_len = block.len() / units;
    let (radii, memories): (&[f64], &[f64]) = match context.constrained {
        true => (&slot.radii, &slot.memories),
        false => (&[], &[]),
    };
    jobs.push(Job {
        block,
        unit_len,
        kernel: Kernel::new(form, context.updates, slot.held, average),
        scalars: Scalars::new(
            form,
            context,
            constraint.filter(|_| context.constrained),
            (unit_len, rounding(slot.weight.kind())),
        ),
        radii,
        memories,
        rows: form.radial.map_or(1, |_| slot.weight.size()[0] as usize),
        summed: false,
    });
    jobs.len() - 1
}
