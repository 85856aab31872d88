//! The entries of folders, each of them an image, a folder, or passed over and counted.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::ignored::Ignored;
use super::listing::Listing;
use crate::data::error::DataError;

/// Names, beside those that begin with a dot, that systems and not people make.
const NOT_DATA: [&str; 5] = [
    "__MACOSX",
    "Thumbs.db",
    "desktop.ini",
    "@eaDir",
    "lost+found",
];

fn is_data(name: &str) -> bool {
    !name.starts_with('.') && !NOT_DATA.contains(&name)
}

/// What an entry is, links followed.
enum Entry {
    Folder,
    /// A file, or what stands in the place of one: a link to nothing, a pipe. Reading it will
    /// say so.
    File,
}

/// The entries of a folder by name, in order.
fn entries(folder: &Path, ignored: &mut Ignored) -> Result<BTreeMap<String, Entry>, DataError> {
    let mut entries = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(DataError::read(folder))? {
        let entry = entry.map_err(DataError::read(folder))?;
        let path = entry.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| {
            DataError::unusable(&path, "a name that is not UTF-8", "a name in UTF-8")
        })?;
        if !is_data(name) {
            ignored.add("hidden, or made by the system", &path);
        } else if is_folder(&entry, &path) {
            entries.insert(name.to_owned(), Entry::Folder);
        } else {
            entries.insert(name.to_owned(), Entry::File);
        }
    }
    Ok(entries)
}

/// Asks for nothing that the entry says itself: there may be millions of them.
fn is_folder(entry: &fs::DirEntry, path: &Path) -> bool {
    match entry.file_type() {
        Ok(kind) if !kind.is_symlink() => kind.is_dir(),
        _ => path.is_dir(),
    }
}

/// The class folders in the folder of a split, in order.
pub(super) fn classes(folder: &Path) -> Result<(Vec<String>, Ignored), DataError> {
    let mut ignored = Ignored::default();
    let mut classes = Vec::new();
    for (name, entry) in entries(folder, &mut ignored)? {
        match entry {
            Entry::Folder => classes.push(name),
            Entry::File => ignored.add("files beside the class folders", &folder.join(name)),
        }
    }
    Ok((classes, ignored))
}

/// Folders within one another, at most.
const DEPTH: usize = 64;

/// Adds the files of a class to `listing`: those of its folders too, folder by folder in order
/// of their paths, as torchvision's `make_dataset` does.
pub(super) fn files(
    split: &Path,
    class: &str,
    label: u32,
    listing: &mut Listing,
    ignored: &mut Ignored,
) -> Result<(), DataError> {
    let mut found = BTreeMap::new();
    folder(split, class, &mut Vec::new(), &mut found, ignored)?;
    for (place, names) in found {
        for name in names {
            listing.push(&format!("{place}/{name}"), label);
        }
    }
    Ok(())
}

/// Adds the files of the folder `place` of a split to `found`, and those of its folders.
/// `above` are the folders that it is in, by device and number.
fn folder(
    split: &Path,
    place: &str,
    above: &mut Vec<(u64, u64)>,
    found: &mut BTreeMap<String, Vec<String>>,
    ignored: &mut Ignored,
) -> Result<(), DataError> {
    let path = split.join(place);
    let about = fs::metadata(&path).map_err(DataError::read(&path))?;
    let this = (about.dev(), about.ino());
    if above.contains(&this) || above.len() >= DEPTH {
        let found = "a folder within itself, by a link";
        return Err(DataError::unusable(&path, found, "folders with an end"));
    }
    above.push(this);
    let mut names = Vec::new();
    for (name, entry) in entries(&path, ignored)? {
        match entry {
            Entry::Folder => folder(split, &format!("{place}/{name}"), above, found, ignored)?,
            Entry::File => names.push(name),
        }
    }
    above.pop();
    found.insert(place.to_owned(), names);
    Ok(())
}
