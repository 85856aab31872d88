//! Where the images of a task come from.

use std::path::{Path, PathBuf};

use super::cifar::Cifar;
use super::folder::{self, Listing};
use super::generated::{self, GeneratedImages, Set};
use super::pack::{Encoding, MANIFEST, Manifest, Pack};
use super::pictures::Pictures;
use super::reading::{BadFiles, Part, Reading};
use super::scan::{Scan, ScanProgress, caches, require_two, scan, scan_pack};
use crate::data::checked::CheckedData;
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
        places
            .into_iter()
            .flatten()
            .find_map(|folder| Self::in_folder(&folder))
            .ok_or_else(|| DataError::NotFound {
                name: data.to_owned(),
                root: root.to_owned(),
                expected: expected(data),
            })
    }

    /// The source in a folder, where there is one.
    pub(crate) fn in_folder(folder: &Path) -> Option<Self> {
        if folder.join(MANIFEST).is_file() {
            return Some(Self::Packed(folder.to_owned()));
        }
        if folder.join(folder::TRAIN).is_dir() {
            return Some(Self::Folder(folder.to_owned()));
        }
        Cifar::in_folder(folder).map(Self::Cifar)
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
        let found = match manifest.exif_orientation {
            true => "images that were turned as their EXIF says when they were packed",
            false => "images that were not turned as their EXIF says when they were packed",
        };
        let expected = match exif_orientation {
            true => "a pack made with --exif-orientation, or exif_orientation = false",
            false => "exif_orientation = true, or a pack made without --exif-orientation",
        };
        Err(DataError::unusable(&folder.join(MANIFEST), found, expected))
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
/// As [`scan_images`].
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

/// Looks into every file of the image data set in `folder`, train first and then test, on all
/// processors; nothing for one whose files cannot be wrong by themselves. A data set that has
/// nothing to train on has one scan, which says so in its notes.
///
/// # Errors
/// [`DataError::NotFound`] where there is none, and where its folders cannot be used. Files that
/// cannot be read are in [`Scan::bad`].
pub fn scan_images(folder: &Path, progress: ScanProgress<'_>) -> Result<Vec<Scan>, DataError> {
    if let Some(source) = Source::in_folder(folder) {
        let scans = source.scan(&[Part::Train, Part::Test], progress)?;
        scans.first().map_or(Ok(()), require_two)?;
        return Ok(scans);
    }
    if let Some(scan) = scan_tested_only(folder, progress)? {
        return Ok(vec![scan]);
    }
    let name = folder.file_name().unwrap_or_default().display().to_string();
    Err(DataError::NotFound {
        expected: expected(&name),
        name,
        root: folder.parent().unwrap_or(folder).to_owned(),
    })
}

/// What is looked for where a data set is named.
fn expected(name: &str) -> String {
    format!("{name}/train/CLASS/NAME and {name}/test/CLASS/NAME (or val), or a pack of them")
}

/// Counts what a folder holds, if it is a data set of images.
pub(crate) fn describe(folder: &Path) -> Option<Result<Vec<(String, u64)>, DataError>> {
    if let Some(Source::Cifar(cifar)) = Source::in_folder(folder) {
        let count = |part| cifar.count(part);
        return Some(cifar.classes().and_then(|classes| {
            Ok(counts(
                classes.len() as u64,
                count(Part::Train)?,
                count(Part::Test)?,
            ))
        }));
    }
    if !folder.join(MANIFEST).is_file() {
        return folder::describe(folder);
    }
    let of_pack = |manifest: Manifest| -> Result<Vec<(String, u64)>, DataError> {
        let images = |part| manifest.split(folder, part).map(|split| split.images);
        let classes = manifest.classes.len() as u64;
        Ok(counts(classes, images(Part::Train)?, images(Part::Test)?))
    };
    Some(Manifest::read(folder).and_then(of_pack))
}

/// Reads the whole of the data set in a folder, if it is one of CIFAR: files of other images are
/// looked into by [`scan_images`].
pub(crate) fn check(
    folder: &Path,
    progress: ScanProgress<'_>,
) -> Option<Result<CheckedData, DataError>> {
    let Some(Source::Cifar(cifar)) = Source::in_folder(folder) else {
        return None;
    };
    let read = || {
        let classes = cifar.classes()?.len() as u64;
        let (mut images, mut faults) = ([0; 2], Vec::new());
        for (place, part) in [Part::Train, Part::Test].into_iter().enumerate() {
            match cifar.read(part) {
                Ok(read) => images[place] = read.labels.len() as u64,
                Err(fault) => faults.push(fault),
            }
            progress(place as u64 + 1, 2);
        }
        DataError::none_of(faults)?;
        let [train, test] = images;
        Ok(CheckedData {
            counts: counts(classes, train, test),
            notes: cifar.survey()?,
            ..CheckedData::default()
        })
    };
    Some(read())
}

fn counts(classes: u64, train: u64, test: u64) -> Vec<(String, u64)> {
    let names = ["classes", "train images", "test images"].map(str::to_owned);
    names.into_iter().zip([classes, train, test]).collect()
}
