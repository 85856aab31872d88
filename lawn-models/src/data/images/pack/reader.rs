//! A split of a pack, mapped into memory.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;

use super::index::{Entry, Index};
use super::manifest::{Encoding, Manifest, PackFile};
use crate::data::error::DataError;
use crate::data::images::decode::{Encoded, Fault};
use crate::data::images::folder::Listing;
use crate::data::images::image::CHANNELS;
use crate::data::images::picture::Picture;
use crate::data::images::reading::Part;

/// A split of a pack.
#[derive(Clone)]
pub(crate) struct Pack(Arc<Opened>);

struct Opened {
    folder: PathBuf,
    classes: Vec<String>,
    encoding: Encoding,
    images: u64,
    index: Mmap,
    shards: Vec<Mmap>,
}

impl Pack {
    /// Opens a split: sizes of its files and every entry of its index are checked, contents are
    /// not.
    ///
    /// # Errors
    /// [`DataError`] naming the file that is missing, or is not what the manifest says.
    pub(crate) fn open(folder: &Path, part: Part) -> Result<Self, DataError> {
        let manifest = Manifest::read(folder)?;
        let files = manifest.split(folder, part)?.clone();
        let shards = files.shards.iter().map(|shard| map(shard, folder));
        let opened = Opened {
            folder: folder.to_owned(),
            images: files.images,
            index: map(&files.index, folder)?,
            shards: shards.collect::<Result<_, _>>()?,
            encoding: manifest.encoding,
            classes: manifest.classes,
        };
        let path = files.index.path(folder);
        let wrong = |found: &str| DataError::unusable(&path, found, "that which was written");
        let index = Index::new(&opened.index, files.images).map_err(wrong)?;
        for number in 0..index.len() {
            if !opened.is_sound(index.entry(number)) {
                return Err(wrong("an entry outside its shard"));
            }
        }
        Ok(Self(Arc::new(opened)))
    }

    pub(crate) fn classes(&self) -> &[String] {
        &self.0.classes
    }

    pub(crate) fn labels(&self) -> Vec<u32> {
        let index = self.index();
        (0..index.len())
            .map(|number| index.entry(number).label)
            .collect()
    }

    /// Height and width of an image.
    pub(crate) fn size(&self, index: usize) -> [usize; 2] {
        let entry = self.index().entry(index);
        [entry.height as usize, entry.width as usize]
    }

    /// An image before it is decoded.
    pub(crate) fn picture(&self, index: usize, exif: bool) -> Result<Picture<'_>, Fault> {
        let entry = self.index().entry(index);
        let shard = &self.0.shards[entry.shard as usize];
        let bytes = &shard[entry.offset as usize..][..entry.length as usize];
        Ok(match self.0.encoding {
            Encoding::Raw => Picture::Raw([entry.height as usize, entry.width as usize], bytes),
            Encoding::AsIs => Picture::Encoded(Encoded::open(bytes, exif)?),
            // They were turned when they were packed.
            Encoding::Jpeg { .. } => Picture::Encoded(Encoded::open(bytes, false)?),
        })
    }

    /// What an error calls an image.
    pub(crate) fn path(&self, index: usize) -> PathBuf {
        self.0.folder.join(self.index().name(index))
    }

    /// The files that it was made of, by their names.
    pub(crate) fn listing(&self, part: Part) -> Listing {
        let folder = self.0.folder.join(part.name());
        let mut listing = Listing::new(&folder, self.0.classes.clone());
        let index = self.index();
        for number in 0..index.len() {
            listing.push(index.name(number).as_ref(), index.entry(number).label);
        }
        listing
    }

    fn index(&self) -> Index<'_> {
        Index::new(&self.0.index, self.0.images).expect("it was checked when it was opened")
    }
}

impl Opened {
    /// Whether an entry is one of these classes and within its shard.
    fn is_sound(&self, entry: Entry) -> bool {
        let shard = self.shards.get(entry.shard as usize);
        let pixels = u64::from(entry.height) * u64::from(entry.width) * CHANNELS as u64;
        let end = entry.offset.checked_add(u64::from(entry.length));
        (entry.label as usize) < self.classes.len()
            && shard.is_some_and(|shard| end.is_some_and(|end| end <= shard.len() as u64))
            && (self.encoding != Encoding::Raw || pixels == u64::from(entry.length))
    }
}

/// Maps a file of a pack, where it has its size.
fn map(file: &PackFile, folder: &Path) -> Result<Mmap, DataError> {
    let opened = file.open(folder)?;
    // SAFETY: a pack is written beside its place and never to; like any mapped file it must not
    // be cut short while it is read, which its folder's owner alone could do.
    unsafe { Mmap::map(&opened) }.map_err(DataError::read(&file.path(folder)))
}

/// Two are equal where they are one: they are compared in tests alone.
impl PartialEq for Pack {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Pack {}

impl fmt::Debug for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pack").field(&self.0.folder).finish()
    }
}
