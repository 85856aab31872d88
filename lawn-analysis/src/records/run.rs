//! Everything that a run recorded, in one folder.

use std::path::Path;

use super::rows::{EpochRow, MeasurementRow, TrialRow, UnitRow};
use super::table;
use crate::error::Error;

/// Everything that a run recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// One row a trial.
    pub trials: Vec<TrialRow>,
    /// One row a trial and evaluation.
    pub epochs: Vec<EpochRow>,
    /// One row a trial, evaluation and parameter.
    pub units: Vec<UnitRow>,
    /// One row a trial, epoch, split and metric.
    pub measurements: Vec<MeasurementRow>,
}

impl Records {
    /// Adds the rows of other records. Trial ids must be unique over both.
    pub fn append(&mut self, mut other: Self) {
        self.trials.append(&mut other.trials);
        self.epochs.append(&mut other.epochs);
        self.units.append(&mut other.units);
        self.measurements.append(&mut other.measurements);
    }

    /// Writes the four tables into `dir`, which is created where it does not exist.
    ///
    /// Rows keep their order, and equal records give equal bytes.
    ///
    /// # Errors
    /// [`Error::Io`] where the file system refuses; [`Error::Parquet`] where a table cannot be
    /// encoded.
    pub fn write(&self, dir: &Path) -> Result<(), Error> {
        table::write(&self.trials, dir)?;
        table::write(&self.epochs, dir)?;
        table::write(&self.units, dir)?;
        table::write(&self.measurements, dir)
    }

    /// Reads the four tables from `dir`. Files of versions 1 and 2 have no checksum to compare.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that is not there; [`Error::Parquet`] for one that is truncated or
    /// not Parquet; [`Error::Checksum`] for one whose content was changed; [`Error::NewerSchema`]
    /// and [`Error::NoSchema`] for one of a version that is not read; [`Error::MissingColumn`],
    /// [`Error::WrongType`], [`Error::Null`] and [`Error::UnknownWord`] for a column that is not as
    /// the schema says. All name the file; the last four also name the column.
    pub fn load(dir: &Path) -> Result<Self, Error> {
        Ok(Self {
            trials: table::load(dir)?,
            epochs: table::load(dir)?,
            units: table::load(dir)?,
            measurements: table::load(dir)?,
        })
    }
}
