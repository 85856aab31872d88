//! Final numbers of single trials: test metrics at two batch sizes, and training losses.

use super::row::{Rows, of_arm, row};
use crate::analysis::Task;
use crate::records::Outcome;
use crate::text::on_test;

row! {
    /// The test metric of one seed at the reference and at the largest batch size.
    pub struct DropRow {
        /// The arm.
        arm: String,
        /// The seed.
        seed: i64,
        /// Test metric at the reference batch size.
        at_reference: f64,
        /// Test metric at the largest batch size.
        at_largest: f64,
        /// Their difference, positive where the metric is worse at the large batch.
        drop: f64,
    }
}

row! {
    /// Final training loss and test metric of one trial.
    pub struct FitRow {
        /// The arm.
        arm: String,
        /// The batch size.
        batch_size: i64,
        /// The seed.
        seed: i64,
        /// Training loss of the last epoch.
        train_loss: f64,
        /// Primary metric on test data.
        test_metric: f64,
        /// 1 minus the metric. There is none where the metric is not a share of correct answers.
        test_error: Option<f64>,
    }
}

of_arm!(DropRow, FitRow);

/// Test metric of every seed at the reference and at the largest batch size.
pub fn drops(task: &Task, reference: i64, largest: i64) -> Rows<DropRow> {
    let mut rows = Vec::new();
    for arm in &task.arms {
        for small in task.confirmations(arm, reference) {
            let large = task.confirmation(arm, largest, small.seed);
            let ends = small
                .test_metric
                .zip(large.and_then(|trial| trial.test_metric));
            rows.extend(ends.map(|(from, to)| DropRow {
                arm: arm.clone(),
                seed: small.seed,
                at_reference: from,
                at_largest: to,
                drop: task.sign() * (from - to),
            }));
        }
    }
    Rows::of_task(
        [task.name.as_str(), "drop"],
        format!(
            "Large-batch drop: {} of {} at batch sizes {reference} and {largest}.",
            on_test(&task.metric),
            task.name
        ),
        rows,
    )
}

/// Whether a metric is a share of correct answers, so that 1 minus it is an error rate.
pub(crate) fn is_share(task: &Task) -> bool {
    let tests = task
        .arms
        .iter()
        .flat_map(|arm| task.batch_sizes.iter().map(move |size| (arm, *size)))
        .flat_map(|(arm, size)| task.confirmations(arm, size))
        .filter_map(|trial| trial.test_metric);
    task.higher_is_better && tests.into_iter().all(|test| (0.0..=1.0).contains(&test))
}

/// Final training loss and test metric of every confirmation trial that ended well.
pub fn fit(task: &Task) -> Rows<FitRow> {
    let mut rows = Vec::new();
    let share = is_share(task);
    for arm in &task.arms {
        for batch_size in &task.batch_sizes {
            let trials = task.confirmations(arm, *batch_size);
            for trial in trials.filter(|trial| trial.outcome == Outcome::Ok) {
                let loss = trial.train_loss.filter(|loss| loss.is_finite());
                rows.extend(loss.zip(trial.test_metric).map(|(loss, test)| FitRow {
                    arm: arm.clone(),
                    batch_size: *batch_size,
                    seed: trial.seed,
                    train_loss: loss,
                    test_metric: test,
                    test_error: share.then_some(1.0 - test),
                }));
            }
        }
    }
    Rows::of_task(
        [task.name.as_str(), "fit"],
        format!(
            "Training loss and {} of {}, trial by trial.",
            on_test(&task.metric),
            task.name
        ),
        rows,
    )
}
