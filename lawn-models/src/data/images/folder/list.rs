//! The images of a folder, class by class.

use std::path::Path;

use super::escape::escaped;
use super::listing::Listing;
use super::walk;
use crate::data::error::DataError;

/// Lists the images in `folder`, whose folders are the classes.
///
/// Nothing is opened: a file counts as an image whatever it is. With `expected` classes the
/// folders must be exactly these.
///
/// # Errors
/// [`DataError`] where there are fewer than two classes, a class has no file, a class folder is not
/// named in UTF-8, or the classes are not those `expected`: all that is wrong, not the first of it.
pub(crate) fn list(folder: &Path, expected: Option<&[String]>) -> Result<Listing, DataError> {
    let walk::Classes {
        named: found,
        unnamed,
        mut ignored,
    } = walk::classes(folder)?;
    let classes = expected.map_or_else(|| found.clone(), <[String]>::to_vec);
    let mut faults = Vec::new();
    if classes.len() < 2 {
        let folders = if classes.len() == 1 {
            "folder"
        } else {
            "folders"
        };
        let found = format!("{} class {folders}", classes.len());
        faults.push(DataError::unusable(folder, found, "two or more"));
    }
    if !unnamed.is_empty() {
        let names: Vec<String> = unnamed.iter().map(|name| escaped(name)).collect();
        let found = format!("class folder {}", quoted(&names));
        faults.push(DataError::unusable(folder, found, "names in UTF-8"));
    }
    faults.extend(other_classes(folder, &found, &classes));
    let mut listing = Listing::new(folder, classes);
    let mut empty = Vec::new();
    for label in 0..listing.classes.len() {
        let before = listing.len();
        let class = listing.classes[label].clone();
        if found.binary_search(&class).is_err() {
            continue;
        }
        walk::files(folder, &class, label as u32, &mut listing, &mut ignored);
        if listing.len() == before {
            empty.push(class);
        }
    }
    listing.ignored = ignored;
    if !empty.is_empty() {
        let found = format!("no image in the class folder {}", quoted(&empty));
        let expected = "an image or more in each; remove a folder that is no class";
        faults.push(DataError::unusable(folder, found, expected));
    }
    DataError::none_of(faults)?;
    Ok(listing)
}

/// The classes of a split: its folders.
///
/// # Errors
/// [`DataError::Read`].
pub(crate) fn classes(folder: &Path) -> Result<Vec<String>, DataError> {
    walk::classes(folder).map(|classes| classes.named)
}

/// What of the folders `found` is none of the `classes`, and what of these is not found.
fn other_classes(folder: &Path, found: &[String], classes: &[String]) -> Vec<DataError> {
    let other = |these: &[String], those: &[String]| -> Vec<String> {
        let other = |name: &&String| those.binary_search(name).is_err();
        these.iter().filter(other).cloned().collect()
    };
    let strange = other(found, classes);
    let missing = other(classes, found);
    let mut expected = format!("the classes of train: {}", first_of(classes));
    if missing.len() == classes.len() {
        expected += "; images that lie together, as in the val of some publishers, are sorted into \
                     folders of their classes first, by the file of labels that comes with them";
    }
    // Names may look alike, as those of two Unicode normal forms do.
    let is_ascii = [&strange, &missing].map(|names| names.iter().all(|name| name.is_ascii()));
    let quoted = match is_ascii {
        [false, false] => {
            expected += "; names that look alike are of other letters, as in NFC and NFD";
            escaped_names
        }
        _ => quoted,
    };
    [(strange, "class folder"), (missing, "no class folder")]
        .into_iter()
        .filter(|(names, _)| !names.is_empty())
        .map(|(names, what)| {
            DataError::unusable(folder, format!("{what} {}", quoted(&names)), &*expected)
        })
        .collect()
}

/// As [`quoted`], with letters beyond ASCII by their numbers too.
fn escaped_names(names: &[String]) -> String {
    let escape = |letter: char| match letter.is_ascii() {
        true => letter.to_string(),
        false => letter.escape_unicode().to_string(),
    };
    let escaped = |name: &String| {
        format!(
            "\"{name}\" ({})",
            name.chars().map(escape).collect::<String>()
        )
    };
    let names: Vec<String> = names.iter().map(escaped).collect();
    first_of(&names)
}

/// The first few names, and how many there are beside them.
pub(crate) fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    first_of(&quoted)
}

fn first_of(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        rest => format!("{shown} and {rest} more"),
    }
}
