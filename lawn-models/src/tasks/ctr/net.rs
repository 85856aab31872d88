//! The nets that the kind `ctr` trains, for the rows that there are or that are stated.

use tch::Device;
use tch::nn::VarStore;

use super::CtrConfig;
use crate::data::DataError;
use crate::data::clicks::{ClickFormat, ClickShape, ClickSplit, Clicks};
use crate::device::require_room;
use crate::models::{CtrModelError, CtrShape, TablePart};
use crate::tasks::stated::{DataSize, StatedSizes};
use crate::tasks::task::{Net, TableRows};
use crate::trial::SettingsError;

impl CtrConfig {
    /// The format of its files, where that is stated or follows from the table: from the number of sizes
    /// of columns, and from days, which Criteo alone has.
    pub(super) fn format(&self, stated: &StatedSizes) -> Option<ClickFormat> {
        let of_table = || match (&self.encoding, self.split) {
            (Some(encoding), _) if !encoding.hash_sizes.is_empty() => encoding.format(),
            (_, ClickSplit::LastDay) => Some(ClickFormat::Criteo),
            _ => None,
        };
        stated.click_format.or_else(of_table)
    }

    /// The net for rows of this shape.
    pub(super) fn made(
        &self,
        shape: &CtrShape,
        device: Device,
        seed: u64,
    ) -> Result<Net, DataError> {
        let part = shape.part;
        if !part.is_few() {
            let elements = self.model.parameters(shape) / part.processes();
            require_room(elements, device).map_err(DataError::NoRoom)?;
        }
        let store = VarStore::new(device);
        let model = self.model.build(&store.root(), shape, seed);
        let rows = match part.is_few() {
            true => {
                let tables = model.tables().into_iter();
                let each = tables.map(|table| (table.name().to_owned(), table.rows()));
                each.collect()
            }
            false => TableRows::new(),
        };
        Ok(Net { store, model, rows })
    }

    /// The net for files that are not there.
    pub(super) fn net_of(&self, stated: &StatedSizes, part: TablePart) -> Result<Net, DataError> {
        let sizes = || -> Result<CtrShape, SettingsError> {
            let format = self.format(stated);
            let format = format.ok_or_else(|| DataSize::ClickFormat.missing())?;
            let encoding = self.encoding.clone().unwrap_or_default();
            let shape = CtrShape {
                part,
                ..shape(&encoding.shape(format)?)
            };
            self.require_sizes(&shape)?;
            Ok(shape)
        };
        let shape = sizes().map_err(DataError::Setting)?;
        self.made(&shape, Device::Cpu, 0)
    }

    /// Refuses sizes of the net that these rows have no use for.
    pub(super) fn require_sizes(&self, shape: &CtrShape) -> Result<(), SettingsError> {
        self.model.require(shape).map_err(of_net)
    }

    /// The same of rows of files, whose columns are known with them.
    pub(super) fn require_net(&self, clicks: &Clicks) -> Result<(), DataError> {
        let sizes = self.model.require(&shape(clicks.shape()));
        sizes.map_err(|error| {
            let found = format!("a net whose `model.{}` is {}", error.setting, error.value);
            DataError::unusable(clicks.path(), found, error.allowed)
        })
    }
}

/// A setting of the net, as a task has it.
pub(super) fn of_net(error: CtrModelError) -> SettingsError {
    SettingsError::OutOfRange {
        setting: format!("model.{}", error.setting),
        value: error.value,
        allowed: error.allowed.to_owned(),
    }
}

/// What a row has, as nets take it.
pub(super) fn shape(shape: &ClickShape) -> CtrShape {
    CtrShape {
        dense: shape.dense as i64,
        columns: shape.columns.iter().map(|&size| i64::from(size)).collect(),
        ..CtrShape::default()
    }
}
