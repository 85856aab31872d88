//! A split of images as weights from elsewhere are measured on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder;
use super::pictures::Pictures;
use super::reading::{Part, Reading};
use super::source::Source;
use super::transform::{Transform, TransformConfig};
use super::views::Views;
use crate::data::dataset::Dataset;
use crate::data::error::DataError;
use crate::trial::TestPermit;

/// Images in the order of their names, each as evaluation sees it.
pub(crate) struct EvaluatedSplit {
    /// Names of the classes; targets are indices into them.
    pub(crate) classes: Vec<String>,
    pub(crate) images: Arc<dyn Dataset>,
}

impl EvaluatedSplit {
    /// Opens a split of the data set `data` under `root`.
    ///
    /// A data set that is trained on has the classes of its train folder. One without may be
    /// tested on all the same: its classes are the folders of the test split.
    ///
    /// # Errors
    /// [`DataError`] where it is not there or cannot be listed.
    pub(crate) fn open(
        data: &str,
        root: &Path,
        part: Part,
        config: &TransformConfig,
        reading: Reading,
        permit: &TestPermit,
    ) -> Result<Self, DataError> {
        let pictures = match (Source::of(data, None, Some(root)), part) {
            (Ok(source), Part::Test) => source.test(permit, reading)?,
            (Ok(source), Part::Train) => source.train(reading)?,
            (Err(error), Part::Test) => match tested_only(data, root) {
                Some(folder) => Pictures::of_files(folder::list(&folder, None)?, reading.exif),
                None => return Err(error),
            },
            (Err(error), Part::Train) => return Err(error),
        };
        let classes = pictures.classes.clone();
        let all = (0..pictures.len() as u32).collect();
        let images = Views::new(
            Arc::new(pictures),
            all,
            Transform::new(config),
            config.normalization.statistics(),
            reading.threads,
        );
        Ok(Self {
            classes,
            images: Arc::new(images),
        })
    }
}

/// The test folder of a data set that has nothing to train on.
fn tested_only(data: &str, root: &Path) -> Option<PathBuf> {
    let folder = folder::test_folder(&root.join(data));
    folder.is_dir().then_some(folder)
}
