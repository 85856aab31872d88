//! `lawn data pack`: a pack is written whole beside its place, and then renamed into it.

use std::path::Path;

use lawn_models::{BadFiles, Encoding, Packed};

use super::scan;
use crate::Error;
use crate::run::files;

/// Packs the image folder `from` as the data set in `out`, which is new or empty.
///
/// # Errors
///
/// [`Error::NotOurs`] where something is there, [`Error::Data`] with the name of each file that
/// cannot be read, [`Error::Io`].
pub fn pack(
    from: &Path,
    out: &Path,
    encoding: Encoding,
    exif_orientation: bool,
    bad_files: BadFiles,
) -> Result<Packed, Error> {
    let out = &std::path::absolute(out).map_err(Error::io("find", out))?;
    if let Some(found) = files::entry_of(out)? {
        return Err(Error::NotOurs {
            dir: out.clone(),
            found,
            what: "data set",
        });
    }
    let parent = out.parent().unwrap_or(out);
    std::fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    let beside = tempfile::Builder::new()
        .prefix(".lawn-pack-")
        .tempdir_in(parent)
        .map_err(Error::io("write in", parent))?;
    let new = beside.path().join(out.file_name().unwrap_or_default());
    let name = from.display().to_string();
    let packed = scan::with_progress(&name, |progress| {
        lawn_models::pack_images(from, &new, encoding, exif_orientation, bad_files, progress)
    })?;
    std::fs::rename(&new, out).map_err(Error::io("write", out))?;
    files::flush(parent)?;
    Ok(packed)
}
