//! Images as files: `SPLIT/CLASS/NAME.jpg`, all of one size.

use std::path::{Path, PathBuf};

use super::decode;
use super::image::CHANNELS;
use super::pixels::{Images, Pixels};
use crate::data::error::DataError;
use crate::data::parts;

/// Files of one split with their labels, in order of class and name.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) classes: Vec<String>,
    pub(crate) files: Vec<(PathBuf, u32)>,
}

/// Lists `folder`, whose folders are the classes.
///
/// With `expected` classes, a folder that is none of them is refused.
pub(crate) fn list(folder: &Path, expected: Option<&[String]>) -> Result<Listing, DataError> {
    let found = names(folder, Path::is_dir)?;
    let classes = expected.map_or_else(|| found.clone(), <[String]>::to_vec);
    if classes.len() < 2 {
        let found = format!("{} class folders", classes.len());
        return Err(DataError::unusable(folder, found, "two or more"));
    }
    let mut files = Vec::new();
    for class in found {
        let label = classes
            .iter()
            .position(|known| *known == class)
            .ok_or_else(|| {
                let expected = format!("the classes of train: {}", classes.join(", "));
                DataError::unusable(folder, format!("class folder \"{class}\""), expected)
            })?;
        let folder = folder.join(class);
        for name in names(&folder, is_jpeg)? {
            files.push((folder.join(name), label as u32));
        }
    }
    if files.is_empty() {
        return Err(DataError::unusable(
            folder,
            "no JPEG file",
            "CLASS/NAME.jpg",
        ));
    }
    Ok(Listing { classes, files })
}

/// Opens the files of a listing: decoded into memory on `threads` threads where they take
/// `room` bytes at most, and otherwise as files that are decoded each time.
pub(crate) fn open(listing: Listing, room: u64, threads: usize) -> Result<Images, DataError> {
    let Listing { classes, files } = listing;
    let (paths, labels): (Vec<PathBuf>, Vec<u32>) = files.into_iter().unzip();
    let first = decode::read(&paths[0], false)?;
    let size = first.height * first.width * CHANNELS;
    let count = paths.len();
    let mut images = Images {
        height: first.height,
        width: first.width,
        classes,
        labels,
        pixels: Pixels::Files(paths),
    };
    if size as u64 * count as u64 > room {
        return Ok(images);
    }
    let mut bytes = vec![0; size * count];
    let part = parts::size(count, threads);
    let decode = |(number, target): (usize, &mut [u8])| -> Result<(), DataError> {
        for (place, target) in target.chunks_exact_mut(size).enumerate() {
            target.copy_from_slice(&images.of(number * part + place)?);
        }
        Ok(())
    };
    let targets = bytes.chunks_mut(part * size).enumerate();
    parts::each(targets, decode)
        .into_iter()
        .collect::<Result<(), DataError>>()?;
    images.pixels = Pixels::InMemory(bytes);
    Ok(images)
}

/// Counts what a folder holds, if it has the folders of this format.
pub(crate) fn describe(folder: &Path) -> Option<Result<Vec<(String, u64)>, DataError>> {
    let there = folder.join("train").is_dir() && folder.join("test").is_dir();
    there.then(|| {
        let train = list(&folder.join("train"), None)?;
        let test = list(&folder.join("test"), Some(&train.classes))?;
        Ok(vec![
            ("classes".to_owned(), train.classes.len() as u64),
            ("train images".to_owned(), train.files.len() as u64),
            ("test images".to_owned(), test.files.len() as u64),
        ])
    })
}

/// Sorted names in a folder for which `wanted` holds.
fn names(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<String>, DataError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(DataError::read(folder))? {
        let path = entry.map_err(DataError::read(folder))?.path();
        if wanted(&path) {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .ok_or_else(|| {
                    DataError::unusable(&path, "a name that is not UTF-8", "a name in UTF-8")
                })?;
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn is_jpeg(path: &Path) -> bool {
    let end = path
        .extension()
        .and_then(|end| end.to_str())
        .unwrap_or_default();
    path.is_file()
        && ["jpg", "jpeg"]
            .iter()
            .any(|known| end.eq_ignore_ascii_case(known))
}
