//! How a task was tuned, and when its trials reached a target.

use super::field::Spread;
use super::row::{Rows, of_arm, row};
use crate::analysis::{Target, TargetCell, Task, TuningPoint, TuningPoints};

row! {
    /// One tuning trial by the value of one hyper-parameter.
    pub struct TuningPointRow {
        /// The arm.
        arm: String,
        /// The batch size.
        batch_size: i64,
        /// Index of its setting.
        setting: i64,
        /// Name of the hyper-parameter.
        parameter: String,
        /// Its value.
        value: f64,
        /// Validation metric; none where the trial did not end well.
        validation: Option<f64> as [validation_metric],
        /// Whether the setting is the one that was chosen.
        chosen: bool,
    }
}

row! {
    /// When the seeds of one arm and batch size reach the target.
    pub struct TargetRow {
        /// The arm.
        arm: String,
        /// The batch size.
        batch_size: i64,
        /// The validation metric to reach.
        target: f64,
        /// Seeds with a curve.
        seeds: usize,
        /// Number of seeds that reach the target.
        reached: usize,
        /// Optimizer steps of those seeds until then.
        steps: Option<Spread> as [steps, steps_low, steps_high],
        /// Seconds of training of those seeds until then.
        seconds: Option<Spread> as [seconds, seconds_low, seconds_high],
    }
}

of_arm!(TuningPointRow, TargetRow);

/// Every tuning trial by the value of a hyper-parameter.
pub fn tuning_points(task: &Task, found: &TuningPoints) -> Rows<TuningPointRow> {
    let row = |point: &TuningPoint| TuningPointRow {
        arm: point.arm.clone(),
        batch_size: point.batch_size,
        setting: point.setting,
        parameter: found.parameter.clone(),
        value: point.value,
        validation: point.validation,
        chosen: point.chosen,
    };
    Rows::of_task(
        [task.name.as_str(), "tuning"],
        format!(
            "Validation {} of {} in tuning by {}.",
            task.metric, task.name, found.parameter
        ),
        found.points.iter().map(row).collect(),
    )
}

/// Steps and seconds to the target: mean and range over the seeds that reach it.
pub fn target(task: &Task, target: &Target) -> Rows<TargetRow> {
    let row = |cell: &TargetCell| TargetRow {
        arm: cell.arm.clone(),
        batch_size: cell.batch_size,
        target: target.value,
        seeds: cell.seeds,
        reached: cell.steps.len(),
        steps: Spread::of(&cell.steps),
        seconds: Spread::of(&cell.seconds),
    };
    Rows::of_task(
        [task.name.as_str(), "target"],
        format!(
            "Steps and seconds of {} to a validation {}.",
            task.name, task.metric
        ),
        target.cells.iter().map(row).collect(),
    )
}
