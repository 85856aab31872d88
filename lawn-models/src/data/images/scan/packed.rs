//! A look at a pack: that its files are those that were written.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

use super::cache::{Cache, Seen};
use super::found::Found;
use super::report::Scan;
use super::verdict::ScanProgress;
use crate::data::error::DataError;
use crate::data::images::decode::Format;
use crate::data::images::folder::other_entries;
use crate::data::images::pack::{MANIFEST, Manifest, Pack};
use crate::data::images::reading::Part;

/// Compares every file of a split with the checksum that its pack has of it. What it was found
/// to be is kept in `caches`, as for the files of a folder.
///
/// # Errors
/// [`DataError`] naming the file that is not what was written.
pub(crate) fn scan_pack(
    folder: &Path,
    part: Part,
    caches: Option<&Path>,
    progress: ScanProgress<'_>,
) -> Result<Scan, DataError> {
    let manifest = Manifest::read(folder)?;
    let split = manifest.split(folder, part)?;
    let pack = Pack::open(folder, part)?;
    let known = Cache::read(&folder.join(part.name()), caches);
    let mut seen = Vec::new();
    let total = split.all_files().count() as u64;
    for (done, file) in split.all_files().enumerate() {
        let path = file.path(folder);
        let about = std::fs::metadata(&path).map_err(DataError::read(&path))?;
        let stamp = known.stamp(&path, &about);
        let hash = match known.find(&stamp) {
            Some(seen) => seen.hash,
            None => {
                let opened = File::open(&path).map_err(DataError::read(&path))?;
                let mut hasher = blake3::Hasher::new();
                hasher
                    .update_reader(opened)
                    .map_err(DataError::read(&path))?;
                hasher.finalize()
            }
        };
        file.verify(&hash, folder)?;
        seen.push(Seen {
            stamp,
            hash,
            format: Format::Jpeg,
            size: [0, 0],
        });
        progress(done as u64 + 1, total);
    }
    let mut cache = known.renewed();
    seen.iter().for_each(|seen| cache.keep(seen));
    cache.write();
    let mut listing = pack.listing(part);
    let files: Vec<&str> = manifest.files().map(|file| &*file.name).collect();
    let is_own = |name: &OsStr| name == MANIFEST || files.iter().any(|file| name == *file);
    // Once for both splits.
    if part == Part::Train {
        for name in other_entries(folder, is_own)? {
            let what = "beside the files of the pack";
            listing.ignored.add(what, &folder.join(name));
        }
    }
    let sizes = (0..pack.labels().len()).map(|index| pack.size(index));
    let mut scan = Scan::of_pack(listing, sizes, split.digest());
    scan.left_out = split.left_out.iter().map(Into::into).collect();
    match &split.found {
        Some(found) => Found::read(&found.path(folder))?.tell(part, folder, &mut scan),
        None => scan.notes.push(format!(
            "{MANIFEST} is of schema {}, as it was packed by an older version: which images are there \
             twice, or in train and in test, is not known; pack it anew",
            manifest.schema
        )),
    }
    if manifest.checksum.is_none() {
        scan.notes.push(format!(
            "{MANIFEST} has no checksum of its own, as it was packed by an older version: names of \
             classes are not checked; pack it anew"
        ));
    }
    Ok(scan)
}
