//! An error that names file, line, column, what was found and what is allowed.

use std::ops::Range;
use std::path::Path;

/// A sweep file that cannot be used, and where and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", shown.text)]
pub struct ConfigError {
    /// The file, as the user named it, or `--set`.
    pub origin: String,
    /// One-based line of the fault; 0 where the file could not be read.
    pub line: usize,
    /// One-based column of the fault, in characters.
    pub column: usize,
    /// What was found, in one line.
    pub message: String,
    /// What is allowed in its place; empty where no list can say it.
    pub allowed: Vec<String>,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// Boxed, since every result holds an error.
    pub(crate) shown: Box<Shown>,
}

/// How an error is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// With the lines that it is about.
    pub(crate) text: String,
    /// Its place, in bytes of all texts of its source.
    pub(crate) span: Range<usize>,
}

impl ConfigError {
    pub(crate) fn read(path: &Path, error: &std::io::Error) -> Self {
        let origin = path.display().to_string();
        let message = format!("cannot read {origin}: {error}");
        // What some verbs take and others do not.
        let within = path.join("sweep.toml");
        let help = within.is_file().then(|| {
            let file = within.display();
            format!("{origin} is the directory of a run; its sweep file is {file}")
        });
        let helped = help.as_ref().map(|help| format!("\nhelp: {help}"));
        let text = format!("error: {message}{}", helped.unwrap_or_default());
        Self {
            origin,
            line: 0,
            column: 0,
            message,
            allowed: Vec::new(),
            help,
            shown: Box::new(Shown { text, span: 0..0 }),
        }
    }
}
