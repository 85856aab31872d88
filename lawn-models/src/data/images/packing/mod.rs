//! Packs an image folder.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::bad_file::BadFile;
use super::decode::{Encoded, Fault};
use super::encode;
use super::folder::Listing;
use super::pack::index::{self, Entry};
use super::pack::manifest::{Encoding, Manifest, PackFile, SplitFiles};
use super::reading::{BadFiles, Part};
use super::scan::{Found, Scan, ScanProgress, require_sound};
use super::source::Source;
use super::transform;
use crate::data::error::DataError;
use crate::data::parts;

/// Bytes of a shard, but for the image that goes beyond them.
const SHARD: u64 = 1 << 30;

/// Images that are made ready together.
const TOGETHER: usize = 512;

/// What was packed.
#[derive(Clone, Debug)]
pub struct Packed {
    /// Images of train and of test.
    pub images: [u64; 2],
    /// Files that could not be read and were left out.
    pub left_out: Vec<BadFile>,
    /// Bytes of all files of the pack.
    pub bytes: u64,
}

/// Packs the image folder `from` into the new folder `to`, on as many threads as there are
/// processors.
///
/// Every file is looked into first, as before a sweep. The pack stands for the folder wherever a
/// task reads it; with [`Encoding::AsIs`] and [`Encoding::Raw`] its samples are the same, bit by
/// bit.
///
/// # Errors
/// [`DataError`] where the folder cannot be used, [`DataError::BadFiles`] naming all files that
/// cannot be read unless these are to be left out, [`DataError::Write`].
pub fn pack_images(
    from: &Path,
    to: &Path,
    encoding: Encoding,
    exif_orientation: bool,
    bad_files: BadFiles,
    progress: ScanProgress<'_>,
) -> Result<Packed, DataError> {
    let folder = match Source::in_folder(from).transpose()? {
        Some(Source::Folder(_)) | None => Source::Folder(from.to_owned()),
        Some(Source::Packed(_)) => {
            let expected = "a folder of images: what is packed is not packed again";
            return Err(DataError::unusable(from, "a pack", expected));
        }
        Some(Source::Cifar(_) | Source::Generated(_)) => {
            let expected = "a folder of images: CIFAR's few files are read as they are";
            return Err(DataError::unusable(
                from,
                "CIFAR in its binary format",
                expected,
            ));
        }
    };
    let scans = folder.scan(&[Part::Train, Part::Test], progress)?;
    if bad_files == BadFiles::Fail {
        require_sound(&scans)?;
    }
    std::fs::create_dir_all(to).map_err(DataError::write(to))?;
    let classes = scans
        .first()
        .map_or_else(Vec::new, |scan| scan.classes.clone());
    let mut manifest = Manifest::new(classes, encoding, exif_orientation);
    let mut packed = Packed {
        images: [0; 2],
        left_out: Vec::new(),
        bytes: 0,
    };
    for (place, (part, scan)) in [Part::Train, Part::Test]
        .into_iter()
        .zip(&scans)
        .enumerate()
    {
        let mut writer = Writer::new(to, part);
        let mut files = writer.split(scan, encoding, exif_orientation)?;
        let train = scans.first().filter(|_| part == Part::Test);
        files.found = Some(writer.found(&Found::of(part, scan, train))?);
        packed.images[place] = files.images;
        packed.left_out.extend(scan.bad.iter().cloned());
        packed.bytes += files.all_files().map(|file| file.bytes).sum::<u64>();
        manifest.splits.insert(part.name().to_owned(), files);
    }
    manifest.write(to)?;
    Ok(packed)
}

/// An image as it is stored.
struct Stored {
    bytes: Vec<u8>,
    size: [usize; 2],
}

fn stored(path: &Path, encoding: Encoding, exif: bool) -> Result<Stored, DataError> {
    let bytes = std::fs::read(path).map_err(DataError::read(path))?;
    let store = |bytes: Vec<u8>| -> Result<Stored, Fault> {
        let file = Encoded::open(&bytes, exif)?;
        let size = file.size();
        match encoding {
            Encoding::AsIs => Ok(Stored { bytes, size }),
            Encoding::Raw => Ok(Stored {
                bytes: file.decode()?.bytes,
                size,
            }),
            Encoding::Jpeg {
                shorter_side,
                quality,
            } => {
                let image = transform::shrunk(file.decode()?, shorter_side as usize);
                Ok(Stored {
                    bytes: encode::jpeg(&image, quality)?,
                    size: [image.height, image.width],
                })
            }
        }
    };
    store(bytes).map_err(|fault| fault.in_file(path))
}

/// Writes the files of one split.
struct Writer<'a> {
    folder: &'a Path,
    part: Part,
    shards: Vec<PackFile>,
    open: Option<Open>,
}

/// The shard that is written to.
struct Open {
    file: BufWriter<File>,
    path: PathBuf,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<'a> Writer<'a> {
    fn new(folder: &'a Path, part: Part) -> Self {
        Self {
            folder,
            part,
            shards: Vec::new(),
            open: None,
        }
    }

    fn split(
        &mut self,
        scan: &Scan,
        encoding: Encoding,
        exif: bool,
    ) -> Result<SplitFiles, DataError> {
        let listing = scan.sound()?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut entries = Vec::with_capacity(listing.len());
        for start in (0..listing.len()).step_by(TOGETHER) {
            let places: Vec<usize> = (start..(start + TOGETHER).min(listing.len())).collect();
            let part = parts::size(places.len(), threads);
            let ready = parts::each(places.chunks(part), |places| {
                let store = |&place: &usize| stored(&listing.path(place), encoding, exif);
                places.iter().map(store).collect::<Result<Vec<_>, _>>()
            });
            for stored in ready
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?
                .iter()
                .flatten()
            {
                entries.push(self.put(stored, listing.labels[entries.len()])?);
            }
        }
        self.close()?;
        let below = |path: &Path| path.strip_prefix(&scan.folder).unwrap_or(path).to_owned();
        let left_out = scan
            .bad
            .iter()
            .map(|bad| below(&bad.path).display().to_string());
        Ok(SplitFiles {
            images: entries.len() as u64,
            left_out: left_out.collect(),
            folder_digest: scan.digest.clone(),
            index: self.index(&entries, &listing)?,
            shards: std::mem::take(&mut self.shards),
            found: None,
        })
    }

    fn put(&mut self, stored: &Stored, label: u32) -> Result<Entry, DataError> {
        if self.open.as_ref().is_some_and(|open| open.bytes >= SHARD) {
            self.close()?;
        }
        let number = self.shards.len();
        let open = match &mut self.open {
            Some(open) => open,
            None => {
                let name = format!("{}-{number:05}.shard", self.part.name());
                let path = self.folder.join(name);
                let file = File::create_new(&path).map_err(DataError::write(&path))?;
                self.open.insert(Open {
                    file: BufWriter::with_capacity(1 << 20, file),
                    path,
                    hasher: blake3::Hasher::new(),
                    bytes: 0,
                })
            }
        };
        let entry = Entry {
            shard: number as u32,
            offset: open.bytes,
            length: stored.bytes.len() as u32,
            label,
            height: stored.size[0] as u32,
            width: stored.size[1] as u32,
        };
        open.file
            .write_all(&stored.bytes)
            .map_err(DataError::write(&open.path))?;
        open.hasher.update(&stored.bytes);
        open.bytes += stored.bytes.len() as u64;
        Ok(entry)
    }

    fn close(&mut self) -> Result<(), DataError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let file = open.file.into_inner().map_err(|error| error.into_error());
        file.and_then(|file| file.sync_all())
            .map_err(DataError::write(&open.path))?;
        let name = open.path.file_name().unwrap_or_default();
        self.shards.push(PackFile {
            name: name.to_string_lossy().into_owned(),
            bytes: open.bytes,
            blake3: open.hasher.finalize().to_hex().to_string(),
        });
        Ok(())
    }

    fn index(&self, entries: &[Entry], listing: &Listing) -> Result<PackFile, DataError> {
        self.small("index", &index::bytes(entries, listing))
    }

    fn found(&self, found: &Found) -> Result<PackFile, DataError> {
        self.small("found.json", &found.bytes())
    }

    /// Writes a file of the split at once.
    fn small(&self, ending: &str, bytes: &[u8]) -> Result<PackFile, DataError> {
        let name = format!("{}.{ending}", self.part.name());
        let path = self.folder.join(&name);
        std::fs::write(&path, bytes).map_err(DataError::write(&path))?;
        Ok(PackFile {
            name,
            bytes: bytes.len() as u64,
            blake3: blake3::hash(bytes).to_hex().to_string(),
        })
    }
}

#[cfg(test)]
mod tests;
