//! One look at every file of a split: whether it can be read, and what it is.

mod cache;
mod found;
mod packed;
mod repeats;
mod report;
mod require;
#[cfg(test)]
mod tests;
mod verdict;

pub(crate) use found::Found;
pub(crate) use packed::scan_pack;
pub use repeats::{Repeat, Repeats};
pub use report::{OtherSize, Scan};
pub(crate) use require::{require_all_classes, require_one_size, require_sound, require_two};

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::decode::{self, Encoded, Format};
use super::folder::{Listing, why_no_folder};
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
/// A file that is no image, or that the system refuses, is an entry in [`Scan::bad`].
pub(crate) fn scan(
    listing: &Listing,
    caches: Option<&Path>,
    threads: usize,
    progress: ScanProgress<'_>,
) -> Scan {
    let cache = Cache::read(listing.folder(), caches);
    let (total, done) = (listing.len() as u64, AtomicU64::new(0));
    let part = parts::size(listing.len(), threads);
    let starts = (0..listing.len()).step_by(part);
    let look = |start: usize| -> Vec<Verdict> {
        let end = (start + part).min(listing.len());
        let mut verdicts = Vec::with_capacity(end - start);
        for index in start..end {
            verdicts.push(verdict(listing, index, &cache));
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(TOLD_EVERY) || done == total {
                progress(done, total);
            }
        }
        verdicts
    };
    let parts = parts::each(starts, look);
    let mut collector = Collector::new(listing);
    let mut cache = cache.renewed();
    let mut index = 0;
    for part in parts {
        for verdict in part {
            if let Verdict::Image(seen) = &verdict {
                cache.keep(seen);
            }
            collector.add(index, verdict);
            index += 1;
        }
    }
    cache.write();
    collector.finish()
}

fn verdict(listing: &Listing, index: usize, cache: &Cache) -> Verdict {
    let path = listing.path(index);
    let nothing = blake3::hash(&[]);
    let bad = |hash, reason: &str| Verdict::Bad {
        hash,
        reason: reason.to_owned(),
    };
    let refused = |error: std::io::Error| bad(nothing, &format!("it cannot be read: {error}"));
    if listing.stored_name(index).to_str().is_none() {
        return bad(nothing, "its name is not UTF-8");
    }
    let about = match std::fs::metadata(&path) {
        Ok(about) if about.is_file() => about,
        Ok(about) if about.is_dir() => return bad(nothing, &why_no_folder(&path)),
        Ok(_) => return bad(nothing, "it is no file"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return bad(nothing, "it is a link to nothing");
        }
        Err(error) => return refused(error),
    };
    let stamp = cache.stamp(&path, &about);
    if let Some(seen) = cache.find(&stamp) {
        return Verdict::Image(seen);
    }
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => return refused(error),
    };
    let hash = blake3::hash(&bytes);
    let look = || -> Result<(Format, [usize; 2]), decode::Fault> {
        let file = Encoded::open(&bytes, false)?;
        file.decode()?;
        Ok((file.format(), file.size()))
    };
    match look() {
        Ok((format, size)) => Verdict::Image(Seen {
            stamp,
            hash,
            format,
            size,
        }),
        Err(fault) => bad(hash, &fault.to_string()),
    }
}
