//! Why a data set could not be got.

use std::path::PathBuf;

use super::fault::{Fault, listed};
use crate::exit::Exit;

/// Why a data set could not be got.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A catalogue does not say what it must.
    #[error("{0}")]
    Catalogue(Box<Fault>),
    /// No catalogue has a data set of this name.
    #[error("no data set is called \"{name}\"; known: {}", listed(known))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A source is neither an address nor a folder.
    #[error(
        "the source \"{found}\" is {detail}; allowed: an address that begins with http:// or https://, or a folder"
    )]
    Source {
        /// The source.
        found: String,
        /// What it is.
        detail: &'static str,
    },
    /// What a source has is another file than the catalogue says.
    #[error(
        "{file}: {what} should be {expected} and is {found} at {source_name}; nothing of it is kept"
    )]
    Mismatch {
        /// Name of the file.
        file: String,
        /// What was compared.
        what: &'static str,
        /// What the catalogue says.
        expected: String,
        /// What was found.
        found: String,
        /// Where it came from.
        source_name: String,
    },
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
    #[error(
        "{} is there, and its {what} is {found}, not {expected}; move it away to get it anew",
        path.display()
    )]
    Different {
        /// The file.
        path: PathBuf,
        /// What was compared.
        what: &'static str,
        /// What the catalogue says.
        expected: String,
        /// What was found.
        found: String,
    },
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
    /// How the `lawn` command ends on it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Catalogue(_)
            | Self::Unknown { .. }
            | Self::Source { .. }
            | Self::Different { .. } => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

fn list(tried: &[FetchError]) -> String {
    tried.iter().map(|error| format!("\n  {error}")).collect()
}
