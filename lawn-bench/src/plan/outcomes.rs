//! The outcomes of all trials of a run, read at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Error;
use crate::plan::damage::Damage;
use crate::plan::trials::Plan;
use crate::run::ending::Ending;
use crate::run::run_dir::RunDir;

/// Files asked for at the same time: what takes long is waiting for the disk.
const READERS: usize = 16;

/// Trials that one reader takes at a time.
const PORTION: usize = 64;

/// What the trials of a run left.
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    /// The outcome of every trial of the plan, in its order; none where there is none yet,
    /// and where it is damaged.
    pub endings: Vec<Option<Ending>>,
    /// Those that are damaged.
    pub damaged: Vec<Damage>,
}

/// The outcome of every trial of `plan`.
///
/// # Errors
///
/// As [`crate::run::document::read`], damage aside.
pub fn read(run: &RunDir, plan: &Plan) -> Result<Outcomes, Error> {
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
    let mut outcomes = Outcomes {
        endings: vec![None; plan.trials.len()],
        damaged: Vec::new(),
    };
    for portion in portions.into_iter().flatten() {
        for (index, ending) in (portion.start..).zip(portion.endings) {
            outcomes.endings[index] = ending;
        }
        outcomes.damaged.extend(portion.damaged);
    }
    outcomes.damaged.sort_by_key(|damage| damage.index);
    Ok(outcomes)
}

/// Consecutive trials of the plan.
struct Portion {
    /// Index of the first.
    start: usize,
    endings: Vec<Option<Ending>>,
    damaged: Vec<Damage>,
}

/// Reads portions of the plan until `next` is past its end.
fn portions(run: &RunDir, plan: &Plan, next: &AtomicUsize) -> Result<Vec<Portion>, Error> {
    let mut read = Vec::new();
    loop {
        let start = next.fetch_add(PORTION, Ordering::Relaxed);
        let Some(rest) = plan.trials.get(start..).filter(|rest| !rest.is_empty()) else {
            return Ok(read);
        };
        let mut portion = Portion {
            start,
            endings: Vec::with_capacity(PORTION),
            damaged: Vec::new(),
        };
        for (index, trial) in (start..).zip(rest).take(PORTION) {
            let ending = match run.trial(&trial.id).read_outcome() {
                Ok(ending) => ending,
                Err(error) => {
                    let damage = Damage::from_error(plan, index, error)?;
                    portion.damaged.push(damage);
                    None
                }
            };
            portion.endings.push(ending);
        }
        read.push(portion);
    }
}
