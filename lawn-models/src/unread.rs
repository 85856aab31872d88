//! What is said of a folder that no kind of task reads.

use std::path::Path;

use crate::data::{DataError, images};

/// Names that are looked for, as their publishers write them.
const NAMES: [&str; 9] = [
    "train",
    "test",
    "val",
    "ratings.dat",
    "u.data",
    "ratings.csv",
    "train.txt",
    "train.csv",
    "day_0",
];

/// Folders that mean a split and are not looked for, and what they are read as.
const OTHER_SPLITS: [(&str, &str); 4] = [
    ("training", "train"),
    ("valid", "val"),
    ("validation", "val"),
    ("testing", "test"),
];

/// What archives end with.
const ARCHIVES: [&str; 6] = [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.zst", ".zip"];

/// What every kind of task reads.
const FORMATS: &str = "images in train/CLASS and test/CLASS (or val), CIFAR's binary files or a pack of \
    images; ratings in NAME.train.rating, ratings.dat, u.data, ratings.csv, NAME.csv, NAME.tsv, \
    NAME.parquet or one .inter of RecBole; or clicks in train.txt or day_0 of Criteo, or train.csv of Avazu";

/// Entries that are named.
const NAMED: usize = 4;

/// Why no task reads what lies in a folder: what is there, and what would be read.
///
/// ```
/// let root = std::env::temp_dir();
/// let said = lawn_models::unread(&root.join("no-such-set")).to_string();
/// assert!(said.contains("no data set \"no-such-set\""));
/// ```
pub fn unread(folder: &Path) -> DataError {
    let name = folder.file_name().unwrap_or_default().display().to_string();
    let Ok(entries) = std::fs::read_dir(folder) else {
        let root = folder.parent().unwrap_or(folder).to_owned();
        let expected = "the name of a folder there; `lawn data list` names them".to_owned();
        return DataError::NotFound {
            name,
            root,
            expected,
        };
    };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().display().to_string())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    if let Some(known) = images::what_it_is(folder, &name) {
        return known;
    }
    DataError::unusable(folder, listed(&names), advice(folder, &names))
}

fn listed(names: &[String]) -> String {
    let first: Vec<String> = names
        .iter()
        .take(NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    match names.len() {
        0 => "nothing".to_owned(),
        count if count <= NAMED => first.join(", "),
        count => format!("{} and {} more", first.join(", "), count - NAMED),
    }
}

/// What would make it a data set, where its names say it.
fn advice(folder: &Path, names: &[String]) -> String {
    for name in names {
        let lower = name.to_lowercase();
        if let Some(read) = NAMES.iter().find(|read| **read == lower && *read != name) {
            return format!("`{read}` in place of `{name}`: capitals count");
        }
        if let Some((_, read)) = OTHER_SPLITS.iter().find(|(other, _)| *other == lower) {
            return format!("`{read}` in place of `{name}`");
        }
        if ARCHIVES.iter().any(|end| lower.ends_with(end)) {
            return format!("what `{name}` holds, unpacked");
        }
    }
    if names.iter().any(|name| name == "data_batch_1") {
        return "CIFAR's binary version, data_batch_1.bin and so on: these are objects of Python"
            .to_owned();
    }
    let holds_images = |name: &String| {
        let files = std::fs::read_dir(folder.join(name)).ok()?.flatten();
        let mut ends =
            files.filter_map(|file| file.path().extension()?.to_str().map(str::to_lowercase));
        ends.find(|end| ["jpg", "jpeg", "png", "webp"].contains(&&**end))
    };
    if names.iter().any(|name| holds_images(name).is_some()) {
        return "folders of classes within `train` and `test` (or `val`), not beside each other here"
            .to_owned();
    }
    FORMATS.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_there_says_what_would_be_read() {
        let said = |files: &[&str]| {
            let root = tempfile::tempdir().unwrap();
            for file in files {
                let path = root.path().join("set").join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "x").unwrap();
            }
            unread(&root.path().join("set")).to_string()
        };
        for (files, parts) in [
            (
                &["Ratings.csv", "links.csv"][..],
                ["`Ratings.csv`, `links.csv`", "`ratings.csv` in place of"],
            ),
            (
                &["Train/a/1.jpg", "Test/a/1.jpg"],
                ["`Test`, `Train`", "capitals count"],
            ),
            (
                &["train/a/1.jpg", "validation/a/1.jpg"],
                ["`validation`", "`val` in place of"],
            ),
            (&["cifar-10-binary.tar.gz"], ["cifar-10", "unpacked"]),
            (
                &["data_batch_1", "batches.meta"],
                ["data_batch_1", "binary version"],
            ),
            (
                &["cat/1.jpg", "dog/2.jpg"],
                ["`cat`, `dog`", "folders of classes within"],
            ),
            (&["a.tsv"], ["`a.tsv`", "ratings in NAME.train.rating"]),
            (
                &["a", "b", "c", "d", "e", "f"],
                ["`d` and 2 more", "clicks in"],
            ),
            (&[], ["no data set \"set\"", "lawn data list"]),
        ] {
            let said = said(files);
            for part in parts {
                assert!(said.contains(part), "{part:?} is not in: {said}");
            }
        }
    }
}
