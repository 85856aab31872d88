//! Image folders packed into few large files.
//!
//! ```text
//! NAME/pack.json                 what it is: schema, classes, encoding, and for each file of it
//!                                its size and BLAKE3; last, the BLAKE3 of all this
//! NAME/SPLIT.index               where each image lies: 28 bytes an image, then the names
//! NAME/SPLIT-00000.shard …       the images, one after another
//! NAME/SPLIT.found.json          which files of the folder were there twice, or in train and in test
//! ```
//! Index and shards are mapped into memory: what is read stays in the system's cache and counts
//! as nobody's memory. Images are in the order of the folder, so that the same seed trains on the
//! same samples.

pub(super) mod index;
pub(super) mod manifest;
mod reader;

pub use manifest::Encoding;
pub(crate) use manifest::{MANIFEST, Manifest};
pub(crate) use reader::Pack;
