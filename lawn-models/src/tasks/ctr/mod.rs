//! Click prediction: the kind `ctr`.

mod net;
mod survey;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::Schema;
use serde::{Deserialize, Serialize};

use super::generated;
use super::kind::{AssembledNet, AssembledTask, Counts, Files, Kind, Surroundings, TaskMetrics};
use super::named;
use super::stated::{DataSize, StatedSizes};
use super::task::{Net, Task};
use crate::data::checked::CheckedData;
use crate::data::clicks::{
    self, ClickEncoding, ClickOrder, ClickSource, ClickSplit, Clicks, GeneratedClicks, SplitRule,
    TrainClicks,
};
use crate::data::images::{Scan, ScanProgress};
use crate::data::{DataError, GENERATED};
use crate::device::available_memory;
use crate::measure::{CLICK_METRICS, ClickLoss, Floor, Split, floors};
use crate::models::ctr::DcnV2Config;
use crate::models::{CtrModelConfig, CtrShape, Layout, TablePart};
use crate::trial::{SettingsError, TestPermit, describe_tag, require};
use net::{of_net, shape};

/// Prediction of clicks on numbers and categories.
///
/// A data set is a folder `NAME` under the data root, or the root itself, with files as their
/// publishers give them, plain or gzip:
///
/// ```text
/// day_0 … day_23    Criteo 1TB: label \t 13 integers \t 26 categories, a row a line
/// train.txt         Criteo Kaggle: the same
/// train.csv, train  Avazu, with its header
/// ```
/// An integer n becomes `ln(1 + max(n, 0))`, a category the hash of its text and its column. The
/// text is read once: what comes of it is kept beside it (`.lawn-clicks-…`) and mapped into
/// memory, by every task that reads it the same way. Where that folder cannot be written it is kept
/// in the user's cache, and where `LAWN_CLICK_CACHE` names a folder, there. Files that are not there are an error;
/// generated clicks are had by their name alone.
///
/// Of the rows that are measured while training, at most `measured_rows` of train and of
/// validation are, at even distances; of test all.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct CtrConfig {
    /// `"generated"`, or the name of a data set under the data root.
    #[schemars(length(min = 1))]
    pub data: String,
    /// The net: its `name`, and its sizes. Left out, it is a small DCN-v2.
    #[serde(deserialize_with = "named::read_table")]
    #[schemars(transform = describe_name)]
    pub model: CtrModelConfig,
    /// A safetensors file under the data root with the weights that training begins with: each
    /// variable of the net, and nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_from: Option<PathBuf>,
    /// In which order train rows come.
    pub order: ClickOrder,
    /// Which rows are train, validation and test.
    pub split: ClickSplit,
    /// Part of the rows that is test, by `split = "last"` and `"random"`.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub test_fraction: f64,
    /// Part of the other rows that is held out for validation, by the same.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub validation_fraction: f64,
    /// Test rows at the start of the last file, by `split = "last-day"`.
    #[schemars(range(min = 1))]
    pub test_rows: u64,
    /// Seeds the split, by `split = "random"`: part of the data set, not of the trial.
    pub split_seed: u64,
    /// Most rows of train, and of validation, that an evaluation on the way measures.
    #[schemars(range(min = 1))]
    pub measured_rows: u64,
    /// How text becomes numbers and ids; only where `data` names a data set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<ClickEncoding>,
    /// Sizes of the generated clicks; only where `data = "generated"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated: Option<GeneratedClicks>,
}

/// Says of each net what its `name` is, which the enum of nets has no field for.
fn describe_name(schema: &mut Schema) {
    describe_tag(schema, "name", "Which net.");
}

impl Default for CtrConfig {
    fn default() -> Self {
        Self {
            data: GENERATED.to_owned(),
            model: CtrModelConfig::DcnV2(DcnV2Config {
                width: 8,
                layers: vec![64, 32],
                ..DcnV2Config::default()
            }),
            init_from: None,
            order: ClickOrder::Shuffled,
            split: ClickSplit::Last,
            test_fraction: 0.1,
            validation_fraction: 0.1,
            // Nineteen of the 36 files of five million that AlgoPerf cuts day 23 into.
            test_rows: 95_000_000,
            split_seed: 0,
            measured_rows: 1_000_000,
            encoding: None,
            generated: None,
        }
    }
}

impl Kind for CtrConfig {
    const NAME: &'static str = "ctr";
    const ABOUT: &'static str = "prediction of clicks on numbers and categories";
    const METRICS: TaskMetrics = TaskMetrics {
        primary: CLICK_METRICS[0],
        all: CLICK_METRICS,
        higher_is_better: false,
        turned: &["auc"],
        // One that is calibrated has 1.
        unranked: &["calibration"],
    };

    const SIZES: &'static [DataSize] = &[DataSize::ClickFormat];

    type Generated = GeneratedClicks;

    fn data(&self) -> &str {
        &self.data
    }

    fn weights(&self) -> Option<&Path> {
        self.init_from.as_deref()
    }

    fn columns(&self) -> Option<u64> {
        self.generated
            .as_ref()
            .map(|sizes| u64::from(sizes.columns))
    }

    fn resolve(&mut self) {
        if self.data == GENERATED {
            self.generated.get_or_insert_default();
        } else {
            self.encoding.get_or_insert_default().resolve();
        }
    }

    fn validate(&self) -> Result<(), SettingsError> {
        require(!self.data.is_empty(), "data", "empty", "a data set's name")?;
        self.model.validate().map_err(of_net)?;
        for (name, fraction) in [
            ("test_fraction", self.test_fraction),
            ("validation_fraction", self.validation_fraction),
        ] {
            let allowed = "a number between 0 and 1";
            require(fraction > 0.0 && fraction < 1.0, name, fraction, allowed)?;
        }
        for (name, rows) in [
            ("test_rows", self.test_rows),
            ("measured_rows", self.measured_rows),
        ] {
            require(rows >= 1, name, rows, "1 or more")?;
        }
        if self.split == ClickSplit::LastDay && self.data == GENERATED {
            return Err(SettingsError::NotApplicable {
                setting: "split".to_owned(),
                context: format!("data = \"{GENERATED}\", which has no days"),
                allowed: "set it to \"last\" or \"random\"".to_owned(),
            });
        }
        let defaults = Self::default();
        for (setting, is_given) in [
            (
                "test_fraction",
                self.test_fraction != defaults.test_fraction,
            ),
            (
                "validation_fraction",
                self.validation_fraction != defaults.validation_fraction,
            ),
            ("test_rows", self.test_rows != defaults.test_rows),
            ("split_seed", self.split_seed != defaults.split_seed),
        ] {
            if is_given && self.idle().contains(&setting) {
                return Err(SettingsError::NotApplicable {
                    setting: setting.to_owned(),
                    context: format!("split = \"{}\"", self.split.name()),
                    allowed: "leave it out".to_owned(),
                });
            }
        }
        if self.encoding.is_some() && self.data == GENERATED {
            return Err(SettingsError::NotApplicable {
                setting: "encoding".to_owned(),
                context: format!("data = \"{GENERATED}\", which is no text"),
                allowed: "leave it out".to_owned(),
            });
        }
        generated::require_beside(&self.data, self.generated.is_some())?;
        if let Some(sizes) = &self.generated {
            sizes.validate()?;
            self.require_sizes(&shape(&sizes.shape()))?;
        }
        self.encoding
            .as_ref()
            .map_or(Ok(()), |encoding| encoding.validate())
    }

    fn assemble(&self, surroundings: Surroundings<'_>) -> Result<AssembledTask, DataError> {
        let (device, seed) = (surroundings.device, surroundings.seed);
        let source = self.source(surroundings.data_root)?;
        let clicks = Arc::new(self.clicks(&source)?);
        self.require_net(&clicks)?;
        self.require_measured(&clicks)?;
        let shape = CtrShape {
            part: surroundings.part,
            ..shape(clicks.shape())
        };
        let Net { store, model, rows } = self.made(&shape, device, seed)?;
        let measured = self.measured_rows;
        Ok(AssembledTask(Task {
            model,
            objective: Box::new(ClickLoss::new(Arc::clone(&clicks), device, measured)),
            dataset: Arc::new(TrainClicks::new(clicks, self.order, seed)),
            layout: Layout::Contiguous,
            needs_two: false,
            rows,
            store,
        }))
    }

    fn unstated(&self, stated: &StatedSizes) -> Vec<DataSize> {
        match self.format(stated) {
            Some(_) => Vec::new(),
            None => vec![DataSize::ClickFormat],
        }
    }

    fn net(&self, stated: &StatedSizes, part: TablePart) -> Result<AssembledNet, DataError> {
        self.net_of(stated, part).map(AssembledNet)
    }

    fn floors(
        &self,
        data_root: Option<&Path>,
        permit: Option<&TestPermit>,
    ) -> Result<Vec<Floor>, DataError> {
        let source = self.source(data_root)?;
        let clicks = self.clicks(&source)?;
        clicks.train().require_both(clicks.path(), "train")?;
        // Those that trials are measured on.
        let validation = clicks.validation().at_most(self.measured_rows);
        validation.require_both(clicks.path(), "validation")?;
        let mut splits = vec![(Split::Validation, validation)];
        if let Some(permit) = permit {
            let test = clicks.test(permit);
            test.require_both(clicks.path(), "test")?;
            splits.push((Split::Test, test));
        }
        let teacher = source.teacher()?;
        let shape = clicks.shape();
        Ok(floors::clicks::floors(
            shape,
            clicks.train(),
            &splits,
            teacher.as_ref(),
        ))
    }

    fn files(&self, root: &Path, split: Files) -> Result<Vec<PathBuf>, DataError> {
        let source = self.source(Some(root))?;
        let paths = source.paths();
        Ok(match (split, self.split) {
            (Files::Test, ClickSplit::LastDay) => paths.last().into_iter().cloned().collect(),
            _ => paths.to_vec(),
        })
    }

    /// Converts what is text still, so that no trial has to.
    fn scan(
        &self,
        root: &Path,
        _splits: &[Files],
        progress: ScanProgress<'_>,
    ) -> Result<Vec<Scan>, DataError> {
        self.source(Some(root))?.convert(progress)?;
        Ok(Vec::new())
    }

    fn survey(
        &self,
        data_root: Option<&Path>,
        permit: &TestPermit,
    ) -> Result<Vec<String>, DataError> {
        let mut lines = self.survey_of(&self.source(data_root)?, permit)?;
        lines.extend(survey::begun(self, data_root));
        Ok(lines)
    }

    fn describe(folder: &Path) -> Option<Result<Counts, DataError>> {
        clicks::describe(folder)
    }

    /// As planning does, which converts what is sound and keeps it. Of what is not every line is looked
    /// at, to count those that cannot be read.
    fn check(
        &self,
        folder: &Path,
        progress: ScanProgress<'_>,
    ) -> Option<Result<CheckedData, DataError>> {
        let encoding = self.encoding.clone().unwrap_or_default();
        let source = match ClickSource::in_folder(folder, &encoding) {
            Ok(source) => source?,
            Err(error) => return Some(Err(error)),
        };
        let sound = || -> Result<CheckedData, DataError> {
            source.convert(progress)?;
            Ok(CheckedData {
                notes: self.survey_of(&source, &TestPermit::of_a_person())?,
                counts: source.counts()?,
                ..CheckedData::default()
            })
        };
        Some(
            sound().or_else(|error| match clicks::check(folder, progress) {
                Some(Ok(lines)) if lines.bad > 0 => Ok(lines.into()),
                _ => Err(error),
            }),
        )
    }

    fn idle(&self) -> Vec<&'static str> {
        let by_fraction = self.split != ClickSplit::LastDay;
        [
            ("test_fraction", by_fraction),
            ("validation_fraction", by_fraction),
            ("test_rows", !by_fraction),
            ("split_seed", self.split == ClickSplit::Random),
        ]
        .into_iter()
        .filter_map(|(key, is_read)| (!is_read).then_some(key))
        .collect()
    }

    fn write(sizes: &GeneratedClicks, folder: &Path) -> Result<(), DataError> {
        sizes
            .validate()
            .map_err(|error| DataError::options(Self::NAME, &error))?;
        clicks::write(sizes, folder)
    }
}

impl CtrConfig {
    fn source(&self, root: Option<&Path>) -> Result<ClickSource, DataError> {
        let (sizes, encoding) = (self.generated.as_ref(), self.encoding.as_ref());
        ClickSource::of(&self.data, sizes, encoding, root)
    }

    /// What people should know of these rows.
    fn survey_of(
        &self,
        source: &ClickSource,
        permit: &TestPermit,
    ) -> Result<Vec<String>, DataError> {
        let clicks = self.clicks(source)?;
        // What no trial could be tested on is known before it trains.
        clicks.test(permit).require_both(clicks.path(), "test")?;
        self.require_measured(&clicks)?;
        self.require_net(&clicks)?;
        let mut lines = source.survey(self.split)?;
        lines.extend(survey::lines(self, &clicks, permit));
        Ok(lines)
    }

    /// Refuses rows to measure without a click, or of clicks alone: those of train and of validation.
    fn require_measured(&self, clicks: &Clicks) -> Result<(), DataError> {
        for (split, rows) in [
            ("train", clicks.train()),
            ("validation", clicks.validation()),
        ] {
            let measured = rows.at_most(self.measured_rows);
            if measured.len() < rows.len() && rows.require_both(clicks.path(), split).is_ok() {
                measured
                    .require_both(clicks.path(), split)
                    .map_err(|error| {
                        DataError::Setting(SettingsError::OutOfRange {
                            setting: "measured_rows".to_owned(),
                            value: self.measured_rows.to_string(),
                            allowed: format!("a number with clicks and rows without ({error})"),
                        })
                    })?;
            }
            measured.require_both(clicks.path(), split)?;
        }
        Ok(())
    }

    /// Whether the same rows are held out of the same data.
    fn holds_out_as(&self, other: &Self) -> bool {
        let rule = |config: &Self| {
            (
                config.split,
                config.test_fraction,
                config.validation_fraction,
                config.test_rows,
                config.split_seed,
            )
        };
        let bad_lines = |config: &Self| config.encoding.as_ref().map(|one| one.bad_lines);
        self.data == other.data
            && self.generated == other.generated
            && rule(self) == rule(other)
            && bad_lines(self) == bad_lines(other)
    }

    /// Its rows, split.
    fn clicks(&self, source: &ClickSource) -> Result<Clicks, DataError> {
        source.clicks(&self.rule(), available_memory().unwrap_or(u64::MAX))
    }

    fn rule(&self) -> SplitRule {
        SplitRule {
            rule: self.split,
            test_fraction: self.test_fraction,
            validation_fraction: self.validation_fraction,
            test_rows: self.test_rows,
            seed: self.split_seed,
        }
    }
}
