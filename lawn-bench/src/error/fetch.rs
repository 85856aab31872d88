//! Why a data set could not be got.

use std::fmt::Display;
use std::path::Path;

use super::fault::{Fault, Place};
use crate::exit::Exit;

/// Why a data set could not be got.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A catalogue does not say what it must.
    #[error("{0}")]
    Catalogue(Box<Fault>),
    /// No catalogue has a data set of this name.
    #[error("{}", .0.said())]
    Unknown(Box<Fault>),
    /// A source is neither an address nor a folder.
    #[error("{}", .0.sentence())]
    Source(Box<Fault>),
    /// What a source has is another file than the catalogue says.
    #[error("{0}")]
    Mismatch(Box<Fault>),
    /// A source sends more than a file may have.
    #[error("{source_name} sends more than {most} {what} of {file}; nothing of it is kept{advice}")]
    TooLong {
        /// Name of the file.
        file: String,
        /// The source.
        source_name: String,
        /// What was counted.
        what: &'static str,
        /// So many may come.
        most: u64,
        /// What to do where so many are right.
        advice: &'static str,
    },
    /// A source did not give a file.
    #[error("{source_name} {reason}")]
    NotThere {
        /// Name of the file.
        file: String,
        /// The source.
        source_name: String,
        /// What it did instead.
        reason: String,
    },
    /// No source gave a file.
    #[error("{file} could not be got:{}", list(tried))]
    NoSource {
        /// Name of the file.
        file: String,
        /// Why not, by source in the order tried.
        tried: Vec<FetchError>,
    },
    /// A file that is in the data root is another than the catalogue says.
    #[error("{0}")]
    Different(Box<Fault>),
    /// The files were got, and their reader finds another data set in them.
    #[error("{name} is not what the catalogue says: {}; what was got is not kept", fault.said())]
    OtherSet {
        /// Name of the data set.
        name: String,
        /// What was found, and what the catalogue says.
        fault: Box<Fault>,
    },
}

impl FetchError {
    /// No data set of the catalogues is called `name`, and `known` are.
    pub(crate) fn unknown(name: &str, known: impl IntoIterator<Item = impl Display>) -> Self {
        let fault = Fault::new(Place::default(), format!("no data set is called `{name}`"));
        Self::Unknown(Box::new(fault.allowed(known)))
    }

    /// The text `source` is `found`, and names no source.
    pub(crate) fn source(source: &str, found: &str) -> Self {
        let place = Place::key(format!("the source `{source}`"));
        let fault = Fault::new(place, format!("is {found}"));
        let allowed = [
            "an address that begins with http:// or https://",
            "a folder",
        ];
        Self::Source(Box::new(fault.allowed(allowed)))
    }

    /// The file that the source has at `place` is another one: `what` was compared.
    pub(crate) fn mismatch(place: String, what: &str, found: &str, expected: &str) -> Self {
        let fault = Fault::new(Place::file(place).of(what), found).allowed([expected]);
        Self::Mismatch(Box::new(fault.advice("nothing of it is kept")))
    }

    /// The same of the file that is in the data root at `path`.
    pub(crate) fn different(path: &Path, what: &str, found: &str, expected: &str) -> Self {
        let fault = Fault::new(Place::file(path).of(what), found).allowed([expected]);
        let advice = "it was there before; move it away to get it anew";
        Self::Different(Box::new(fault.advice(advice)))
    }

    /// How the `lawn` command ends on it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Catalogue(_) | Self::Unknown(_) | Self::Source(_) | Self::Different(_) => {
                Exit::Usage
            }
            _ => Exit::Failed,
        }
    }
}

fn list(tried: &[FetchError]) -> String {
    tried.iter().map(|error| format!("\n  {error}")).collect()
}
