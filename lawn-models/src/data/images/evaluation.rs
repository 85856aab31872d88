//! A split of images as weights from elsewhere are measured on it.

use std::path::Path;
use std::sync::Arc;

use super::pictures::Pictures;
use super::reading::{BadFiles, Part, Reading};
use super::scan::{Scan, require_sound};
use super::source::{Source, scan_tested_only};
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
    /// Files that cannot be read.
    pub(crate) left_out: u64,
}

impl EvaluatedSplit {
    /// Opens a split of the data set `data` under `root`.
    ///
    /// A data set that is trained on has the classes of its train folder. One without may be
    /// tested on all the same: its classes are the folders of the test split.
    ///
    /// # Errors
    /// [`DataError`] where it is not there or cannot be listed; [`DataError::BadFiles`] naming all
    /// files that cannot be read.
    pub(crate) fn open(
        data: &str,
        root: &Path,
        part: Part,
        config: &TransformConfig,
        reading: Reading,
        permit: &TestPermit,
    ) -> Result<Self, DataError> {
        let quiet = &|_, _| ();
        let mut left_out = 0;
        let mut sound = |scan: &Scan| {
            left_out = scan.bad.len() as u64;
            match reading.bad_files {
                BadFiles::Fail => require_sound(std::slice::from_ref(scan)),
                BadFiles::Exclude => Ok(()),
            }
        };
        let pictures = match Source::of(data, None, Some(root)) {
            Ok(source) => {
                source
                    .scan(&[part], quiet)?
                    .iter()
                    .try_for_each(&mut sound)?;
                match part {
                    Part::Train => source.train(reading)?,
                    Part::Test => source.test(permit, reading)?,
                }
            }
            Err(error) if part == Part::Train => return Err(error),
            Err(error) => match scan_tested_only(&root.join(data), quiet)? {
                Some(scan) => {
                    sound(&scan)?;
                    Pictures::of_files(scan.sound()?, reading.exif)
                }
                None => return Err(error),
            },
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
            left_out,
        })
    }
}
