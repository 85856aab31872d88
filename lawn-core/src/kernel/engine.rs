//! Runs the sweeps over many parameters on many threads.
//!
//! All memory is cut into blocks of a fixed size, whatever the number of
//! threads; sums are taken by block and added up in order of the blocks. So the
//! results are the same bits for any number of threads.

use std::ops::Range;

use super::isa::Isa;
use super::lanes::Element;
use super::pool::{self, Order};
use super::scalars::{Outcome, Scalars};
use super::sweep::{Block, Factors, Kernel, Sums, Sweep};

/// Elements of a block: enough that a task outweighs the cost of claiming it.
const BLOCK: usize = 16 * 1024;

/// Elements of the largest unit that one thread takes through all its sweeps.
/// Four arrays of as many f32 are 512 KiB: they stay in a core's second-level
/// cache from one sweep to the next.
const CACHED: usize = 32 * 1024;

/// Elements of the larger units that all threads take through their sweeps
/// together: few enough to stay in the last cache between
/// one sweep and the next.
const WAVE: usize = 512 * 1024;

/// Elements below which threads cost more than they save.
const SERIAL: usize = 32 * 1024;

/// One parameter in one step.
#[derive(Debug)]
pub(crate) struct Job<'a, E> {
    pub(crate) block: Block<E>,
    /// Elements of a unit.
    pub(crate) unit_len: usize,
    pub(crate) kernel: Kernel<E>,
    pub(crate) scalars: Scalars,
    /// Radius of each unit; empty in the free phase.
    pub(crate) radii: &'a [f64],
}

impl<E> Job<'_, E> {
    fn units(&self) -> usize {
        self.block.len / self.unit_len
    }

    fn radius(&self, unit: usize) -> f64 {
        self.radii.get(unit).copied().unwrap_or(0.0)
    }
}

/// Consecutive elements of one job, of one unit or of several whole ones.
#[derive(Clone, Copy, Debug)]
struct Piece {
    job: usize,
    /// The unit, or the first of several, counted over all jobs.
    unit: usize,
    /// The same, counted in its job.
    unit_in_job: usize,
    units: usize,
    start: usize,
    len: usize,
}

/// A pointer to results of which every task writes its own.
struct Results<T>(*mut T);

// SAFETY: tasks on different threads write different elements.
unsafe impl<T: Send> Sync for Results<T> {}

impl<T> Results<T> {
    /// # Safety
    ///
    /// `index` is within the results, and no other task has a reference to it.
    #[allow(clippy::mut_from_ref, reason = "each element belongs to one task")]
    unsafe fn at(&self, index: usize) -> &mut T {
        // SAFETY: says the caller.
        unsafe { &mut *self.0.add(index) }
    }
}

/// All parameters of one element kind in one step.
#[derive(Debug)]
pub(crate) struct Engine<'a, E> {
    isa: Isa,
    threads: usize,
    jobs: Vec<Job<'a, E>>,
    /// What each unit did, in order of the jobs.
    pub(crate) outcomes: Vec<Outcome>,
    /// Index of each job's first unit, and at the end the number of units.
    first_units: Vec<usize>,
    /// Whether the first sweep's sums are known.
    summed: bool,
}

// SAFETY: the pointers of jobs are to memory that only the running step
// touches, in parts that only one task at a time does.
unsafe impl<E: Send> Sync for Job<'_, E> {}

impl<'a, E: Element> Engine<'a, E> {
    pub(crate) fn new(isa: Isa, threads: usize, jobs: Vec<Job<'a, E>>) -> Self {
        let mut first_units = vec![0];
        for job in &jobs {
            first_units.push(first_units[first_units.len() - 1] + job.units());
        }
        let outcomes = vec![Outcome::default(); first_units[jobs.len()]];
        Self {
            isa,
            threads,
            jobs,
            outcomes,
            first_units,
            summed: false,
        }
    }

    /// The outcomes of one job's units.
    pub(crate) fn outcomes_of(&self, job: usize) -> &[Outcome] {
        &self.outcomes[self.first_units[job]..self.first_units[job + 1]]
    }

    /// `Σ ⟨g,g⟩` over all jobs, as far as a sweep has summed it.
    pub(crate) fn square(&self) -> f64 {
        self.outcomes.iter().map(|outcome| outcome.sums.gg).sum()
    }

    /// The sweep that every step starts with when something about all gradients
    /// has to be known before the first write.
    pub(crate) fn sum(&mut self) {
        let pieces = self.pieces(|_| true, |_| false);
        self.sum_pieces(&pieces, |job| {
            if job.scalars.needs_products() {
                Sweep::Products
            } else {
                Sweep::Square
            }
        });
        self.summed = true;
    }

    /// Moves all buffers and weights. Gradients enter multiplied by `kappa`.
    /// `all_sums` asks for every sum of every unit.
    ///
    /// # Safety
    ///
    /// The pointers of all jobs are valid, and nothing else touches them.
    pub(crate) unsafe fn step(&mut self, kappa: f64, all_sums: bool) {
        let in_waves = |job: &Job<E>| job.unit_len > CACHED && !is_one_sweep(job);
        // First what needs no other block's sums: all that is done in one sweep,
        // and the units that stay in the cache of the thread that has them.
        let pieces = self.pieces(|job| !in_waves(job), |job| !is_one_sweep(job));
        let (isa, summed, jobs) = (self.isa, self.summed, &self.jobs);
        let outcomes = Results(self.outcomes.as_mut_ptr());
        let mut partial = vec![Sums::default(); pieces.len()];
        let partials = Results(partial.as_mut_ptr());
        each(self.threads, Order::Forwards, &pieces, &|index, piece| {
            let job = &jobs[piece.job];
            for unit in 0..piece.units {
                let len = piece.len / piece.units;
                // SAFETY: a piece lies within its job, and belongs to this task.
                let block = unsafe { job.block.part(piece.start + unit * len, len) };
                if len < job.unit_len {
                    // One of a unit's blocks, all of which have the same factors.
                    let mut outcome = Outcome::default();
                    job.scalars.before(kappa, 0.0, &mut outcome);
                    let sweep = one_sweep(summed, all_sums);
                    // SAFETY: the pointers are valid, says the caller.
                    let sums = unsafe { job.kernel.sweep(isa, sweep, &outcome.factors, block) };
                    // SAFETY: this piece's own.
                    unsafe { *partials.at(index) = sums };
                } else {
                    let radius = job.radius(piece.unit_in_job + unit);
                    // SAFETY: this unit belongs to this piece alone.
                    let outcome = unsafe { outcomes.at(piece.unit + unit) };
                    // SAFETY: the pointers are valid, says the caller.
                    unsafe {
                        whole_unit(
                            isa,
                            job,
                            block,
                            (kappa, radius),
                            (summed, all_sums),
                            outcome,
                        )
                    };
                }
            }
        });
        for (piece, sums) in pieces.iter().zip(partial) {
            let job = &self.jobs[piece.job];
            if piece.len < job.unit_len {
                let outcome = &mut self.outcomes[piece.unit];
                if summed && all_sums && piece.start % job.unit_len == 0 {
                    // What was summed before is summed once more.
                    outcome.sums = Sums::default();
                }
                outcome.sums += sums;
                job.scalars.before(kappa, 0.0, outcome);
            }
        }
        let waves = self.pieces(in_waves, |_| false);
        let mut rest = waves.as_slice();
        while !rest.is_empty() {
            let (wave, after) = rest.split_at(wave_len(rest));
            // SAFETY: the pointers are valid, says the caller.
            unsafe { self.wave(wave, kappa) };
            rest = after;
        }
    }

    /// Three sweeps over units that are larger than a block.
    ///
    /// # Safety
    ///
    /// As [`step`](Self::step).
    unsafe fn wave(&mut self, pieces: &[Piece], kappa: f64) {
        let needs_products = |job: &Job<E>| job.scalars.needs_products();
        if !self.summed {
            let first: Vec<Piece> = pieces
                .iter()
                .filter(|piece| needs_products(&self.jobs[piece.job]))
                .copied()
                .collect();
            self.sum_pieces(&first, |_| Sweep::Products);
        }
        for_units(pieces, |piece| {
            let job = &self.jobs[piece.job];
            let outcome = &mut self.outcomes[piece.unit];
            job.scalars
                .before(kappa, job.radius(piece.unit_in_job), outcome);
            if !needs_products(job) {
                // What was summed before is summed once more.
                outcome.sums = Sums::default();
            }
        });
        // SAFETY: passed on.
        unsafe { self.sweep_pieces(pieces, Order::Backwards, second_sweep) };
        for_units(pieces, |piece| {
            let job = &self.jobs[piece.job];
            let radius = job.radius(piece.unit_in_job);
            job.scalars.after(radius, &mut self.outcomes[piece.unit]);
        });
        // SAFETY: passed on.
        unsafe { self.sweep_pieces(pieces, Order::Forwards, |_| Sweep::Move) };
    }

    /// A sweep that writes nothing.
    fn sum_pieces(&mut self, pieces: &[Piece], sweep: impl Fn(&Job<'a, E>) -> Sweep + Sync) {
        // SAFETY: nothing is written, and the pointers are valid for reading
        // as long as the job exists.
        unsafe { self.sweep_pieces(pieces, Order::Forwards, sweep) };
    }

    /// One sweep, with the sums added to those of the units.
    ///
    /// # Safety
    ///
    /// As [`step`](Self::step).
    unsafe fn sweep_pieces(
        &mut self,
        pieces: &[Piece],
        order: Order,
        sweep: impl Fn(&Job<'a, E>) -> Sweep + Sync,
    ) {
        let (isa, jobs) = (self.isa, &self.jobs);
        let factors: &[Outcome] = &self.outcomes;
        // Pieces of several units have a result for each.
        let mut offsets = Vec::with_capacity(pieces.len());
        let mut total = 0;
        for piece in pieces {
            offsets.push(total);
            total += piece.units;
        }
        let mut partial = vec![Sums::default(); total];
        let partials = Results(partial.as_mut_ptr());
        let offsets: &[usize] = &offsets;
        each(self.threads, order, pieces, &|index, piece| {
            let job = &jobs[piece.job];
            let len = piece.len / piece.units;
            for unit in 0..piece.units {
                let factors = &factors[piece.unit + unit].factors;
                // SAFETY: a piece lies within its job and belongs to this task;
                // so does its result.
                unsafe {
                    let block = job.block.part(piece.start + unit * len, len);
                    let sums = job.kernel.sweep(isa, sweep(job), factors, block);
                    *partials.at(offsets[index] + unit) = sums;
                }
            }
        });
        for (piece, offset) in pieces.iter().zip(offsets) {
            for unit in 0..piece.units {
                self.outcomes[piece.unit + unit].sums += partial[offset + unit];
            }
        }
    }

    /// The blocks of the jobs that `chosen` picks; units that are larger than a
    /// block are cut unless `whole` says not to.
    fn pieces(
        &self,
        chosen: impl Fn(&Job<'a, E>) -> bool,
        whole: impl Fn(&Job<'a, E>) -> bool,
    ) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (index, job) in self.jobs.iter().enumerate().filter(|(_, job)| chosen(job)) {
            let piece = |unit: usize, units: usize, range: Range<usize>| Piece {
                job: index,
                unit: self.first_units[index] + unit,
                unit_in_job: unit,
                units,
                start: range.start,
                len: range.len(),
            };
            let (len, units) = (job.unit_len, job.units());
            if len > BLOCK && !whole(job) {
                for unit in 0..units {
                    for start in (0..len).step_by(BLOCK) {
                        let range = unit * len + start..unit * len + len.min(start + BLOCK);
                        pieces.push(piece(unit, 1, range));
                    }
                }
            } else {
                let together = (BLOCK / len).max(1);
                for unit in (0..units).step_by(together) {
                    let count = together.min(units - unit);
                    pieces.push(piece(unit, count, unit * len..(unit + count) * len));
                }
            }
        }
        pieces
    }
}

/// Whether nothing about a whole unit has to be known before it moves.
fn is_one_sweep<E>(job: &Job<'_, E>) -> bool {
    job.scalars.is_single_sweep() && !job.scalars.needs_products()
}

fn one_sweep(summed: bool, all_sums: bool) -> Sweep {
    match (summed, all_sums) {
        (_, true) => Sweep::StepAndSum,
        (true, false) => Sweep::Step,
        (false, false) => Sweep::StepAndSquare,
    }
}

/// The sweep over the buffers, with what the first has not summed.
fn second_sweep<E>(job: &Job<'_, E>) -> Sweep {
    if job.scalars.needs_products() {
        Sweep::Buffers
    } else {
        Sweep::BuffersAndSum
    }
}

/// All sweeps over one unit.
///
/// # Safety
///
/// The block's pointers are valid and nothing else touches them.
unsafe fn whole_unit<E: Element>(
    isa: Isa,
    job: &Job<'_, E>,
    unit: Block<E>,
    (kappa, radius): (f64, f64),
    (summed, all_sums): (bool, bool),
    outcome: &mut Outcome,
) {
    let Job {
        kernel, scalars, ..
    } = job;
    // Block by block, so that the sums are those that several threads would take.
    let over = |sweep: Sweep, factors: &Factors| {
        let mut sums = Sums::default();
        for start in (0..unit.len).step_by(BLOCK) {
            // SAFETY: within the unit, whose pointers are valid, says the caller.
            sums += unsafe {
                let block = unit.part(start, BLOCK.min(unit.len - start));
                kernel.sweep(isa, sweep, factors, block)
            };
        }
        sums
    };
    if scalars.needs_products() && !summed {
        outcome.sums = over(Sweep::Products, &Factors::default());
    }
    scalars.before(kappa, radius, outcome);
    if scalars.is_single_sweep() {
        let known = summed || scalars.needs_products();
        let sums = over(one_sweep(known, all_sums), &outcome.factors);
        if all_sums || !known {
            outcome.sums = sums;
        }
    } else {
        if !scalars.needs_products() {
            outcome.sums = Sums::default();
        }
        outcome.sums += over(second_sweep(job), &outcome.factors);
        scalars.after(radius, outcome);
        over(Sweep::Move, &outcome.factors);
    }
}

/// How many of the pieces make a wave: whole units, and at least one.
fn wave_len(pieces: &[Piece]) -> usize {
    let mut elements = 0;
    let mut end = 0;
    while end < pieces.len() {
        let unit = &pieces[end..];
        let count = unit
            .iter()
            .take_while(|piece| piece.unit == unit[0].unit)
            .count();
        elements += unit[..count].iter().map(|piece| piece.len).sum::<usize>();
        if end > 0 && elements > WAVE {
            break;
        }
        end += count;
    }
    end
}

/// Calls `f` with the first piece of each unit.
fn for_units(pieces: &[Piece], mut f: impl FnMut(&Piece)) {
    let mut last = None;
    for piece in pieces {
        if last != Some(piece.unit) {
            last = Some(piece.unit);
            f(piece);
        }
    }
}

/// Runs `task` for every piece, on threads where that pays.
fn each(threads: usize, order: Order, pieces: &[Piece], task: &(dyn Fn(usize, &Piece) + Sync)) {
    let elements: usize = pieces.iter().map(|piece| piece.len).sum();
    let threads = if elements < SERIAL { 1 } else { threads };
    pool::each(pieces.len(), threads, order, &|index| {
        task(index, &pieces[index]);
    });
}
