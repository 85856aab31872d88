//! What the scans of the splits of a data set must be to be trained on.

use super::report::Scan;
use crate::data::error::DataError;

/// Refuses bad files: those of all splits, each by name.
///
/// # Errors
/// [`DataError::BadFiles`].
pub(crate) fn require_sound(scans: &[Scan]) -> Result<(), DataError> {
    let bad: Vec<_> = scans.iter().flat_map(|scan| scan.bad.clone()).collect();
    match scans.first() {
        Some(first) if !bad.is_empty() => Err(DataError::BadFiles {
            folder: first.folder.parent().unwrap_or(&first.folder).to_owned(),
            files: scans.iter().map(Scan::files).sum(),
            bad,
        }),
        _ => Ok(()),
    }
}

/// Refuses a split with classes of nothing but bad files.
///
/// # Errors
/// [`DataError::Unusable`] with each of them.
pub(crate) fn require_all_classes(scan: &Scan) -> Result<(), DataError> {
    scan.require_all_classes()
}

/// Refuses a train split of which no class has an image for validation and one to train on.
///
/// # Errors
/// [`DataError::Unusable`].
pub(crate) fn require_two(train: &Scan) -> Result<(), DataError> {
    match train.has_two() {
        true => Ok(()),
        false => Err(DataError::unusable(
            &train.folder,
            "one image a class or fewer",
            "two or more, one of them for validation",
        )),
    }
}

/// Refuses images of different sizes.
///
/// # Errors
/// [`DataError::ImageSize`] naming the first of another size.
pub(crate) fn require_one_size(scans: &[Scan]) -> Result<(), DataError> {
    for scan in scans {
        if let Some(other) = &scan.other_size {
            return Err(DataError::ImageSize {
                path: other.path.clone(),
                found: other.size,
                expected: other.first,
                like: "the first image",
            });
        }
    }
    let size = |scan: &Scan| [scan.heights[0], scan.widths[0]];
    for pair in scans.windows(2) {
        let (one, other) = (size(&pair[0]), size(&pair[1]));
        if one != other {
            return Err(DataError::ImageSize {
                path: pair[1].folder.clone(),
                found: other,
                expected: one,
                like: "in train",
            });
        }
    }
    Ok(())
}
