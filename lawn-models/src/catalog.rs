//! The data sets at hand: what lies under a data root, what can be made, and what can be
//! had of it without a model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data::{DataError, Dataset};
use crate::measure::Floor;
use crate::tasks::{FORMATS, Files, MakeData, Surroundings, TaskConfig};
use crate::trial::TestPermit;

/// A data set found under a data root.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct DataSet {
    /// What a task's `data` calls it.
    pub name: String,
    /// The kind of task that reads it.
    pub kind: String,
    /// Its folder.
    pub path: PathBuf,
    /// How many of what it holds.
    pub counts: Vec<(String, u64)>,
}

/// Looks at each folder under `root`, and at `root` itself, in order of name.
///
/// A data set that is there but cannot be read is an entry too, with its error.
///
/// # Errors
/// [`DataError::Read`] if `root` itself cannot be listed.
pub fn describe_data(root: &Path) -> Result<Vec<Result<DataSet, DataError>>, DataError> {
    let folders = describe_folders(root)?;
    Ok(folders
        .into_iter()
        .filter_map(|folder| folder.set)
        .collect())
}

/// A folder that was looked at.
#[derive(Debug)]
pub struct DataFolder {
    /// The folder.
    pub path: PathBuf,
    /// The data set in it, or why that cannot be read; none where no kind knows its format.
    pub set: Option<Result<DataSet, DataError>>,
}

/// As [`describe_data`], with the folders that are no data set.
///
/// # Errors
/// [`DataError::Read`] if `root` itself cannot be listed.
pub fn describe_folders(root: &Path) -> Result<Vec<DataFolder>, DataError> {
    let mut folders = vec![root.to_owned()];
    for entry in std::fs::read_dir(root).map_err(DataError::read(root))? {
        let path = entry.map_err(DataError::read(root))?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders[1..].sort();
    Ok(folders
        .into_iter()
        .map(|path| DataFolder {
            set: describe(&path),
            path,
        })
        .collect())
}

/// The data set in a folder, of the first kind that knows its format.
fn describe(folder: &Path) -> Option<Result<DataSet, DataError>> {
    let name = folder.file_name()?.to_str()?;
    FORMATS.iter().find_map(|kind| {
        let counts = (kind.describe)(folder)?;
        Some(counts.map(|counts| DataSet {
            name: name.to_owned(),
            kind: kind.name.to_owned(),
            path: folder.to_owned(),
            counts,
        }))
    })
}

/// Whether a folder has a data set in the format of this kind, read or refused.
pub fn is_of_kind(kind: &str, folder: &Path) -> bool {
    let mut formats = FORMATS.iter();
    formats.any(|format| format.name == kind && (format.describe)(folder).is_some())
}

/// What is wrong with files of a folder that have the names of some kind's and are of no data set;
/// none where no kind knows them.
pub fn refusal(folder: &Path) -> Option<DataError> {
    let is_known = FORMATS.iter().any(|kind| (kind.describe)(folder).is_some());
    let refusal = || FORMATS.iter().find_map(|kind| (kind.refusal)(folder));
    (!is_known).then(refusal).flatten()
}

/// The files that a task trains and validates on, and those of the weights that it begins
/// with: listed, not opened. None where its data are generated and its weights are drawn.
///
/// # Errors
/// [`DataError`] where the data set is not under `root`, or cannot be listed.
pub fn train_files(task: &TaskConfig, root: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut files = task.files(root, Files::Train)?;
    let weights = task.weights_files().into_iter();
    files.extend(weights.map(|path| root.join(path)));
    Ok(files)
}

/// The files of a task's test split: listed, not opened. None where its data are generated.
///
/// # Errors
/// As [`train_files`].
pub fn test_files(task: &TaskConfig, root: &Path) -> Result<Vec<PathBuf>, DataError> {
    task.files(root, Files::Test)
}

/// What a trial with this seed trains on: data set and augmentation, without a model.
///
/// # Errors
/// [`DataError`] where the data set is not under `data_root` or cannot be used.
pub fn train_dataset(
    task: &TaskConfig,
    data_root: Option<&Path>,
    seed: u64,
) -> Result<Arc<dyn Dataset>, DataError> {
    let surroundings = Surroundings {
        device: tch::Device::Cpu,
        data_root,
        seed,
        part: crate::models::TablePart::default(),
    };
    task.assemble(surroundings).map(|task| task.dataset)
}

/// Writes generated data in the format that a user's own data would have.
///
/// The folder's name becomes the data set's name, its parent the data root.
///
/// # Errors
/// [`DataError::Options`] for sizes that [`TaskConfig::validate`] would refuse,
/// [`DataError::Unusable`] for a folder that is not empty, [`DataError::Write`] where a file
/// cannot be written.
pub fn make_data(what: &MakeData, folder: &Path) -> Result<(), DataError> {
    if std::fs::read_dir(folder).is_ok_and(|mut there| there.next().is_some()) {
        let (found, expected) = ("a folder that is not empty", "a new or an empty one");
        return Err(DataError::unusable(folder, found, expected));
    }
    what.write(folder)
}

/// What people should know of a task's data before anything is trained, a line each: what was
/// left out, what occurs in train and in test, how many candidates a held-out item is ranked among.
/// The test split is looked into, and nothing of it is kept.
///
/// # Errors
/// [`DataError`] where the data set is not under `data_root`, or one of its splits cannot be used.
pub fn survey(task: &TaskConfig, data_root: Option<&Path>) -> Result<Vec<String>, DataError> {
    task.survey(data_root, &TestPermit::of_a_person())
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
///     "generated": { "users": 100, "items": 200 },
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
    let permit = with_test.then(TestPermit::of_a_person);
    task.floors(data_root, permit.as_ref())
}
