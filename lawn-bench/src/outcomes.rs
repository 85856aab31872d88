//! The outcomes of all trials of a run, read at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Error;
use crate::ending::Ending;
use crate::plan::Plan;
use crate::run_dir::RunDir;

/// Files asked for at the same time: what takes long is waiting for the disk.
const READERS: usize = 16;

/// Trials that one reader takes at a time.
const PORTION: usize = 64;

/// The outcome of every trial of `plan`, in its order; none where there is none yet.
///
/// # Errors
///
/// As [`crate::files::read_json`].
pub fn read(run: &RunDir, plan: &Plan) -> Result<Vec<Option<Ending>>, Error> {
    let next = AtomicUsize::new(0);
    let readers = READERS.min(plan.trials.len().div_ceil(PORTION)).max(1);
    let portions = std::thread::scope(|scope| {
        let reading: Vec<_> = (0..readers)
            .map(|_| scope.spawn(|| portions(run, plan, &next)))
            .collect();
        let results = reading.into_iter().map(|reader| {
            reader
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        results.collect::<Result<Vec<_>, _>>()
    })?;
    let mut outcomes = vec![None; plan.trials.len()];
    for (start, portion) in portions.into_iter().flatten() {
        for (place, outcome) in outcomes[start..].iter_mut().zip(portion) {
            *place = outcome;
        }
    }
    Ok(outcomes)
}

/// Where a portion of the plan starts, and the outcomes of its trials.
type Portion = (usize, Vec<Option<Ending>>);

/// Reads portions of the plan until `next` is past its end.
fn portions(run: &RunDir, plan: &Plan, next: &AtomicUsize) -> Result<Vec<Portion>, Error> {
    let mut read = Vec::new();
    loop {
        let start = next.fetch_add(PORTION, Ordering::Relaxed);
        let Some(rest) = plan.trials.get(start..).filter(|rest| !rest.is_empty()) else {
            return Ok(read);
        };
        let trials = rest.iter().take(PORTION);
        let portion = trials.map(|trial| run.trial(&trial.id).read_outcome());
        read.push((start, portion.collect::<Result<_, _>>()?));
    }
}
