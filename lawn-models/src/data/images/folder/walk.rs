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
    /// A file, or what stands in the place of one: a link to nothing, a pipe, a folder that cannot
    /// be listed. Reading it will say so.
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
                let what = "beside the class folders";
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
    for name in other_entries(folder, |name| splits.iter().any(|split| name == *split))? {
        let what = if name == "val" {
            "folder val, as test is the test split"
        } else {
            "beside the folders of the splits"
        };
        ignored.add(what, &folder.join(name));
    }
    Ok(())
}

/// What lies in the folder of a data set beside what is of it, by name. Hidden files there are marks,
/// such as that of `lawn data make`.
pub(crate) fn other_entries(
    folder: &Path,
    is_own: impl Fn(&OsStr) -> bool,
) -> Result<Vec<OsString>, DataError> {
    let names = entries(folder, &mut Ignored::default())?.into_keys();
    let others = names.filter(|name| !is_own(name) && name != "SHA256SUMS");
    Ok(others.collect())
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
) {
    let mut found = BTreeMap::new();
    let place = Path::new(class);
    if folder(split, place, &mut Vec::new(), &mut found, ignored).is_err() {
        listing.push(place.as_os_str(), label);
        return;
    }
    for (place, names) in found {
        for name in names {
            listing.push(Path::new(&place).join(name).as_os_str(), label);
        }
    }
}

/// Adds the files of the folder `place` of a split to `found`, and those of its folders.
/// `above` are the folders that it is in, by device and number. One that cannot be listed, or is
/// within itself, is found in the place of a file: the look at every file says what it is.
fn folder(
    split: &Path,
    place: &Path,
    above: &mut Vec<(u64, u64)>,
    found: &mut BTreeMap<OsString, Vec<OsString>>,
    ignored: &mut Ignored,
) -> Result<(), NoFolder> {
    let path = split.join(place);
    let this = number(&path).ok_or(NoFolder)?;
    if above.contains(&this) || above.len() >= DEPTH {
        return Err(NoFolder);
    }
    let entries = entries(&path, ignored).map_err(|_| NoFolder)?;
    above.push(this);
    let mut names = Vec::new();
    for (name, entry) in entries {
        let at = place.join(&name);
        match entry {
            Entry::Folder if folder(split, &at, above, found, ignored).is_ok() => {}
            Entry::File if is_text(&name) => {
                ignored.add("of text beside images", &split.join(at));
            }
            _ => names.push(name),
        }
    }
    above.pop();
    found.insert(place.as_os_str().to_owned(), names);
    Ok(())
}

/// A folder that cannot be listed, or has no end.
struct NoFolder;

/// Device and number of a folder.
fn number(path: &Path) -> Option<(u64, u64)> {
    let about = fs::metadata(path).ok()?;
    Some((about.dev(), about.ino()))
}

/// Endings of files that people put beside images, and that are none.
const TEXT: [&str; 12] = [
    "txt", "csv", "tsv", "json", "jsonl", "xml", "yaml", "yml", "md", "log", "html", "mat",
];

fn is_text(name: &OsStr) -> bool {
    let ending = Path::new(name).extension();
    ending.is_some_and(|ending| TEXT.iter().any(|text| ending.eq_ignore_ascii_case(text)))
}

/// Why a folder stands in the place of a file.
pub(crate) fn why_no_folder(path: &Path) -> String {
    match fs::read_dir(path) {
        Ok(_) => "it is a folder within itself, by a link".to_owned(),
        Err(error) => format!("it is a folder that cannot be listed: {error}"),
    }
}
