//! The four tables of a run: what a row of each holds.
//!
//! The field names are the column names; the types are the column types.
//! An `Option` is a column that may have no value in a row.

use serde::{Deserialize, Serialize};

use super::table::{Cell, Misfit, Table};
use super::words::{BudgetUnit, Outcome, Phase, Split, Stage};
use crate::error::Error;

/// Declares a row type and its mapping onto columns, so that the two cannot drift apart.
///
/// A column that came with a later schema version is marked `= since N`. It is an `Option`, and has
/// no value in a file of an earlier version.
macro_rules! row {
    (
        $(#[$meta:meta])*
        $name:ident in $file:literal {
            $($(#[$doc:meta])* $field:ident: $type:ty $(= since $version:literal)?,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl Table for $name {
            const NAME: &'static str = $file;
            const COLUMNS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($field), <$type as Cell>::TYPE),)*];
            const ADDED: &'static [(&'static str, u32)] =
                &[$($((stringify!($field), $version),)?)*];

            fn to_frame(rows: &[Self]) -> polars::error::PolarsResult<polars::prelude::DataFrame> {
                polars::prelude::DataFrame::new(rows.len(), vec![
                    $(<$type as Cell>::write(
                        stringify!($field),
                        rows.iter().map(|row| &row.$field),
                    ),)*
                ])
            }

            fn from_frame(
                frame: &polars::prelude::DataFrame,
                path: &std::path::Path,
            ) -> Result<Vec<Self>, Error> {
                $(let mut $field =
                    <$type as Cell>::read(frame, stringify!($field), path)?.into_iter();)*
                let mut rows = Vec::with_capacity(frame.height());
                // The columns of a frame have equal lengths, so all iterators end together.
                while let ($(Some($field),)*) = ($($field.next(),)*) {
                    rows.push(Self { $($field,)* });
                }
                Ok(rows)
            }

            fn from_texts<'a>(text: impl Fn(&str) -> &'a str) -> Result<Self, Misfit<'a>> {
                $(let $field = {
                    let column = stringify!($field);
                    let text = text(column);
                    <$type as Cell>::parse(text).map_err(|allowed| Misfit { column, text, allowed })?
                };)*
                Ok(Self { $($field,)* })
            }
        }
    };
}

row! {
    /// One trial, finished or failed: a row of `trials.parquet`.
    TrialRow in "trials" {
        /// Name of the sweep.
        sweep: String,
        /// Name of the task.
        task: String,
        /// Name of the arm.
        arm: String,
        /// Samples per optimizer step.
        batch_size: i64,
        /// What the trial was run for.
        stage: Stage,
        /// Index of the setting among those of its arm and batch size.
        setting: i64,
        /// Seed of all random numbers of the trial.
        seed: i64,
        /// Hash of everything that could change its result.
        trial_id: String,
        /// The setting's hyper-parameters, as the text of a JSON object.
        hyperparameters: String,
        /// How it ended.
        outcome: Outcome,
        /// Why it did not end well.
        detail: Option<String>,
        /// What its budget counts.
        budget_unit: Option<BudgetUnit> = since 3,
        /// How many of these units its schedule is made for. A tuning trial may stop earlier.
        budget_amount: Option<i64> = since 3,
        /// Processes that trained it together.
        ranks: Option<i64> = since 4,
        /// What connected them, where there were several.
        rank_backend: Option<String> = since 4,
        /// The step at which a condition froze the norms, where the freeze hangs on one.
        frozen_at_step: Option<i64> = since 6,
        /// Epochs trained, fractions included.
        epochs: f64,
        /// Optimizer steps taken.
        steps: i64,
        /// Samples seen.
        samples: i64,
        /// Name of the primary metric.
        metric: String,
        /// Whether more of the primary metric is better.
        higher_is_better: bool,
        /// Primary metric on the training data, at the end.
        train_metric: Option<f64>,
        /// Primary metric on the validation data, at the end.
        validation_metric: Option<f64>,
        /// Primary metric on the test data; confirmation trials only.
        test_metric: Option<f64>,
        /// Hits or errors behind `test_metric`, where it is a count.
        test_count: Option<i64>,
        /// Cases behind `test_metric`, where it is a count.
        test_total: Option<i64>,
        /// Training loss of the last epoch.
        train_loss: Option<f64>,
        /// Seconds in training steps.
        seconds_train: f64,
        /// Seconds waiting for data.
        seconds_data: f64,
        /// Seconds in evaluation.
        seconds_evaluate: f64,
        /// Seconds in all, start to end.
        seconds_total: f64,
        /// Training samples per second of training time.
        samples_per_second: Option<f64>,
    }
}

row! {
    /// One evaluation of one trial, by default at the end of an epoch: a row of `epochs.parquet`.
    /// Means and seconds cover the steps since the previous evaluation.
    EpochRow in "epochs" {
        /// The trial.
        trial_id: String,
        /// Epochs trained by then, fractions included.
        epoch: f64,
        /// Optimizer steps taken by then.
        step: i64,
        /// Samples seen by then.
        samples: i64,
        /// The phase of the last step.
        phase: Phase,
        /// Learning rate of the last step.
        learning_rate: f64,
        /// Mean training loss.
        train_loss: f64,
        /// Primary metric on the training data.
        train_metric: Option<f64>,
        /// Primary metric on the validation data.
        validation_metric: Option<f64>,
        /// Mean magnitude of the logits.
        logit_mean_abs: f64,
        /// Largest magnitude of a logit.
        logit_max_abs: f64,
        /// Global norm of the raw gradient at its last step.
        gradient_norm: f64,
        /// Global norm of the weights.
        weight_norm: f64,
        /// Euclidean distance of the weights from those at the freeze. It is taken over the
        /// constrained units, or over all weights in a trial that constrains none. It has no value
        /// up to the freeze, and none in a trial that has neither a freeze nor an epoch to measure
        /// from instead.
        distance_from_freeze: Option<f64> = since 2,
        /// How far the net has moved as a function from where distances are measured from: the mean
        /// total variation distance between its answers for validation inputs then and now, 0 to 1.
        function_distance: Option<f64> = since 5,
        /// Training samples per second of training time.
        samples_per_second: f64,
        /// Seconds in training steps.
        seconds_train: f64,
        /// Seconds waiting for data.
        seconds_data: f64,
        /// Seconds in evaluation.
        seconds_evaluate: f64,
        /// Seconds writing the checkpoint.
        seconds_checkpoint: f64,
    }
}

row! {
    /// The norm of one parameter at one evaluation: a row of `units.parquet`.
    UnitRow in "units" {
        /// The trial.
        trial_id: String,
        /// Epochs trained by then, fractions included.
        epoch: f64,
        /// Name of the parameter.
        parameter: String,
        /// Its Euclidean norm.
        weight_norm: f64,
        /// Whether its norm is held.
        constrained: bool,
    }
}

row! {
    /// One metric on one split at one evaluation: a row of `measurements.parquet`.
    MeasurementRow in "measurements" {
        /// The trial.
        trial_id: String,
        /// Epochs trained by then, fractions included.
        epoch: f64,
        /// The data measured on.
        split: Split,
        /// Name of the metric.
        metric: String,
        /// Its value.
        value: f64,
        /// Hits or errors behind it, where it is a count.
        count: Option<i64>,
        /// Cases behind it, where it is a count.
        total: Option<i64>,
    }
}
