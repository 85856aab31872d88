use std::fmt::Debug;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tch::Device;

use super::stated::{DataSize, StatedSizes};
use super::task::{Net, Task};
use crate::data::checked::CheckedData;
use crate::data::images::{Scan, ScanProgress};
use crate::data::{DataError, GENERATED};
use crate::measure::Floor;
use crate::models::TablePart;
use crate::trial::{SettingsError, TestPermit};

/// Names of what a task measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskMetrics {
    /// The metric that settings are chosen by.
    pub primary: &'static str,
    /// Every metric, the primary one first.
    pub all: &'static [&'static str],
    /// Whether more of the primary metric is better.
    pub higher_is_better: bool,
    /// Metrics of which the opposite is better.
    pub turned: &'static [&'static str],
    /// Metrics of which neither more nor less is better: nothing is chosen by them.
    pub unranked: &'static [&'static str],
}

impl TaskMetrics {
    /// Whether more of this metric is better.
    pub fn is_higher_better(&self, metric: &str) -> bool {
        self.higher_is_better != self.turned.contains(&metric)
    }

    /// The metrics that a setting may be chosen by.
    pub fn ranked(&self) -> Vec<&'static str> {
        let all = self.all.iter().copied();
        all.filter(|metric| !self.unranked.contains(metric))
            .collect()
    }
}

/// Where a task is put together.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub(crate) device: Device,
    pub(crate) data_root: Option<&'a Path>,
    /// Seed of the trial.
    pub(crate) seed: u64,
    /// Which rows of its embedding tables this process has.
    pub(crate) part: TablePart,
}

impl Surroundings<'_> {
    /// Where a net is put together that no data are read for, and nothing is computed with.
    pub(super) fn without_data(part: TablePart) -> Self {
        Self {
            device: Device::Cpu,
            data_root: None,
            seed: 0,
            part,
        }
    }
}

/// A task that has been put together.
pub struct AssembledTask(pub(crate) Task);

/// A net that has been put together without data.
pub struct AssembledNet(pub(crate) Net);

/// What a data set holds: how many of what.
pub type Counts = Vec<(String, u64)>;

/// A kind of task. The type that it is implemented for is its table in a sweep file.
///
/// A kind is one file in `tasks/`, which implements this, and one line in the list of
/// [`KINDS`](crate::KINDS).
pub trait Kind:
    Serialize + DeserializeOwned + JsonSchema + Clone + Debug + PartialEq + Default
{
    /// The value of `kind` that stands for it, and its name wherever one is needed.
    const NAME: &'static str;

    /// What it is, in a few words.
    const ABOUT: &'static str;

    /// What it measures on each split where its table says nothing else.
    const METRICS: TaskMetrics;

    /// Keys of the table that had another name once, `(then, now)`. The value of `data` that
    /// stands for generated data had the same. Both are still read.
    const RENAMED: &'static [(&'static str, &'static str)] = &[];

    /// The sizes of its data that its net is made for.
    const SIZES: &'static [DataSize] = &[];

    /// Sizes of the data that can be made in place of files.
    type Generated: Serialize + DeserializeOwned + Clone + Debug + PartialEq;

    /// Name of the data set: `generated`, or one that is looked up under the data root.
    fn data(&self) -> &str;

    /// What a task with this table measures on each split.
    fn metrics(&self) -> TaskMetrics {
        Self::METRICS
    }

    /// The file of weights that training begins with, absolute or under the data root.
    fn weights(&self) -> Option<&Path> {
        None
    }

    /// Files of weights that parts of the net begin with, which [`assemble`](Self::assemble)
    /// reads; absolute or under the data root.
    fn weights_of_parts(&self) -> Vec<&Path> {
        Vec::new()
    }

    /// Samples that stay together, since one set of normalization statistics is of them.
    fn statistics_batch(&self) -> u64 {
        1
    }

    /// Columns whose values are looked up in embedding tables that ranks can share, where there are
    /// some and their number is known without the data.
    fn columns(&self) -> Option<u64> {
        None
    }

    /// Writes out what the defaults stand for, so that a plan records what it ran with.
    fn resolve(&mut self);

    /// Checks every value against what it allows, without libtorch.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    fn validate(&self) -> Result<(), SettingsError>;

    /// Puts data set, model and objective together.
    ///
    /// # Errors
    /// [`DataError`] where the data set is absent or cannot be used.
    fn assemble(&self, surroundings: Surroundings<'_>) -> Result<AssembledTask, DataError>;

    /// The [sizes](Self::SIZES) of its data that neither the table nor `stated` says.
    fn unstated(&self, stated: &StatedSizes) -> Vec<DataSize> {
        let sizes = Self::SIZES.iter().copied();
        sizes.filter(|&size| !stated.has(size)).collect()
    }

    /// Puts its net together, on the CPU, for data in files that need not be there: nothing is read, of
    /// weights that it would begin with neither.
    ///
    /// # Errors
    /// [`DataError::Setting`] for a size that is [not stated](Self::unstated), and for sizes that the net
    /// cannot have.
    fn net(&self, stated: &StatedSizes, part: TablePart) -> Result<AssembledNet, DataError>;

    /// What the metrics are without a model, on the test split too with a permit.
    ///
    /// # Errors
    /// As [`assemble`](Self::assemble).
    fn floors(
        &self,
        data_root: Option<&Path>,
        permit: Option<&TestPermit>,
    ) -> Result<Vec<Floor>, DataError>;

    /// The files that training and validation read, and those of the test split: listed, not
    /// opened. None where the data are generated. A kind without a format of files leaves this
    /// out.
    ///
    /// # Errors
    /// [`DataError`] where the data set is not under `root`, or cannot be listed;
    /// [`DataError::NoFormat`] where data of the kind are generated, and `data` names others.
    fn files(&self, _root: &Path, _split: Files) -> Result<Vec<PathBuf>, DataError> {
        match self.data() {
            GENERATED => Ok(Vec::new()),
            _ => Err(DataError::no_format(Self::NAME)),
        }
    }

    /// Looks into every file of the splits, in their order, where that says more than the files'
    /// names do; nothing where it does not, or the data are generated. `progress` is told how
    /// far it is.
    ///
    /// # Errors
    /// As [`files`](Self::files), and [`DataError::BadFiles`] where the task does not go on
    /// without files that cannot be read.
    fn scan(
        &self,
        _root: &Path,
        _splits: &[Files],
        _progress: ScanProgress<'_>,
    ) -> Result<Vec<Scan>, DataError> {
        Ok(Vec::new())
    }

    /// What people should know of the data before anything is trained, a line each: counts of
    /// what was left out, and what makes the test easier. Looked at when a sweep is planned.
    ///
    /// # Errors
    /// As [`assemble`](Self::assemble), and where the test split cannot be used.
    fn survey(
        &self,
        _data_root: Option<&Path>,
        _permit: &TestPermit,
    ) -> Result<Vec<String>, DataError> {
        Ok(Vec::new())
    }

    /// A sheet of samples as a network is given them, as a PNG file, where they can be looked
    /// at: the first of validation, and below them the first train samples of the first epoch
    /// of a trial with this seed.
    ///
    /// # Errors
    /// As [`assemble`](Self::assemble).
    fn sheet(&self, _data_root: Option<&Path>, _seed: u64) -> Result<Option<Vec<u8>>, DataError> {
        Ok(None)
    }

    /// Counts the data set in a folder, if it has one in the format of this kind. A kind without
    /// a format of files leaves this out, and has none in any folder.
    fn describe(_folder: &Path) -> Option<Result<Counts, DataError>> {
        None
    }

    /// Reads the whole of the data set in a folder, if it has one in the format of this kind, as
    /// planning does with a task of this table, whose `data` is the folder's name. `progress` is told
    /// how far it is. A kind without a format of files leaves this out.
    fn check(
        &self,
        _folder: &Path,
        _progress: ScanProgress<'_>,
    ) -> Option<Result<CheckedData, DataError>> {
        None
    }

    /// What is wrong with files of a folder that have the names of this kind's, and are none that
    /// [`describe`](Self::describe) counts.
    fn refusal(_folder: &Path) -> Option<DataError> {
        None
    }

    /// Keys that say nothing beside the others and are not given: a sweep that is explained leaves
    /// them out.
    fn idle(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Writes generated data in that format. A kind without one leaves this out.
    ///
    /// # Errors
    /// [`DataError::Options`] for sizes that are not allowed, [`DataError::Write`],
    /// [`DataError::NoFormat`].
    fn write(_sizes: &Self::Generated, _folder: &Path) -> Result<(), DataError> {
        Err(DataError::no_format(Self::NAME))
    }
}

/// Which files of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// Those that training and validation read.
    Train,
    /// Those of the test split.
    Test,
}

/// What is known of a kind without a task of it.
#[derive(Clone, Copy, Debug)]
pub struct KindEntry {
    /// The value of `kind`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// What it measures on each split.
    pub metrics: TaskMetrics,
    /// Keys and words that had another name once, `(then, now)`.
    pub renamed: &'static [(&'static str, &'static str)],
    /// The JSON Schema of its table, in the words of the documentation of its fields.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

/// What a kind makes of files in its format. It stands apart from [`KindEntry`]: these functions
/// make tensors, and a program that asks for names and schemas alone does not link libtorch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KindFormat {
    pub(crate) name: &'static str,
    pub(crate) describe: fn(&Path) -> Option<Result<Counts, DataError>>,
    pub(crate) refusal: fn(&Path) -> Option<DataError>,
}

impl KindFormat {
    pub(super) const fn of<K: Kind>() -> Self {
        Self {
            name: K::NAME,
            describe: K::describe,
            refusal: K::refusal,
        }
    }
}

impl KindEntry {
    pub(super) const fn of<K: Kind>() -> Self {
        Self {
            name: K::NAME,
            about: K::ABOUT,
            metrics: K::METRICS,
            renamed: K::RENAMED,
            schema: K::json_schema,
        }
    }

    /// Puts the words of today into a table of this kind, and gives those that it had in
    /// their place, `(then, now)`.
    pub fn rename(&self, table: &mut Map<String, Value>) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        for &(then, now) in self.renamed {
            let data = table.get_mut("data").filter(|data| **data == then);
            let names_data = data.map(|data| *data = now.into()).is_some();
            let sizes = table.remove(then);
            if names_data || sizes.is_some() {
                found.push((then, now));
            }
            if let Some(sizes) = sizes {
                table.insert(now.to_owned(), sizes);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kind whose data are generated and nothing else.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize, JsonSchema)]
    struct Drawn {
        data: String,
    }

    impl Kind for Drawn {
        const NAME: &'static str = "drawn";
        const ABOUT: &'static str = "what has no files";
        const METRICS: TaskMetrics = TaskMetrics {
            primary: "top-1",
            all: &["top-1"],
            higher_is_better: true,
            turned: &[],
            unranked: &[],
        };

        type Generated = ();

        fn data(&self) -> &str {
            &self.data
        }

        fn resolve(&mut self) {}

        fn validate(&self) -> Result<(), SettingsError> {
            Ok(())
        }

        fn assemble(&self, _: Surroundings<'_>) -> Result<AssembledTask, DataError> {
            Err(DataError::no_format(Self::NAME))
        }

        fn net(&self, _: &StatedSizes, _: TablePart) -> Result<AssembledNet, DataError> {
            Err(DataError::no_format(Self::NAME))
        }

        fn floors(
            &self,
            _: Option<&Path>,
            _: Option<&TestPermit>,
        ) -> Result<Vec<Floor>, DataError> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn a_kind_without_a_format_of_files_says_so_by_saying_nothing() {
        let folder = Path::new(".");
        assert!(Drawn::describe(folder).is_none());
        let refused = |error: DataError| {
            assert!(
                matches!(error, DataError::NoFormat { kind: "drawn" }),
                "{error}"
            );
            assert!(error.to_string().contains("no format of files"), "{error}");
        };
        refused(Drawn::write(&(), folder).unwrap_err());
        for split in [Files::Train, Files::Test] {
            let of = |data: &str| Drawn { data: data.into() }.files(folder, split);
            refused(of("mine").unwrap_err());
            assert!(of("generated").unwrap().is_empty());
        }
    }
}
