//! Where each image of a split lies.
//!
//! ```text
//! magic "lawnpack", version u32, images u32
//! an entry an image: shard u32, offset u64, length u32, label u32, height u32, width u32
//! the ends of the names, a u64 an image, then the names
//! ```
//! Numbers are little-endian.

use crate::data::images::folder::Listing;

const MAGIC: &[u8; 8] = b"lawnpack";
const VERSION: u32 = 1;
const HEAD: usize = 16;
const ENTRY: usize = 28;
const END: usize = 8;

/// Where an image lies, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) shard: u32,
    pub(crate) offset: u64,
    pub(crate) length: u32,
    pub(crate) label: u32,
    pub(crate) height: u32,
    pub(crate) width: u32,
}

/// The file of an index.
pub(crate) fn bytes(entries: &[Entry], listing: &Listing) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + entries.len() * (ENTRY + END + 32));
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((entries.len() as u32).to_le_bytes());
    for entry in entries {
        bytes.extend(entry.shard.to_le_bytes());
        bytes.extend(entry.offset.to_le_bytes());
        for number in [entry.length, entry.label, entry.height, entry.width] {
            bytes.extend(number.to_le_bytes());
        }
    }
    let mut end = 0u64;
    for index in 0..entries.len() {
        end += listing.name(index).len() as u64;
        bytes.extend(end.to_le_bytes());
    }
    for index in 0..entries.len() {
        bytes.extend(listing.name(index).as_bytes());
    }
    bytes
}

/// Reads an index in place.
#[derive(Clone, Copy)]
pub(crate) struct Index<'a>(&'a [u8]);

impl<'a> Index<'a> {
    /// One of `images`, or what is wrong with the bytes.
    pub(crate) fn new(bytes: &'a [u8], images: u64) -> Result<Self, &'static str> {
        if bytes.len() < HEAD || !bytes.starts_with(MAGIC) {
            return Err("no index of a pack");
        }
        let index = Self(bytes);
        if index.number(8) != VERSION {
            return Err("an index of another version");
        }
        if u64::from(index.number(12)) != images || bytes.len() < index.names_start() {
            return Err("an index of other images");
        }
        let last = index.len().checked_sub(1).map_or(0, |last| index.end(last));
        if index.names_start() + last != bytes.len() {
            return Err("an index that is cut");
        }
        Ok(index)
    }

    pub(crate) fn len(self) -> usize {
        self.number(12) as usize
    }

    pub(crate) fn entry(self, index: usize) -> Entry {
        let at = HEAD + index * ENTRY;
        Entry {
            shard: self.number(at),
            offset: self.long(at + 4),
            length: self.number(at + 12),
            label: self.number(at + 16),
            height: self.number(at + 20),
            width: self.number(at + 24),
        }
    }

    /// The path that the image had below the folder of its split.
    pub(crate) fn name(self, index: usize) -> String {
        let start = index.checked_sub(1).map_or(0, |before| self.end(before));
        let names = &self.0[self.names_start()..];
        let name = names.get(start..self.end(index)).unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }

    fn names_start(self) -> usize {
        HEAD + self.len() * (ENTRY + END)
    }

    fn end(self, index: usize) -> usize {
        self.long(HEAD + self.len() * ENTRY + index * END) as usize
    }

    fn number(self, at: usize) -> u32 {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.0[at..at + 4]);
        u32::from_le_bytes(bytes)
    }

    fn long(self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[at..at + 8]);
        u64::from_le_bytes(bytes)
    }
}
