//! The images of a folder, class by class.

use std::path::Path;

use super::listing::Listing;
use super::walk;
use crate::data::error::DataError;

/// Lists the images in `folder`, whose folders are the classes.
///
/// Nothing is opened: a file counts as an image whatever it is. With `expected` classes the
/// folders must be exactly these.
///
/// # Errors
/// [`DataError`] where there are fewer than two classes, a class has no file, or the classes
/// are not those `expected`.
pub(crate) fn list(folder: &Path, expected: Option<&[String]>) -> Result<Listing, DataError> {
    let (found, mut ignored) = walk::classes(folder)?;
    let classes = expected.map_or_else(|| found.clone(), <[String]>::to_vec);
    if classes.len() < 2 {
        let found = format!("{} class folders", classes.len());
        return Err(DataError::unusable(folder, found, "two or more"));
    }
    same_classes(folder, &found, &classes)?;
    let mut listing = Listing::new(folder, classes);
    let mut empty = Vec::new();
    for label in 0..listing.classes.len() {
        let before = listing.len();
        let class = listing.classes[label].clone();
        walk::files(folder, &class, label as u32, &mut listing, &mut ignored)?;
        if listing.len() == before {
            empty.push(class);
        }
    }
    listing.ignored = ignored;
    if !empty.is_empty() {
        let found = format!("no image in the class folder {}", quoted(&empty));
        let expected = "an image or more in each; remove a folder that is no class";
        return Err(DataError::unusable(folder, found, expected));
    }
    Ok(listing)
}

/// The classes of a split: its folders.
///
/// # Errors
/// [`DataError::Read`].
pub(crate) fn classes(folder: &Path) -> Result<Vec<String>, DataError> {
    walk::classes(folder).map(|(classes, _)| classes)
}

/// Makes sure that the folders `found` are the `classes`.
fn same_classes(folder: &Path, found: &[String], classes: &[String]) -> Result<(), DataError> {
    let other = |these: &[String], those: &[String]| -> Vec<String> {
        let other = |name: &&String| those.binary_search(name).is_err();
        these.iter().filter(other).cloned().collect()
    };
    let expected = || format!("the classes of train: {}", classes.join(", "));
    let strange = other(found, classes);
    if !strange.is_empty() {
        let found = format!("class folder {}", quoted(&strange));
        return Err(DataError::unusable(folder, found, expected()));
    }
    let missing = other(classes, found);
    if !missing.is_empty() {
        let found = format!("no class folder {}", quoted(&missing));
        return Err(DataError::unusable(folder, found, expected()));
    }
    Ok(())
}

/// The first few names, and how many there are beside them.
fn quoted(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("\"{name}\""))
        .collect();
    let rest = names.len().saturating_sub(SHOWN);
    match rest {
        0 => shown.join(", "),
        rest => format!("{} and {rest} more", shown.join(", ")),
    }
}
