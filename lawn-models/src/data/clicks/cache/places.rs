//! Where caches lie: beside their text, or elsewhere.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::identity::FOLDER;
use crate::data::error::DataError;

/// The variable of the environment that names another folder for all caches.
const NAMED: &str = "LAWN_CLICK_CACHE";

/// The file that is locked while a cache is made.
const LOCK: &str = "lock";

/// The folders that caches of the text in `data` may lie in: what `LAWN_CLICK_CACHE` names, or
/// `data` itself and, where that cannot be written, the user's cache.
pub(super) fn places(data: &Path) -> Vec<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = || Some(PathBuf::from(set("HOME")?).join(".cache"));
    let user = set("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    places_of(data, set(NAMED).map(PathBuf::from), user)
}

fn places_of(data: &Path, named: Option<PathBuf>, user: Option<PathBuf>) -> Vec<PathBuf> {
    // Caches of several data sets lie side by side there.
    let absolute = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
    let digits = blake3::hash(absolute.as_os_str().as_encoded_bytes()).to_hex();
    let own = &digits[..16];
    if let Some(named) = named {
        return vec![named.join(own)];
    }
    let user = user.map(|user| user.join("lawn/clicks").join(own));
    std::iter::once(data.to_owned()).chain(user).collect()
}

/// The first of these folders that can be written, made where it is not there, and its lock, which
/// is not taken yet.
///
/// # Errors
/// [`DataError::Write`] for the first of them where none can be.
pub(super) fn writable(folders: &[PathBuf]) -> Result<(PathBuf, File), DataError> {
    let mut first = None;
    for folder in folders {
        let lock = folder.join(LOCK);
        let made = std::fs::create_dir_all(folder).and_then(|()| File::create(&lock));
        match made {
            Ok(lock) => return Ok((folder.clone(), lock)),
            Err(error) => first = first.or(Some((folder, error))),
        }
    }
    let (folder, error) = first.expect("there is a place");
    let text = format!("{error}; {NAMED} names another folder for what clicks are converted to");
    Err(DataError::write(folder)(std::io::Error::new(
        error.kind(),
        text,
    )))
}

/// All caches in these folders, whatever they are of, by name.
///
/// # Errors
/// [`DataError::Read`] where a folder that is there cannot be listed.
pub(super) fn all(places: &[PathBuf]) -> Result<Vec<PathBuf>, DataError> {
    let mut caches = Vec::new();
    for place in places.iter().filter(|place| place.is_dir()) {
        for entry in std::fs::read_dir(place).map_err(DataError::read(place))? {
            let path = entry.map_err(DataError::read(place))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(FOLDER) {
                caches.push(path);
            }
        }
    }
    caches.sort();
    Ok(caches)
}

/// What the files of a cache take.
///
/// # Errors
/// [`DataError::Read`].
pub(super) fn bytes(cache: &Path) -> Result<u64, DataError> {
    let failed = || DataError::read(cache);
    let mut bytes = 0;
    for entry in std::fs::read_dir(cache).map_err(failed())? {
        // What is replaced while this looks is not there any more.
        let about = entry.map_err(failed())?.metadata();
        bytes += about.map_or(0, |about| about.len());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_lies_beside_its_text_or_where_it_is_told_to() {
        let path = |text: &str| Some(PathBuf::from(text));
        let beside = places_of("/data/ads".as_ref(), None, path("/home/me/.cache"));
        assert_eq!(beside.len(), 2);
        assert_eq!(beside[0], Path::new("/data/ads"));
        assert!(beside[1].starts_with("/home/me/.cache/lawn/clicks"));
        let named = |data: &str| places_of(data.as_ref(), path("/scratch"), path("/home"));
        assert_eq!(named("/data/ads").len(), 1);
        assert!(named("/data/ads")[0].starts_with("/scratch"));
        assert_ne!(named("/data/ads"), named("/data/other"));
    }

    /// Nobody can make a folder within a file.
    #[test]
    fn the_first_folder_that_can_be_written_is_taken() {
        let kept = tempfile::tempdir().unwrap();
        let file = kept.path().join("file");
        std::fs::write(&file, "").unwrap();
        let (never, elsewhere) = (file.join("cache"), kept.path().join("a/b"));
        let (taken, _) = writable(&[never.clone(), elsewhere.clone()]).unwrap();
        assert_eq!(taken, elsewhere);
        let error = writable(std::slice::from_ref(&never)).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("file/cache") && error.contains("LAWN_CLICK_CACHE"),
            "{error}"
        );
    }
}
