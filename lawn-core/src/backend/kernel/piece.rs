//! Memory cut into pieces, and which of them go together.

use std::ops::Range;

use super::job::Job;
use super::memory::{BLOCK, Memory};
use super::pass::Order;
use super::pool;

/// Consecutive elements of one job, of one unit or of several whole ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) job: usize,
    /// The unit, or the first of several, counted over all jobs.
    pub(super) unit: usize,
    /// The same, counted in its job.
    pub(super) unit_in_job: usize,
    pub(super) units: usize,
    pub(super) start: usize,
    pub(super) len: usize,
}

/// The blocks of one job. `first_unit` counts over all jobs. Units larger than a block are
/// cut, unless `whole` says not to.
pub(super) fn cut<M: Memory>(
    job: &Job<'_, M>,
    index: usize,
    first_unit: usize,
    whole: bool,
    pieces: &mut Vec<Piece>,
) {
    let piece = |unit: usize, units: usize, range: Range<usize>| Piece {
        job: index,
        unit: first_unit + unit,
        unit_in_job: unit,
        units,
        start: range.start,
        len: range.len(),
    };
    let (len, units) = (job.unit_len, job.units());
    if len > BLOCK && !whole {
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

/// How many of the pieces make a wave of so many elements. A wave has whole units, and at
/// least one.
pub(super) fn wave_len(pieces: &[Piece], wave: usize) -> usize {
    let mut elements = 0;
    let mut end = 0;
    while end < pieces.len() {
        let unit = &pieces[end..];
        let count = unit
            .iter()
            .take_while(|piece| piece.unit == unit[0].unit)
            .count();
        elements += unit[..count].iter().map(|piece| piece.len).sum::<usize>();
        if end > 0 && elements > wave {
            break;
        }
        end += count;
    }
    end
}

/// Calls `f` with the first piece of each unit.
pub(super) fn for_units(pieces: &[Piece], mut f: impl FnMut(&Piece)) {
    let mut last = None;
    for piece in pieces {
        if last != Some(piece.unit) {
            last = Some(piece.unit);
            f(piece);
        }
    }
}

/// Which of the `moved` pieces goes together with which of the `next`. A thread gets the same
/// pieces in every pass, as they may still be in its cache.
pub(super) fn side_by_side(
    moved: usize,
    next: usize,
    order: Order,
    threads: usize,
) -> Vec<(Option<usize>, Option<usize>)> {
    let mut tasks = Vec::with_capacity(moved.max(next) + threads);
    for thread in 0..threads {
        let mut moved = pool::share(moved, thread, threads);
        let mut next = pool::share(next, thread, threads);
        while !(moved.is_empty() && next.is_empty()) {
            let beside = match order {
                Order::Forwards => next.next(),
                Order::Backwards => next.next_back(),
            };
            tasks.push((moved.next(), beside));
        }
    }
    tasks
}
