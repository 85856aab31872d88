//! A file of results, as its bytes under the name that errors give it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::csv::CsvSheet;
use super::ended;
use super::gzip;
use super::json::JsonSheet;
use super::kind::{self, Kind};
use super::parquet::ParquetSheet;
use super::sheet::Sheet;
use crate::error::Error;

/// A file of results before it is understood. One that gzip compressed is unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultsFile {
    /// The name that errors and notes give it: its path, or in words where it comes from.
    pub(super) name: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl ResultsFile {
    /// The file at `path`.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that is not there or cannot be read; [`Error::Layout`] for a folder;
    /// [`Error::OtherFormat`] for damaged gzip data.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if path.is_dir() {
            return Err(Error::Layout {
                why: format!(
                    "{0}: a folder; give the files in it, such as {0}/*.csv; of a run of lawn, \
                     `lawn report DIR`",
                    path.display()
                ),
            });
        }
        let bytes = fs::read(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::new(path.to_owned(), bytes)
    }

    /// Everything that `reader` gives, under a name such as `standard input`.
    ///
    /// # Errors
    /// [`Error::Io`] with the name, where the reader fails; [`Error::OtherFormat`] for damaged gzip
    /// data.
    pub fn from_reader(name: impl Into<PathBuf>, mut reader: impl Read) -> Result<Self, Error> {
        let (name, mut bytes) = (name.into(), Vec::new());
        match reader.read_to_end(&mut bytes) {
            Ok(_) => Self::new(name, bytes),
            Err(source) => Err(Error::Io { path: name, source }),
        }
    }

    fn new(name: PathBuf, bytes: Vec<u8>) -> Result<Self, Error> {
        match gzip::unpacked(bytes) {
            Ok(bytes) => Ok(Self { name, bytes }),
            Err(found) => Err(Error::OtherFormat { path: name, found }),
        }
    }

    /// The names of its columns, whether results have them or not.
    ///
    /// # Errors
    /// [`Error::Csv`], [`Error::Parquet`] and [`Error::OtherFormat`] for what is no table.
    pub fn columns(&self) -> Result<Vec<String>, Error> {
        Ok(self.sheet()?.names().to_vec())
    }

    /// The column by whose numbers the rows of a trial most likely follow each other, such as `epoch`; none
    /// where no name says so.
    ///
    /// # Errors
    /// As [`ResultsFile::columns`].
    pub fn step_column(&self) -> Result<Option<String>, Error> {
        let columns = self.columns()?;
        Ok(columns.into_iter().find(|name| ended::is_count(name)))
    }

    /// The name that errors and notes give it.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// What it holds, by its bytes, since its name may be wrong.
    ///
    /// # Errors
    /// [`Error::Empty`] where it has none; [`Error::Csv`], [`Error::Parquet`] and [`Error::OtherFormat`] for what is no table.
    pub(super) fn sheet(&self) -> Result<Box<dyn Sheet + '_>, Error> {
        let (path, bytes) = (self.name(), &self.bytes);
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if text.trim_ascii().is_empty() {
            return Err(Error::Empty {
                path: path.to_owned(),
            });
        }
        match kind::of(path, bytes) {
            Kind::Parquet => Ok(Box::new(ParquetSheet::read(path, bytes)?)),
            Kind::Json => Ok(Box::new(JsonSheet::read(path, bytes)?)),
            Kind::Text => Ok(Box::new(CsvSheet::read(path, bytes)?)),
            Kind::Other(found) => Err(Error::OtherFormat {
                path: path.to_owned(),
                found,
            }),
        }
    }
}
