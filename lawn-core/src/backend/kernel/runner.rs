//! Runs the passes over many parameters on many threads.
//!
//! All memory is cut into blocks, whose size does not depend on the number of threads. Sums
//! are taken by block and added up in the order of the blocks. So the results are the same
//! bits for any number of threads.

use super::isa::Isa;
use super::job::{Job, one_pass};
use super::memory::Memory;
use super::pass::{Order, Pass, Sums};
use super::piece::{Piece, cut, for_units, side_by_side, wave_len};
use super::pool;
use super::scalars::Outcome;

/// Elements of the largest unit that one thread takes through all its passes, so that no
/// thread waits for another between them. Four arrays of so many f32 are 4 MiB, which stay in
/// the last cache from one pass to the next. Smaller units stay in a core's own cache.
const CACHED: usize = 256 * 1024;

/// Elements below which threads cost more than they save.
const SERIAL: usize = 32 * 1024;

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
        // SAFETY: the caller gives an index of its own.
        unsafe { &mut *self.0.add(index) }
    }

    /// # Safety
    ///
    /// `index` is within the results, and no task writes there.
    unsafe fn copy(&self, index: usize) -> T
    where
        T: Copy,
    {
        // SAFETY: the caller gives an index that is only read.
        unsafe { self.0.add(index).read() }
    }

    /// # Safety
    ///
    /// The range is within the results, and no other task has a reference into it.
    #[allow(clippy::mut_from_ref, reason = "each element belongs to one task")]
    unsafe fn slice(&self, range: std::ops::Range<usize>) -> &mut [T] {
        // SAFETY: the caller gives a range of its own.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(range.start), range.len()) }
    }
}

/// All parameters of one element kind in one step.
#[derive(Debug)]
pub(crate) struct Runner<'a, M: Memory> {
    isa: Isa,
    threads: usize,
    jobs: Vec<Job<'a, M>>,
    /// What each unit did, in order of the jobs.
    pub(crate) outcomes: Vec<Outcome>,
    /// Index of each job's first unit, and at the end the number of units.
    first_units: Vec<usize>,
}

impl<'a, M: Memory> Runner<'a, M> {
    pub(crate) fn new(isa: Isa, threads: usize, jobs: Vec<Job<'a, M>>) -> Self {
        let first_units = first_units(&jobs);
        let outcomes = vec![Outcome::default(); first_units[jobs.len()]];
        Self {
            isa,
            threads,
            jobs,
            outcomes,
            first_units,
        }
    }

    pub(crate) fn job(&self, index: usize) -> &Job<'a, M> {
        &self.jobs[index]
    }

    /// The outcomes of one job's units.
    pub(crate) fn outcomes_of(&self, job: usize) -> &[Outcome] {
        &self.outcomes[self.first_units[job]..self.first_units[job + 1]]
    }

    /// `Σ ⟨g,g⟩` over all jobs, as far as a pass has summed it.
    pub(crate) fn square(&self) -> f64 {
        self.outcomes.iter().map(|outcome| outcome.sums.gg).sum()
    }

    /// The first pass of a step that must know something about all gradients before its first
    /// write.
    pub(crate) fn sum(&mut self) {
        let pieces = self.pieces(|_| true, |_| false);
        // SAFETY: nothing is written, and the pointers are valid for reading
        // as long as the jobs exist.
        unsafe {
            self.pass(&[], &pieces, |job| {
                if job.scalars.needs_products() {
                    job.first_pass()
                } else {
                    Pass::Square
                }
            });
        }
        self.jobs.iter_mut().for_each(|job| job.summed = true);
    }

    /// Decides which directions lose their radial part. The units of a job may become its rows.
    fn test(&mut self, kappa: f64) {
        if !self.jobs.iter().any(Job::is_untested) {
            return;
        }
        let (isa, threads) = (self.isa, self.threads);
        let mut outcomes = Vec::with_capacity(self.outcomes.len());
        for (index, job) in self.jobs.iter_mut().enumerate() {
            let of_job = self.first_units[index]..self.first_units[index + 1];
            if job.is_untested() && job.test_rows(isa, threads, kappa) {
                outcomes.resize(outcomes.len() + job.units(), Outcome::default());
            } else {
                outcomes.extend_from_slice(&self.outcomes[of_job]);
            }
        }
        self.outcomes = outcomes;
        self.first_units = first_units(&self.jobs);
        let pieces = self.pieces(|job| job.is_untested() && !job.summed, |_| false);
        // SAFETY: as in `sum`.
        unsafe { self.pass(&[], &pieces, |_| Pass::Products) };
        let whole = self.jobs.iter_mut().enumerate();
        for (index, job) in whole.filter(|(_, job)| job.is_untested()) {
            job.summed = true;
            job.test_whole(kappa, &self.outcomes[self.first_units[index]].sums);
        }
    }

    /// Moves all buffers and weights. Gradients enter multiplied by `kappa`.
    /// `all_sums` asks for every sum of every unit.
    ///
    /// # Safety
    ///
    /// The pointers of all jobs are valid, and nothing else touches them.
    pub(crate) unsafe fn step(&mut self, kappa: f64, all_sums: bool) {
        self.test(kappa);
        let in_waves = |job: &Job<'_, M>| job.unit_len > CACHED && !job.is_one_pass();
        // First come the pieces that need no sums of another block: those that are done in
        // one pass, and the units that stay in the cache of the thread that has them.
        let pieces = self.pieces(|job| !in_waves(job), |job| !job.is_one_pass());
        let (isa, jobs) = (self.isa, &self.jobs);
        let outcomes = Results(self.outcomes.as_mut_ptr());
        let mut partial = vec![Sums::default(); pieces.len()];
        let partials = Results(partial.as_mut_ptr());
        let elements = pieces.iter().map(|piece| piece.len).sum();
        let threads = threads_for(elements, self.threads);
        pool::each(pieces.len(), threads, &|index| {
            let piece = &pieces[index];
            let job = &jobs[piece.job];
            // SAFETY: a piece lies within its job, and belongs to this task.
            let block = unsafe { job.block.part(piece.start, piece.len) };
            if piece.len < job.unit_len {
                // One of a unit's blocks, all of which have the same factors.
                let mut outcome = Outcome::default();
                job.scalars.before(kappa, 0.0, &mut outcome);
                let pass = one_pass(job.summed, all_sums);
                // SAFETY: the caller gives valid pointers.
                let sums = unsafe { block.pass(isa, &job.kernel, pass, &outcome.factors) };
                // SAFETY: this piece's own.
                unsafe { *partials.at(index) = sums };
            } else {
                // SAFETY: these units belong to this piece alone.
                let outcomes = unsafe { outcomes.slice(piece.unit..piece.unit + piece.units) };
                // SAFETY: the caller gives valid pointers.
                unsafe {
                    let how = (kappa, all_sums);
                    job.whole_units(isa, block, piece.unit_in_job, how, outcomes);
                }
            }
        });
        for (piece, sums) in pieces.iter().zip(partial) {
            let job = &self.jobs[piece.job];
            if piece.len < job.unit_len {
                let outcome = &mut self.outcomes[piece.unit];
                if job.summed && all_sums && piece.start % job.unit_len == 0 {
                    // This pass sums again what was summed before.
                    outcome.sums = Sums::default();
                }
                outcome.sums += sums;
                job.scalars.before(kappa, 0.0, outcome);
            }
        }
        let mut waves = self.pieces(in_waves, |_| false);
        // Waves that follow each other are of like size. So the passes over two of them, which
        // run beside each other, end together.
        waves.sort_by_key(|piece| self.jobs[piece.job].unit_len);
        let (mut moved, mut rest) = (&waves[..0], waves.as_slice());
        while !(moved.is_empty() && rest.is_empty()) {
            let (wave, after) = rest.split_at(wave_len(rest, self.isa.wave()));
            // SAFETY: the caller gives valid pointers.
            unsafe { self.wave(moved, wave, kappa) };
            (moved, rest) = (wave, after);
        }
    }

    /// The last pass over one wave, with the first over the next beside it. Then the second
    /// over the next, alone.
    ///
    /// # Safety
    ///
    /// As [`step`](Self::step).
    unsafe fn wave(&mut self, moved: &[Piece], next: &[Piece], kappa: f64) {
        let unknown = |job: &Job<'_, M>| job.scalars.needs_products() && !job.summed;
        let (first, second): (Vec<Piece>, Vec<Piece>) = next
            .iter()
            .partition(|piece| unknown(&self.jobs[piece.job]));
        self.before(&second, kappa);
        // SAFETY: the caller keeps to the same conditions.
        unsafe {
            self.pass(moved, next, |job| {
                if unknown(job) {
                    job.first_pass()
                } else {
                    job.second_pass()
                }
            });
        }
        self.before(&first, kappa);
        // SAFETY: the caller keeps to the same conditions.
        unsafe { self.pass(&[], &first, Job::second_pass) };
        for_units(next, |piece| {
            let job = &self.jobs[piece.job];
            let held = job.held(piece.unit_in_job);
            job.scalars.after(held, &mut self.outcomes[piece.unit]);
        });
    }

    /// The scalars between the first pass and the second.
    fn before(&mut self, pieces: &[Piece], kappa: f64) {
        for_units(pieces, |piece| {
            let job = &self.jobs[piece.job];
            let outcome = &mut self.outcomes[piece.unit];
            job.scalars
                .before(kappa, job.held(piece.unit_in_job).radius, outcome);
            if !job.scalars.needs_products() {
                // The next pass sums again what was summed before.
                outcome.sums = Sums::default();
            }
        });
    }

    /// [`Pass::Move`] over the pieces `moved`, with a pass over the pieces `next` beside it. The
    /// sums of the latter are added to those of their units.
    ///
    /// # Safety
    ///
    /// As [`step`](Self::step).
    unsafe fn pass(
        &mut self,
        moved: &[Piece],
        next: &[Piece],
        pass: impl Fn(&Job<'a, M>) -> Pass + Sync,
    ) {
        let (isa, jobs) = (self.isa, &self.jobs);
        let outcomes = Results(self.outcomes.as_mut_ptr());
        // Of a piece that is a part of a unit, or all of it.
        let mut partial = vec![Sums::default(); next.len()];
        let partials = Results(partial.as_mut_ptr());
        // Whatever the job, all passes of one call run the same way.
        let order = next
            .first()
            .map_or(Order::Forwards, |piece| pass(&jobs[piece.job]).order());
        let elements = moved.iter().chain(next).map(|piece| piece.len).sum();
        let threads = threads_for(elements, self.threads);
        let tasks = side_by_side(moved.len(), next.len(), order, threads);
        pool::each(tasks.len(), threads, &|task| {
            let (moved_index, next_index) = tasks[task];
            let mut moved = moved_index.map(|index| {
                let piece = &moved[index];
                let job = &jobs[piece.job];
                // SAFETY: a piece lies within its job, and its outcome is only read meanwhile.
                unsafe {
                    let block = job.block.part(piece.start, piece.len);
                    (block, &job.kernel, outcomes.copy(piece.unit).factors)
                }
            });
            if let Some(index) = next_index {
                let piece = &next[index];
                let job = &jobs[piece.job];
                let pass = pass(job);
                // SAFETY: a piece lies within its job and belongs to this task; so does its
                // result, and the outcomes of its units if they are several. That of a single
                // one, which may have other pieces, is only read.
                unsafe {
                    let block = job.block.part(piece.start, piece.len);
                    if piece.units > 1 {
                        let outcomes = outcomes.slice(piece.unit..piece.unit + piece.units);
                        block.units(isa, &job.kernel, pass, outcomes);
                    } else {
                        let factors = outcomes.copy(piece.unit).factors;
                        *partials.at(index) = match moved.take() {
                            Some((moved, kernel, moved_factors)) => moved.pair(
                                isa,
                                kernel,
                                &moved_factors,
                                (block, &job.kernel, pass, &factors),
                            ),
                            None => block.pass(isa, &job.kernel, pass, &factors),
                        };
                    }
                }
            }
            if let Some((block, kernel, factors)) = moved {
                // SAFETY: as above.
                unsafe { block.pass(isa, kernel, Pass::Move, &factors) };
            }
        });
        for (piece, sums) in next.iter().zip(partial) {
            self.outcomes[piece.unit].sums += sums;
        }
    }

    /// The blocks of the jobs that `chosen` picks. Units larger than a block are cut, unless
    /// `whole` says not to.
    fn pieces(
        &self,
        chosen: impl Fn(&Job<'a, M>) -> bool,
        whole: impl Fn(&Job<'a, M>) -> bool,
    ) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (index, job) in self.jobs.iter().enumerate().filter(|(_, job)| chosen(job)) {
            cut(job, index, self.first_units[index], whole(job), &mut pieces);
        }
        pieces
    }
}

/// Index of each job's first unit, and at the end the number of units.
fn first_units<M: Memory>(jobs: &[Job<'_, M>]) -> Vec<usize> {
    let mut first_units = vec![0];
    for job in jobs {
        first_units.push(first_units[first_units.len() - 1] + job.units());
    }
    first_units
}

/// As many threads as pay for so many elements.
fn threads_for(elements: usize, threads: usize) -> usize {
    if elements < SERIAL { 1 } else { threads }
}
