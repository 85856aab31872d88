//! One look at every file of a split: whether it can be read, and what it is.

mod cache;
mod packed;
mod repeats;
mod report;
mod require;
#[cfg(test)]
mod tests;
mod verdict;

pub(crate) use packed::scan_pack;
pub use repeats::{Repeat, Repeats};
pub use report::{OtherSize, Scan};
pub(crate) use require::{require_one_size, require_sound};

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::decode::{self, Encoded, Format};
use super::folder::Listing;
use crate::data::error::DataError;
use crate::data::parts;
pub(crate) use cache::caches;
use cache::{Cache, Seen};
use report::Collector;
pub use verdict::ScanProgress;
use verdict::Verdict;

/// Files after which progress is told.
const TOLD_EVERY: u64 = 64;

/// Reads and decodes every file of a listing on `threads` threads.
///
/// What was found of a file is kept in the folder `caches` with what the system says of the
/// file, and taken from there while all of that is the same. Peak memory is about 270 bytes a file,
/// beside one file and its pixels for each thread.
///
/// # Errors
/// [`DataError::Read`] where the system refuses a file that is there. A file that is no image
/// is no error, but an entry in [`Scan::bad`].
pub(crate) fn scan(
    listing: &Listing,
    caches: Option<&Path>,
    threads: usize,
    progress: ScanProgress<'_>,
) -> Result<Scan, DataError> {
    let cache = Cache::read(listing.folder(), caches);
    let (total, done) = (listing.len() as u64, AtomicU64::new(0));
    let part = parts::size(listing.len(), threads);
    let starts = (0..listing.len()).step_by(part);
    let look = |start: usize| -> Result<Vec<Verdict>, DataError> {
        let end = (start + part).min(listing.len());
        let mut verdicts = Vec::with_capacity(end - start);
        for index in start..end {
            verdicts.push(verdict(listing, index, &cache)?);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(TOLD_EVERY) || done == total {
                progress(done, total);
            }
        }
        Ok(verdicts)
    };
    let parts = parts::each(starts, look);
    let mut collector = Collector::new(listing);
    let mut cache = cache.renewed();
    let mut index = 0;
    for part in parts {
        for verdict in part? {
            if let Verdict::Image(seen) = &verdict {
                cache.keep(seen);
            }
            collector.add(index, verdict);
            index += 1;
        }
    }
    cache.write();
    Ok(collector.finish())
}

fn verdict(listing: &Listing, index: usize, cache: &Cache) -> Result<Verdict, DataError> {
    let path = listing.path(index);
    let nothing = blake3::hash(&[]);
    let bad = |hash, reason: &str| {
        let reason = reason.to_owned();
        Ok(Verdict::Bad { hash, reason })
    };
    if listing.stored_name(index).to_str().is_none() {
        return bad(nothing, "its name is not UTF-8");
    }
    let about = match std::fs::metadata(&path) {
        Ok(about) if about.is_file() => about,
        Ok(_) => return bad(nothing, "it is no file"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return bad(nothing, "it is a link to nothing");
        }
        Err(error) => return Err(DataError::read(&path)(error)),
    };
    let stamp = cache.stamp(&path, &about);
    if let Some(seen) = cache.find(&stamp) {
        return Ok(Verdict::Image(seen));
    }
    let bytes = std::fs::read(&path).map_err(DataError::read(&path))?;
    let hash = blake3::hash(&bytes);
    let look = || -> Result<(Format, [usize; 2]), decode::Fault> {
        let file = Encoded::open(&bytes, false)?;
        file.decode()?;
        Ok((file.format(), file.size()))
    };
    match look() {
        Ok((format, size)) => Ok(Verdict::Image(Seen {
            stamp,
            hash,
            format,
            size,
        })),
        Err(fault) => bad(hash, &fault.to_string()),
    }
}
