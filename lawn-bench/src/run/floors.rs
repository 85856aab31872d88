//! `floors.json`: what each task of a run gives without a network, on validation data.

use std::collections::BTreeMap;

use lawn_models::{Floor, Measurement};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::run::document;
use crate::run::run_dir::RunDir;

/// Schema of `floors.json`.
const SCHEMA: u32 = 1;

/// Predictors that have learned nothing of what a sample holds. What does not beat them has
/// learned nothing either.
const LEAST: [&str; 4] = ["random", "most-popular", "majority-class", "base-rate"];

/// The content of `floors.json`: the floors by task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Floors {
    /// By name of the task.
    pub tasks: BTreeMap<String, Vec<KnownFloor>>,
}

/// A predictor without a network, and what it measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownFloor {
    /// Its name, as `lawn floors` prints it.
    pub predictor: String,
    /// Every metric of the task.
    pub measurements: Vec<Measurement>,
}

impl From<Floor> for KnownFloor {
    fn from(floor: Floor) -> Self {
        Self {
            predictor: floor.predictor.to_owned(),
            measurements: floor.measurements,
        }
    }
}

impl KnownFloor {
    /// Its value of `metric` on validation data.
    #[must_use]
    pub fn validation(&self, metric: &str) -> Option<f64> {
        let mut measured = self.measurements.iter();
        let found = measured
            .find(|one| one.split == lawn_models::Split::Validation && one.metric == metric);
        found.map(|one| one.value).filter(|value| value.is_finite())
    }
}

impl Floors {
    /// Reads the floors of a run, where they are known.
    ///
    /// # Errors
    ///
    /// As [`document::read_if_there`].
    pub fn read(run: &RunDir) -> Result<Option<Self>, Error> {
        document::read_if_there(&run.floors(), 1..=SCHEMA)
    }

    /// Writes them.
    ///
    /// # Errors
    ///
    /// As [`document::write`].
    pub fn write(&self, run: &RunDir) -> Result<(), Error> {
        document::write(&run.floors(), SCHEMA, self)
    }

    /// The highest of the floors of `task` that a trial must beat, by `metric` on validation data.
    #[must_use]
    pub fn to_beat(&self, task: &str, metric: &str, higher: bool) -> Option<(&str, f64)> {
        let floors = self.tasks.get(task)?.iter();
        let known = floors
            .filter(|floor| LEAST.contains(&floor.predictor.as_str()))
            .filter_map(|floor| Some((floor.predictor.as_str(), floor.validation(metric)?)));
        let sign = if higher { 1.0 } else { -1.0 };
        known.max_by(|(_, a), (_, b)| (sign * a).total_cmp(&(sign * b)))
    }
}
