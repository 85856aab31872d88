//! The checksum of a Parquet file, at a place that other readers do not look at.
//!
//! ```text
//! PAR1  pages …  SEAL  checksum  footer  length of the footer  PAR1
//! ```
//!
//! Readers find the footer by its length, and the pages by their offsets in the footer. None looks
//! at what lies between. The checksum is the first bytes of the BLAKE3 hash of all other bytes. It
//! is compared before anything is decoded.

use std::ops::Range;

/// The first bytes of a checksum.
const MARK: &[u8; 8] = b"LAWNSEAL";
/// Bytes of a checksum.
const DIGEST: usize = 16;
/// The word that a Parquet file begins and ends with.
const WORD: &[u8; 4] = b"PAR1";

/// The result of comparing a file with its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seal {
    /// The file is as it was written.
    Whole,
    /// The file was changed after it was written.
    Broken,
    /// The file has no checksum: another program wrote it, or a version before 3.
    Absent,
}

/// Where the footer of a Parquet file is.
fn footer(bytes: &[u8]) -> Option<Range<usize>> {
    let rest = bytes.strip_suffix(WORD)?;
    let (rest, length) = rest.split_last_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    Some(rest.len().checked_sub(length)?..rest.len())
}

fn digest(before: &[u8], after: &[u8]) -> [u8; DIGEST] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(after);
    let mut digest = [0; DIGEST];
    digest.copy_from_slice(&hasher.finalize().as_bytes()[..DIGEST]);
    digest
}

/// Inserts the checksum into a Parquet file. All other bytes stay as they are.
pub(super) fn put(bytes: &mut Vec<u8>) {
    let Some(footer) = footer(bytes) else { return };
    let (before, after) = bytes.split_at(footer.start);
    let digest = digest(before, after);
    let seal = MARK.iter().copied().chain(digest);
    bytes.splice(footer.start..footer.start, seal);
}

/// Compares a file with its checksum.
pub(super) fn check(bytes: &[u8]) -> Seal {
    let Some(footer) = footer(bytes) else {
        return Seal::Absent;
    };
    let (before, after) = bytes.split_at(footer.start);
    let sealed = before.split_last_chunk::<DIGEST>();
    let Some((before, found)) = sealed.and_then(|(b, found)| Some((b.strip_suffix(MARK)?, found)))
    else {
        return Seal::Absent;
    };
    if digest(before, after) == *found {
        Seal::Whole
    } else {
        Seal::Broken
    }
}
