//! Which folders of a data set are its splits.

use std::path::{Path, PathBuf};

use super::list::list;
use super::listing::Listing;
use super::walk;
use crate::data::error::DataError;

/// The folder that training and validation read: validation images are taken from each of its
/// classes.
pub(crate) const TRAIN: &str = "train";

/// Names of the folder of the test split, the first that is there. Publishers that keep their
/// test labels to themselves, as ImageNet's do, call what everybody tests on `val`.
const TEST: [&str; 2] = ["test", "val"];

/// The folder of the test split of the data set in `folder`; `test` where there is none.
pub(crate) fn test_folder(folder: &Path) -> PathBuf {
    let folders = TEST.map(|name| folder.join(name));
    let there = folders.iter().find(|folder| folder.is_dir());
    there.unwrap_or(&folders[0]).clone()
}

/// Counts what lies in the folder of the data set beside its splits as ignored in `listing`.
///
/// # Errors
/// [`DataError::Read`].
pub(crate) fn beside(folder: &Path, listing: &mut Listing) -> Result<(), DataError> {
    let test = test_folder(folder);
    let test = test.file_name().and_then(|name| name.to_str());
    let splits = [TRAIN, test.unwrap_or(TEST[0])];
    walk::beside(folder, &splits, &mut listing.ignored)
}

/// Counts what a folder holds, if it has the folders of this format.
pub(crate) fn describe(folder: &Path) -> Option<Result<Vec<(String, u64)>, DataError>> {
    let (train, test) = (folder.join(TRAIN), test_folder(folder));
    (train.is_dir() && test.is_dir()).then(|| {
        let train = list(&train, None)?;
        let test = list(&test, Some(&train.classes))?;
        Ok(vec![
            ("classes".to_owned(), train.classes.len() as u64),
            ("train images".to_owned(), train.len() as u64),
            ("test images".to_owned(), test.len() as u64),
        ])
    })
}
