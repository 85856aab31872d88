//! The entries of folders, each of them an image, a folder, or passed over and counted.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
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

fn is_data(name: &OsStr) -> bool {
    !name.as_bytes().starts_with(b".") && NOT_DATA.iter().all(|made| name != *made)
}

/// What an entry is, links followed.
enum Entry {
    Folder,
    /// A file, or what stands in the place of one: a link to nothing, a pipe. Reading it will
    /// say so.
    File,
}

/// The entries of a folder by name, in order of their bytes.
fn entries(folder: &Path, ignored: &mut Ignored) -> Result<BTreeMap<OsString, Entry>, DataError> {
    let mut entries = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(DataError::read(folder))? {
        let entry = entry.map_err(DataError::read(folder))?;
        let (name, path) = (entry.file_name(), entry.path());
        if !is_data(&name) {
            ignored.add("hidden, or made by the system", &path);
        } else if is_folder(&entry, &path) {
            entries.insert(name, Entry::Folder);
        } else {
            entries.insert(name, Entry::File);
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
pub(super) struct Classes {
    pub(super) named: Vec<String>,
    /// Names that are not UTF-8: a class is known by its name.
    pub(super) unnamed: Vec<OsString>,
    pub(super) ignored: Ignored,
}

pub(super) fn classes(folder: &Path) -> Result<Classes, DataError> {
    let mut classes = Classes {
        named: Vec::new(),
        unnamed: Vec::new(),
        ignored: Ignored::default(),
    };
    for (name, entry) in entries(folder, &mut classes.ignored)? {
        match entry {
            Entry::Folder => match name.into_string() {
                Ok(name) => classes.named.push(name),
                Err(name) => classes.unnamed.push(name),
            },
            Entry::File => {
                let what = "files beside the class folders";
                classes.ignored.add(what, &folder.join(name));
            }
        }
    }
    Ok(classes)
}

/// Counts what lies beside the splits of a data set, of which these are the names, as ignored.
pub(super) fn beside(
    folder: &Path,
    splits: &[&str],
    ignored: &mut Ignored,
) -> Result<(), DataError> {
    // Hidden files there are marks, such as that of `lawn data make`, and never classes.
    let others = entries(folder, &mut Ignored::default())?.into_keys();
    let is_split = |name: &OsString| splits.iter().any(|split| *name == *split);
    for name in others.filter(|name| !is_split(name) && name != "SHA256SUMS") {
        let what = if name == "val" {
            "folder val, as test is the test split"
        } else {
            "beside the folders of the splits"
        };
        ignored.add(what, &folder.join(name));
    }
    Ok(())
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
    folder(
        split,
        Path::new(class),
        &mut Vec::new(),
        &mut found,
        ignored,
    )?;
    for (place, names) in found {
        for name in names {
            listing.push(Path::new(&place).join(name).as_os_str(), label);
        }
    }
    Ok(())
}

/// Adds the files of the folder `place` of a split to `found`, and those of its folders.
/// `above` are the folders that it is in, by device and number.
fn folder(
    split: &Path,
    place: &Path,
    above: &mut Vec<(u64, u64)>,
    found: &mut BTreeMap<OsString, Vec<OsString>>,
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
            Entry::Folder => folder(split, &place.join(name), above, found, ignored)?,
            Entry::File => names.push(name),
        }
    }
    above.pop();
    found.insert(place.as_os_str().to_owned(), names);
    Ok(())
}
