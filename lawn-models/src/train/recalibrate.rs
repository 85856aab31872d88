//! Running statistics of weights that are evaluated, and were not trained with.
//!
//! The running averages of batch normalization follow the weights that batches went through. A rule
//! that evaluates others, as Schedule-Free does, has none of its own for them: they are taken anew
//! before each measurement, and those of training come back after it.

use tch::{Device, Tensor};

use crate::data::DataError;
use crate::models::Mode;
use crate::models::layers::STATISTICS_MOMENTUM;
use crate::tasks::Task;
use crate::trial::RuleName;

/// Ghost batches that statistics are the mean of, where the train split has as many.
pub(super) const GHOST_BATCHES: u64 = 32;

/// The epoch whose first samples are taken, in any evaluation, so that a number does not hang on
/// when it is measured.
const EPOCH: u64 = 1;

/// The running statistics of a model, with what they were.
pub(super) struct Kept(Vec<(Tensor, Tensor)>);

impl Kept {
    /// Puts back what they were.
    pub(super) fn restore(self) {
        tch::no_grad(|| {
            for (mut statistic, before) in self.0 {
                statistic.copy_(&before);
            }
        });
    }
}

/// The running statistics among the variables of a task: means and variances.
fn statistics(task: &Task) -> Vec<Tensor> {
    let all = task.store.variables().into_iter();
    let is_one = |name: &str| name.ends_with("running_mean") || name.ends_with("running_var");
    let found = all.filter(|(name, _)| is_one(name));
    found.map(|(_, variable)| variable).collect()
}

/// Takes running statistics of the weights as they are now: the plain mean of those of the first
/// ghost batches of the train split, as training shows them. Nothing where the model has none.
///
/// Every rank does this by itself, from the same weights over the same samples.
///
/// # Errors
/// [`DataError`] naming the file that cannot be read.
pub(super) fn recalibrate(task: &Task, device: Device) -> Result<Option<Kept>, DataError> {
    let mut statistics = statistics(task);
    if statistics.is_empty() {
        return Ok(None);
    }
    let _guard = tch::no_grad_guard();
    let kept = statistics
        .iter()
        .map(|one| (one.shallow_clone(), one.copy()));
    let kept = Kept(kept.collect());
    let (samples, ghost) = (task.dataset.len(), task.model.statistics_batch());
    let batches = (samples / ghost).clamp(1, GHOST_BATCHES);
    let mut sums: Vec<Tensor> = statistics.iter().map(Tensor::zeros_like).collect();
    for batch in 0..batches {
        for one in &mut statistics {
            let _ = one.zero_();
        }
        let first = batch * ghost;
        let asked = first..(first + ghost).min(samples);
        let batch = task.dataset.batch_on(asked, EPOCH, device)?;
        let _ = task.forward(&batch.inputs, Mode::Train { first });
        for (sum, one) in sums.iter_mut().zip(&statistics) {
            *sum += one;
        }
    }
    // A pass has moved each by this part of the way from 0 to its own.
    let part = batches as f64 * STATISTICS_MOMENTUM;
    for (one, sum) in statistics.iter_mut().zip(&sums) {
        one.copy_(&(sum / part));
    }
    Ok(Some(kept))
}

/// Whether a rule evaluates other weights than it trains.
pub(super) fn is_asked(rule: RuleName) -> bool {
    rule == RuleName::ScheduleFree
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::run::untrained;
    use super::super::set_up;
    use super::*;
    use crate::models::TablePart;
    use crate::trial::{Amount, OptimizerSettings};
    use crate::{TaskConfig, TrialConfig};

    fn task(train: u64, statistics_batch: u64) -> Task {
        let table = json!({
            "depth": 8, "width": 4, "statistics_batch": statistics_batch,
            "generated": { "classes": 3, "side": 8, "train": train, "test": 6 },
        });
        let config = TrialConfig::new(
            TaskConfig::from_table("image", table).unwrap(),
            OptimizerSettings::new(RuleName::ScheduleFree, 0.1),
            16,
            Amount::Epochs(1),
        );
        set_up::task(&config, &untrained(None), TablePart::default()).unwrap()
    }

    fn copies(task: &Task) -> Vec<(String, Tensor)> {
        let mut all: Vec<_> = task.store.variables().into_iter().collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        let all = all.into_iter().filter(|(name, _)| name.contains("running"));
        all.map(|(name, one)| (name, one.copy())).collect()
    }

    /// Of one ghost batch, what running averages come to that see it again and again.
    #[test]
    fn statistics_are_those_of_the_weights_and_those_of_training_come_back() {
        let task = task(20, 64);
        let ghost = task.dataset.batch(0..task.dataset.len(), EPOCH);
        let ghost = ghost.unwrap();
        for _ in 0..300 {
            let _ = tch::no_grad(|| task.forward(&ghost.inputs, Mode::Train { first: 0 }));
        }
        let expected = copies(&task);
        assert!(!expected.is_empty());
        // Those of other weights.
        tch::no_grad(|| {
            for mut one in statistics(&task) {
                let _ = one.fill_(7.0);
            }
        });
        let before = copies(&task);
        let kept = recalibrate(&task, Device::Cpu).unwrap().unwrap();
        for ((name, found), (_, expected)) in copies(&task).iter().zip(&expected) {
            let apart = (found - expected).abs().max().double_value(&[]);
            let size = expected.abs().max().double_value(&[]);
            assert!(apart < 1e-4 * size.max(1e-3), "{name}: {apart} of {size}");
        }
        kept.restore();
        assert!(copies(&task) == before);
    }

    #[test]
    fn several_ghost_batches_have_the_mean_of_theirs() {
        let task = task(60, 16);
        let mut each: Vec<Vec<(String, Tensor)>> = Vec::new();
        let kept = recalibrate(&task, Device::Cpu).unwrap().unwrap();
        let found = copies(&task);
        kept.restore();
        for batch in 0..(task.dataset.len() / 16) {
            let range = batch * 16..(batch + 1) * 16;
            let ghost = task.dataset.batch(range, EPOCH).unwrap();
            tch::no_grad(|| {
                for mut one in statistics(&task) {
                    let _ = one.zero_();
                }
                let mode = Mode::Train { first: batch * 16 };
                let _ = task.forward(&ghost.inputs, mode);
            });
            each.push(copies(&task));
        }
        assert!(each.len() > 1);
        for (place, (name, found)) in found.iter().enumerate() {
            let all: Vec<Tensor> = each.iter().map(|one| &one[place].1 * 10.0).collect();
            let mean = Tensor::stack(&all, 0).mean_dim(0i64, false, found.kind());
            let apart = (found - mean).abs().max().double_value(&[]);
            assert!(apart < 1e-5, "{name}: {apart}");
        }
    }
}
