//! `lawn data pack`: a pack is written whole beside its place, and then renamed into it.

use std::path::Path;

use lawn_models::{BadFile, BadFiles, DataError, Encoding, Packed};

use super::beside::Beside;
use super::scan;
use crate::Error;
use crate::error::{Fault, Place};
use crate::run::files;

/// Packs the image folder `from` as the data set in `out`, which is new or empty.
///
/// # Errors
///
/// [`Error::NotOurs`] where something is there, [`Error::BadFiles`] with the name of each
/// file that cannot be read, [`Error::Out`] where nothing can be written there.
pub fn pack(
    from: &Path,
    out: &Path,
    encoding: Encoding,
    exif_orientation: bool,
    bad_files: BadFiles,
) -> Result<Packed, Error> {
    let out = &std::path::absolute(out).map_err(Error::io("find", out))?;
    if let Some(found) = files::entry_of(out)? {
        return Err(Error::not_ours(out, &found, "data set"));
    }
    let source = std::path::absolute(from).map_err(Error::io("find", from))?;
    if out.starts_with(source) {
        let fault = Fault::new(Place::key("--out"), "is within the folder that is packed");
        return Err(Error::Option(Box::new(
            fault.allowed(["a place outside it"]),
        )));
    }
    let parent = out.parent().unwrap_or(out);
    let refused = |error: Error| error.of_option("--out", out);
    std::fs::create_dir_all(parent).map_err(|error| refused(Error::io("create", parent)(error)))?;
    let beside = Beside::new(parent, ".lawn-pack-").map_err(refused)?;
    let new = beside.path(out);
    let name = from.display().to_string();
    let packed = scan::with_progress(&name, |progress| {
        lawn_models::pack_images(from, &new, encoding, exif_orientation, bad_files, progress)
    })
    .map_err(of_pack)?;
    std::fs::rename(&new, out).map_err(Error::io("write", out))?;
    files::flush(parent)?;
    Ok(packed)
}

/// What is advised of a sweep is no option here.
fn of_pack(error: Error) -> Error {
    match error {
        Error::Data(DataError::BadFiles { folder, files, bad }) => {
            let named = |file: &BadFile| format!("{}: {}", file.path.display(), file.reason);
            let bad: Vec<String> = bad.iter().map(named).collect();
            Error::bad_files(folder, files, &bad, "pack")
        }
        error => error,
    }
}
