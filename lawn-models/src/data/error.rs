use std::collections::HashSet;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::images::bad_file::BadFile;
use crate::trial::SettingsError;

/// A data set that is absent or cannot be used as it stands.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file or folder could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The task names a data set, but no data root was given.
    #[error("data set \"{name}\" needs a data root, none was given")]
    NoRoot {
        /// Name of the data set.
        name: String,
    },
    /// No data set of that name and kind lies under the data root.
    #[error("no data set \"{name}\" under {root}: expected {expected}")]
    NotFound {
        /// Name of the data set.
        name: String,
        /// The data root.
        root: PathBuf,
        /// What was looked for.
        expected: String,
    },
    /// A line has too few columns, or too many.
    #[error("{path}:{line}: found {found} tab-separated columns, expected {expected}")]
    Columns {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// Columns found.
        found: usize,
        /// What was expected.
        expected: String,
    },
    /// A field of a file is not what it must be.
    #[error("{path}:{line}: {field} is \"{value}\", allowed is {allowed}")]
    Field {
        /// The file.
        path: PathBuf,
        /// Number of the line, or of the row of a table, from 1.
        line: usize,
        /// Name of the field.
        field: &'static str,
        /// The text found.
        value: String,
        /// What would have been accepted.
        allowed: String,
    },
    /// A data set parses but lacks something that the protocol needs.
    #[error("{path}: found {found}, expected {expected}")]
    Unusable {
        /// The file or folder, or the generator's name.
        path: PathBuf,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// Images are not all of one size, and no `transform` makes them so.
    #[error("{path}: found {}, expected {}, as {like}; a `transform` takes images of any size", pixels(*found), pixels(*expected))]
    ImageSize {
        /// The image, or the folder of a split.
        path: PathBuf,
        /// Its height and width in pixels.
        found: [usize; 2],
        /// Those of the others.
        expected: [usize; 2],
        /// Whose those are.
        like: &'static str,
    },
    /// An image could not be decoded.
    #[error("cannot decode {path}: {reason}")]
    Image {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// Files of an image folder cannot be read as images.
    #[error("{} of {files} files under {folder} cannot be read as images:{}\nmend or remove them, or train without them with bad_files = \"exclude\"", bad.len(), named(bad))]
    BadFiles {
        /// The folder of the split.
        folder: PathBuf,
        /// Files in it.
        files: u64,
        /// Those that cannot be read.
        bad: Vec<BadFile>,
    },
    /// The images of a pack were turned as their EXIF says, and are not to be, or the other way round.
    #[error("{path}: found images that were {}turned as their EXIF says when they were packed, expected {}", if *turned { "" } else { "not " }, turned_as_asked(*turned))]
    Turned {
        /// The pack's manifest.
        path: PathBuf,
        /// Whether they were turned.
        turned: bool,
    },
    /// The host has not the memory that the parameters of a net take.
    #[error("{}", .0)]
    NoRoom(crate::device::NoRoom),
    /// Several things are wrong with a data set.
    #[error("{} things are wrong:{}", .0.len(), each(.0))]
    Several(Vec<Self>),
    /// Data of a kind are made in the process, and there is no format of files for them.
    #[error(
        "data of kind \"{kind}\" have no format of files; they are generated: data = \"generated\""
    )]
    NoFormat {
        /// The kind of task.
        kind: &'static str,
    },
    /// A setting of a task that the data, or the net for them, do not go with.
    #[error(transparent)]
    Setting(SettingsError),
    /// Keys or sizes of data that their kind does not have.
    #[error("data of kind \"{kind}\": {reason}")]
    Options {
        /// The kind.
        kind: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A line a file.
fn named(bad: &[BadFile]) -> String {
    bad.iter()
        .map(|file| format!("\n  {}: {}", file.path.display(), file.reason))
        .collect()
}

fn pixels([height, width]: [usize; 2]) -> String {
    format!("{width} × {height} pixels")
}

/// What would go with images that were turned, or were not.
fn turned_as_asked(turned: bool) -> &'static str {
    match turned {
        true => "exif_orientation = true, or a pack made without --exif-orientation",
        false => "a pack made with --exif-orientation, or exif_orientation = false",
    }
}

/// A line an error.
fn each(errors: &[DataError]) -> String {
    errors.iter().map(|error| format!("\n  {error}")).collect()
}

impl DataError {
    /// Makes sure that there are none of these; they are told together, each once.
    ///
    /// # Errors
    /// The only one, or [`DataError::Several`].
    pub(crate) fn none_of(errors: Vec<Self>) -> Result<(), Self> {
        let mut flat = Vec::new();
        for error in errors {
            match error {
                Self::Several(errors) => flat.extend(errors),
                error => flat.push(error),
            }
        }
        let mut told = HashSet::new();
        flat.retain(|error| told.insert(error.to_string()));
        match flat.len() {
            0 => Ok(()),
            1 => Err(flat.remove(0)),
            _ => Err(Self::Several(flat)),
        }
    }

    /// For `map_err` on reading `path`.
    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    /// For `map_err` on writing `path`.
    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::Write {
            path: path.to_owned(),
            source,
        }
    }

    /// Sizes of generated data that are not allowed.
    pub(crate) fn options(kind: &str, error: &SettingsError) -> Self {
        Self::Options {
            kind: kind.to_owned(),
            reason: error.to_string(),
        }
    }

    /// Files are asked of a kind that has none.
    pub(crate) fn no_format(kind: &'static str) -> Self {
        Self::NoFormat { kind }
    }

    /// A data set that parses but cannot be used.
    pub(crate) fn unusable(
        path: &Path,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Unusable {
            path: path.to_owned(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}
