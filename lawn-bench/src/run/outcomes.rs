//! The outcomes of all trials of a run, read at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Error;
use crate::plan::Plan;
use crate::run::damage::Damage;
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
/// As [`crate::run::files::read_json`], damage aside.
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
    for (start, portion) in portions.into_iter().flatten() {
        for (index, outcome) in (start..).zip(portion) {
            match outcome {
                Ok(ending) => outcomes.endings[index] = ending,
                Err(damage) => outcomes.damaged.push(damage),
            }
        }
    }
    outcomes.damaged.sort_by_key(|damage| damage.index);
    Ok(outcomes)
}

/// Where a portion of the plan starts, and the outcomes of its trials.
type Portion = (usize, Vec<Result<Option<Ending>, Damage>>);

/// Reads portions of the plan until `next` is past its end.
fn portions(run: &RunDir, plan: &Plan, next: &AtomicUsize) -> Result<Vec<Portion>, Error> {
    let mut read = Vec::new();
    loop {
        let start = next.fetch_add(PORTION, Ordering::Relaxed);
        let Some(rest) = plan.trials.get(start..).filter(|rest| !rest.is_empty()) else {
            return Ok(read);
        };
        let trials = (start..).zip(rest).take(PORTION);
        let portion = trials.map(|(index, trial)| match run.trial(&trial.id).read_outcome() {
            Ok(ending) => Ok(Ok(ending)),
            Err(error) => Damage::from_error(plan, index, error).map(Err),
        });
        read.push((start, portion.collect::<Result<_, Error>>()?));
    }
}
