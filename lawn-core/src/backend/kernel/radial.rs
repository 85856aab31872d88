//! Directions that lose their radial part where the gradient has none: which, and of what.
//!
//! The [`RadialTest`](crate::RadialTest) comes before the step. The rows are looked at until one
//! fails, mostly the first. Only then are the products of the whole taken.

use std::sync::atomic::{AtomicBool, Ordering};

use super::isa::Isa;
use super::job::Job;
use super::memory::{BLOCK, Memory};
use super::pass::{Factors, Pass, Sums};
use super::pool;
use super::scalars::Scalars;

impl Scalars {
    /// Whether the gradient is across a unit of so many elements, of which these are the sums.
    fn is_across(&self, kappa: f64, sums: &Sums, elements: usize) -> bool {
        let Some(radial) = self.radial else {
            return false;
        };
        let Sums { ww, wg, gg, .. } = *sums;
        // Of κ g + λ w.
        let decayed = kappa * wg + self.l2 * ww;
        let square = kappa * kappa * gg + self.l2 * (kappa * wg + decayed);
        let below = square.max(0.0).sqrt().max(radial.epsilon) * ww.sqrt().max(radial.epsilon);
        decayed.abs() / below < radial.delta / (elements as f64).sqrt()
    }

    /// The test is made.
    fn decide(&mut self, projects: bool) {
        if let Some(radial) = self.radial.take()
            && projects
        {
            self.projection = Some(radial.epsilon);
            self.decoupled *= radial.decay_ratio;
        }
    }
}

impl<M: Memory> Job<'_, M> {
    /// Whether the test is still to be made.
    pub(super) fn is_untested(&self) -> bool {
        self.scalars.radial.is_some()
    }

    /// Tests the rows. If all have a gradient across them, each becomes a unit whose direction is
    /// projected.
    pub(super) fn test_rows(&mut self, isa: Isa, threads: usize, kappa: f64) -> bool {
        let len = self.block.len() / self.rows;
        let together = (BLOCK / len).max(1);
        let failed = AtomicBool::new(false);
        let job = &*self;
        let test = |rows: std::ops::Range<usize>| {
            for row in rows {
                if failed.load(Ordering::Relaxed) {
                    return;
                }
                // SAFETY: the row lies within the block. Nothing is written, and the pointers are
                // valid for reading as long as the job exists.
                let sums = unsafe {
                    let row = job.block.part(row * len, len);
                    row.pass(isa, &job.kernel, Pass::Products, &Factors::default())
                };
                if !job.scalars.is_across(kappa, &sums, len) {
                    failed.store(true, Ordering::Relaxed);
                }
            }
        };
        let first = together.min(self.rows);
        test(0..first);
        pool::each((self.rows - first).div_ceil(together), threads, &|chunk| {
            let start = first + chunk * together;
            test(start..self.rows.min(start + together));
        });
        let all = !failed.into_inner();
        if all {
            self.unit_len = len;
            self.summed = false;
            self.scalars.decide(true);
        }
        all
    }

    /// Tests the whole, of which these are the sums.
    pub(super) fn test_whole(&mut self, kappa: f64, sums: &Sums) {
        let across = self.scalars.is_across(kappa, sums, self.block.len());
        self.scalars.decide(across);
    }
}
