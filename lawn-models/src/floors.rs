//! What can be had without learning anything: the floors that a metric is read against.

use std::path::Path;

use serde::Serialize;

use crate::DataError;
use crate::config::{Stage, TaskConfig};
use crate::record::{Measurement, Split};
use crate::trainer::TestPermit;
use crate::{image, ncf};

/// A predictor that is not trained, and what it measures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Floor {
    /// `random` is the expectation over all guesses; `most-popular` ranks items by
    /// their train interactions; `majority-class` always answers the most frequent
    /// class of the train split.
    pub predictor: &'static str,
    /// Every metric of the task, on the validation split and, where asked for, on test.
    pub measurements: Vec<Measurement>,
}

/// Measures the floors of a task.
///
/// Nothing is tuned here, so that a look at the test split gives nothing away;
/// it is opened only if `with_test` asks for it.
///
/// # Errors
/// [`DataError`] where the data set is not under `data_root` or cannot be used.
///
/// ```
/// use lawn_models::{TaskConfig, floors};
/// let task = TaskConfig::from_table("ncf", serde_json::json!({
///     "synthetic": { "users": 100, "items": 200 },
/// }))?;
/// let floors = floors(&task, None, false)?;
/// assert_eq!(floors[0].predictor, "random");
/// assert_eq!(floors[0].measurements[0].value, 0.1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn floors(
    task: &TaskConfig,
    data_root: Option<&Path>,
    with_test: bool,
) -> Result<Vec<Floor>, DataError> {
    let permit = with_test.then(|| TestPermit::of(Stage::Confirm)).flatten();
    match task {
        TaskConfig::Ncf(config) => ncf::floors(config, data_root, permit.as_ref()),
        TaskConfig::Image(config) => image::floors(config, data_root, permit.as_ref()),
    }
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
