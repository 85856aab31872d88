//! Where the images of a task come from.

use std::path::{Path, PathBuf};

use super::cifar::Cifar;
use super::folder::{self, Listing};
use super::generated::{self, GeneratedImages, Set};
use super::pack::{Encoding, MANIFEST, Manifest, Pack};
use super::pictures::Pictures;
use super::reading::{BadFiles, Part, Reading};
use super::scan::{Scan, ScanProgress, caches, scan, scan_pack};
use crate::data::dataset::GENERATED;
use crate::data::error::DataError;
use crate::trial::TestPermit;

/// A folder, a pack of one, the files of CIFAR, or a generator that stands for one.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Generated(GeneratedImages),
    Folder(PathBuf),
    Packed(PathBuf),
    Cifar(Cifar),
}

impl Source {
    /// The source that a configuration names.
    ///
    /// # Errors
    /// [`DataError::NoRoot`] and [`DataError::NotFound`].
    pub(crate) fn of(
        data: &str,
        sizes: Option<&GeneratedImages>,
        root: Option<&Path>,
    ) -> Result<Self, DataError> {
        if data == GENERATED {
            return Ok(Self::Generated(sizes.cloned().unwrap_or_default()));
        }
        let root = root.ok_or_else(|| DataError::NoRoot {
            name: data.to_owned(),
        })?;
        // The root may be the data set's own folder, as for rating files.
        let own = root.file_name().is_some_and(|name| name == data);
        let places = [Some(root.join(data)), own.then(|| root.to_owned())];
        let mut places = places.into_iter().flatten();
        let found = places.clone().find_map(|folder| Self::in_folder(&folder));
        found.unwrap_or_else(|| {
            Err(places
                .find_map(|folder| what_it_is(&folder, data))
                .unwrap_or_else(|| DataError::NotFound {
                    name: data.to_owned(),
                    root: root.to_owned(),
                    expected: expected(data),
                }))
        })
    }

    /// The source in a folder, where there is one.
    ///
    /// # Errors
    /// [`DataError::Unusable`] where it is one in part.
    pub(crate) fn in_folder(folder: &Path) -> Option<Result<Self, DataError>> {
        if folder.join(MANIFEST).is_file() {
            return Some(Ok(Self::Packed(folder.to_owned())));
        }
        if folder.join(folder::TRAIN).is_dir() {
            return Some(Ok(Self::Folder(folder.to_owned())));
        }
        Some(Cifar::in_folder(folder)?.map(Self::Cifar))
    }

    /// What it is, where its images are no files of their own.
    pub(crate) fn without_files(&self) -> Option<&'static str> {
        match self {
            Self::Generated(_) => Some("generated images"),
            Self::Cifar(_) => Some("CIFAR in its binary format"),
            Self::Folder(_) | Self::Packed(_) => None,
        }
    }

    /// The files of a split; none where the data are generated.
    pub(crate) fn files(&self, part: Part) -> Result<Vec<PathBuf>, DataError> {
        match self {
            Self::Generated(_) => Ok(Vec::new()),
            Self::Folder(folder) => Ok(list(folder, part)?.paths().collect()),
            Self::Cifar(cifar) => Ok(cifar.files(part)),
            Self::Packed(folder) => {
                let manifest = Manifest::read(folder)?;
                let files = manifest.split(folder, part)?.files();
                Ok(files.map(|file| file.path(folder)).collect())
            }
        }
    }

    /// A look at every file of the splits, on all processors; nothing where the data are
    /// generated.
    pub(crate) fn scan(
        &self,
        parts: &[Part],
        progress: ScanProgress<'_>,
    ) -> Result<Vec<Scan>, DataError> {
        match self {
            // Nothing can be wrong with them that their reader does not name.
            Self::Generated(_) | Self::Cifar(_) => Ok(Vec::new()),
            Self::Folder(folder) => {
                let listings = lists(folder, parts)?;
                let looks = listings.iter().map(|listing| look(listing, progress));
                Ok(looks.collect())
            }
            Self::Packed(folder) => {
                let caches = caches();
                let look = |&part| scan_pack(folder, part, caches.as_deref(), progress);
                parts.iter().map(look).collect()
            }
        }
    }

    /// What people should know of it beside what a look at every file finds, a line each.
    ///
    /// # Errors
    /// [`DataError`] where it cannot be read.
    pub(crate) fn survey(&self) -> Result<Vec<String>, DataError> {
        match self {
            Self::Cifar(cifar) => cifar.survey(),
            Self::Packed(folder) => Ok(Manifest::read(folder)?.survey()),
            Self::Generated(_) | Self::Folder(_) => Ok(Vec::new()),
        }
    }

    /// Refuses a pack whose images were turned as they were packed where they are not to be
    /// turned, and the other way round.
    ///
    /// # Errors
    /// [`DataError`] naming the pack's manifest.
    pub(crate) fn require_turned(&self, exif_orientation: bool) -> Result<(), DataError> {
        let Self::Packed(folder) = self else {
            return Ok(());
        };
        let manifest = Manifest::read(folder)?;
        if manifest.encoding == Encoding::AsIs || manifest.exif_orientation == exif_orientation {
            return Ok(());
        }
        Err(DataError::Turned {
            path: folder.join(MANIFEST),
            turned: manifest.exif_orientation,
        })
    }

    /// The train pictures, those to be held out for validation included.
    pub(crate) fn train(&self, reading: Reading) -> Result<Pictures, DataError> {
        self.pictures(Part::Train, Set::Train, reading)
    }

    /// The test pictures.
    pub(crate) fn test(
        &self,
        _permit: &TestPermit,
        reading: Reading,
    ) -> Result<Pictures, DataError> {
        self.pictures(Part::Test, Set::Test, reading)
    }

    fn pictures(&self, part: Part, set: Set, reading: Reading) -> Result<Pictures, DataError> {
        let listing = match self {
            Self::Generated(config) => {
                // The room is half of what is left.
                config.require_room(set, reading.room.saturating_mul(2))?;
                return Ok(Pictures::of_raw(generated::draw(config, set)));
            }
            Self::Cifar(cifar) => return Ok(Pictures::of_raw(cifar.read(part)?)),
            // What was bad is not in it.
            Self::Packed(folder) => {
                self.require_turned(reading.exif)?;
                return Ok(Pictures::of_pack(Pack::open(folder, part)?, reading.exif));
            }
            Self::Folder(folder) => list(folder, part)?,
        };
        let listing = match reading.bad_files {
            BadFiles::Fail => listing,
            // What is bad was found when the sweep was planned, and is in the cache.
            BadFiles::Exclude => {
                scan(&listing, caches().as_deref(), reading.threads, &|_, _| ()).sound()?
            }
        };
        Ok(Pictures::of_files(listing, reading.exif))
    }
}

fn list(folder: &Path, part: Part) -> Result<Listing, DataError> {
    let train = folder.join(folder::TRAIN);
    match part {
        Part::Train => folder::list(&train, None),
        Part::Test => {
            let test = folder::test_folder(folder);
            if !test.is_dir() {
                let expected = "test/CLASS/NAME, or val/CLASS/NAME, with the classes of train";
                return Err(DataError::unusable(folder, "no test split", expected));
            }
            folder::list(&test, Some(&folder::classes(&train)?))
        }
    }
}

/// The splits of a data set, and what lies beside them; all that is wrong with its folders
/// is told together, before any file is looked into.
fn lists(folder: &Path, parts: &[Part]) -> Result<Vec<Listing>, DataError> {
    let (mut listings, mut faults) = (Vec::new(), Vec::new());
    for &part in parts {
        match list(folder, part) {
            Ok(listing) => listings.push(listing),
            Err(fault) => faults.push(fault),
        }
    }
    DataError::none_of(faults)?;
    if let Some(first) = listings.first_mut() {
        folder::beside(folder, first)?;
    }
    Ok(listings)
}

/// A look at every file of a listing, on all processors.
fn look(listing: &Listing, progress: ScanProgress<'_>) -> Scan {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    scan(listing, caches().as_deref(), threads, progress)
}

/// The test split of a data set in `folder` that has nothing to train on, and a look at it;
/// none where there is no test split.
///
/// # Errors
/// As [`scan_tested_images`].
pub(super) fn scan_tested_only(
    folder: &Path,
    progress: ScanProgress<'_>,
) -> Result<Option<Scan>, DataError> {
    let test = folder::test_folder(folder);
    if !test.is_dir() {
        return Ok(None);
    }
    let mut listing = folder::list(&test, None)?;
    folder::beside(folder, &mut listing)?;
    let mut scan = look(&listing, progress);
    let note = "there is no train beside it: it can be measured, and not trained on";
    scan.notes.push(note.to_owned());
    Ok(Some(scan))
}

/// Looks into every file of the images in `folder` that have a test split and nothing to train on, on
/// all processors: one scan, which says so in its notes.
///
/// # Errors
/// [`DataError::NotFound`] where there is no such data set, [`DataError::Unusable`] where what is there
/// is not all of one. Files that cannot be read are in [`Scan::bad`].
pub fn scan_tested_images(folder: &Path, progress: ScanProgress<'_>) -> Result<Scan, DataError> {
    if let Some(scan) = scan_tested_only(folder, progress)? {
        return Ok(scan);
    }
    let name = folder.file_name().unwrap_or_default().display().to_string();
    Err(
        what_it_is(folder, &name).unwrap_or_else(|| DataError::NotFound {
            expected: expected(&name),
            name,
            root: folder.parent().unwrap_or(folder).to_owned(),
        }),
    )
}

/// What a folder is that is no data set and looks like one.
pub(crate) fn what_it_is(folder: &Path, name: &str) -> Option<DataError> {
    let found = |found: String| Some(DataError::unusable(folder, found, expected(name)));
    let test = folder::test_folder(folder);
    if test.is_dir() {
        let test = test.file_name().unwrap_or_default().display();
        return found(format!("{test} and no train"));
    }
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let mut below: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    below.sort();
    let inner = below
        .into_iter()
        .find(|path| path.is_dir() && Source::in_folder(path).is_some())?;
    let inner = inner.file_name()?.to_str()?;
    let root = folder.display();
    found(format!(
        "the data set `{inner}` within it, which `data = \"{inner}\"` with --data-root {root} reads"
    ))
}

/// What is looked for where a data set is named.
fn expected(name: &str) -> String {
    format!("{name}/train/CLASS/NAME and {name}/test/CLASS/NAME (or val), or a pack of them")
}

/// Counts what a folder holds, if it is a data set of images.
pub(crate) fn describe(folder: &Path) -> Option<Result<Vec<(String, u64)>, DataError>> {
    let counted = |source: Source| match source {
        Source::Cifar(cifar) => {
            let classes = cifar.classes()?.len() as u64;
            Ok(Some(counts(
                classes,
                cifar.count(Part::Train)?,
                cifar.count(Part::Test)?,
            )))
        }
        Source::Packed(folder) => {
            let manifest = Manifest::read(&folder)?;
            let images = |part| manifest.split(&folder, part).map(|split| split.images);
            let classes = manifest.classes.len() as u64;
            Ok(Some(counts(
                classes,
                images(Part::Train)?,
                images(Part::Test)?,
            )))
        }
        Source::Folder(folder) => folder::describe(&folder).transpose(),
        Source::Generated(_) => Ok(None),
    };
    Source::in_folder(folder)?.and_then(counted).transpose()
}

fn counts(classes: u64, train: u64, test: u64) -> Vec<(String, u64)> {
    let names = ["classes", "train images", "test images"].map(str::to_owned);
    names.into_iter().zip([classes, train, test]).collect()
}
