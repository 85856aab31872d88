use serde::Serialize;

use crate::measure::measurement::{Measurement, Split};

/// A predictor without a network, and what it measures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Floor {
    /// `random` is the expectation over all guesses; `most-popular` ranks items by
    /// their train interactions; `majority-class` always answers the most frequent
    /// class of the train split; `base-rate` answers the click rate of train, and
    /// `logistic-regression` is linear in numbers and categories; `bayes` knows the
    /// probabilities that generated clicks were drawn by.
    pub predictor: &'static str,
    /// Every metric of the task, on the validation split and, where asked for, on test.
    pub measurements: Vec<Measurement>,
}

impl Floor {
    /// A floor that answers `metrics` on every split of `splits`.
    pub(crate) fn expected(
        predictor: &'static str,
        splits: &[Split],
        metrics: &[(&str, f64)],
    ) -> Self {
        let measurements = splits.iter().flat_map(|&split| {
            metrics.iter().map(move |&(metric, value)| Measurement {
                split,
                metric: metric.to_owned(),
                value,
                count: None,
                total: None,
            })
        });
        Self {
            predictor,
            measurements: measurements.collect(),
        }
    }
}
