//! Files that are whole or not there: written to a temporary name, flushed, renamed.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::Error;

/// Writes `bytes` to `path` so that a reader sees the old content or the new, never a part.
///
/// # Errors
///
/// [`Error::Io`]; the old content is then still there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    draft(path, bytes)?
        .persist(path)
        .map_err(|error| Error::io("replace", path)(error.error))?;
    flush(folder)
}

/// Gives `path` the content `bytes` if there is no such file; says whether it did.
/// Of many that try, on this machine or others, one succeeds.
///
/// # Errors
///
/// [`Error::Io`].
pub fn create(path: &Path, bytes: &[u8]) -> Result<bool, Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let draft = draft(path, bytes)?;
    // link(2) is exclusive on network file systems too, where other ways are not.
    match std::fs::hard_link(draft.path(), path) {
        Ok(()) => flush(folder).map(|()| true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::io("create", path)(error)),
    }
}

/// Gives `path` the content `bytes`, whole for every reader but not flushed: for what is of
/// no use after a power cut.
///
/// # Errors
///
/// [`Error::Io`].
pub fn replace_unflushed(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = temporary(folder, ".tmp")?;
    file.write_all(bytes).map_err(Error::io("write", path))?;
    file.persist(path)
        .map_err(|error| Error::io("replace", path)(error.error))?;
    Ok(())
}

/// A file beside `path` that holds `bytes`, flushed; its name goes when it is dropped.
fn draft(path: &Path, bytes: &[u8]) -> Result<tempfile::NamedTempFile, Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = temporary(folder, ".tmp")?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(Error::io("write", path))?;
    Ok(file)
}

/// An empty file in `folder` that will be renamed. It has the permissions of the user's umask: a
/// file that stays temporary would be the user's alone.
pub(crate) fn temporary(folder: &Path, prefix: &str) -> Result<tempfile::NamedTempFile, Error> {
    tempfile::Builder::new()
        .prefix(prefix)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(|error| Error::io("write in", folder)(of_the_system(error)))
}

/// The system's answer without the temporary path that was made up.
pub(crate) fn of_the_system(error: io::Error) -> io::Error {
    let said = error.to_string();
    match said.split_once(" at path ") {
        Some((answer, _)) => io::Error::new(error.kind(), answer),
        None => error,
    }
}

/// Opens a file that this program alone writes to, as `options` say, creating it where they do.
///
/// A link that somebody put in its place is not followed, and a file that has another name
/// too is not written to.
///
/// # Errors
///
/// [`Error::NotAFile`] for those and for anything that is no file, [`Error::Io`].
pub(crate) fn open_own(path: &Path, options: &mut std::fs::OpenOptions) -> Result<File, Error> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    // Without blocking: a pipe would wait for its reader.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let not_a_file = |found| Error::not_a_file(path, found);
    let is_link = || std::fs::symlink_metadata(path).is_ok_and(|file| file.is_symlink());
    let file = match options.custom_flags(flags.bits() as i32).open(path) {
        Err(_) if is_link() => return Err(not_a_file("a link")),
        file => file.map_err(Error::io("open", path))?,
    };
    let about = file.metadata().map_err(Error::io("read", path))?;
    if !about.is_file() {
        return Err(not_a_file("no regular file"));
    }
    if about.nlink() > 1 {
        return Err(not_a_file("a file with another name too"));
    }
    Ok(file)
}

/// The name of an entry of `folder`, the first in order; none where it is empty or not there.
///
/// # Errors
///
/// [`Error::Io`].
pub(crate) fn entry_of(folder: &Path) -> Result<Option<String>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", folder)(error)),
    };
    let names = entries.map(|entry| Ok(name(&entry?.path())));
    let names: std::io::Result<Vec<String>> = names.collect();
    Ok(names.map_err(Error::io("read", folder))?.into_iter().min())
}

/// Makes a rename or link in `folder` survive a power cut.
pub(crate) fn flush(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::io("flush", folder))
}

/// Renames a damaged file to the first name that is free, `NAME.damaged`,
/// `NAME.damaged-2` and so on, and gives that.
///
/// # Errors
///
/// [`Error::Io`].
pub fn set_aside(path: &Path) -> Result<PathBuf, Error> {
    lawn_models::set_aside(path).map_err(Error::io("rename", path))
}

/// The last part of a path, as text.
pub(crate) fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Whether the error `code` of the system says that this machine does not reach the file, or may
/// not. The trial is not at fault then.
pub(crate) fn is_of_the_machine(code: i32) -> bool {
    use rustix::io::Errno;
    const ERRORS: [Errno; 8] = [
        Errno::ACCESS,
        Errno::HOSTDOWN,
        Errno::IO,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOTCONN,
        Errno::PERM,
        Errno::STALE,
    ];
    ERRORS.iter().any(|error| error.raw_os_error() == code)
}

/// Removes the file `path` where it is.
///
/// # Errors
///
/// [`Error::Io`].
pub fn remove_if_there(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// The folder `lawn` in the user's cache, for what can be made again.
pub(crate) fn cache() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = || Some(PathBuf::from(set("HOME")?).join(".cache"));
    let folder = set("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?;
    Some(folder.join("lawn"))
}
